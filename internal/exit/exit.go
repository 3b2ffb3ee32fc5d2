// Package exit holds the exit statuses of mqx, one table for every command, and the error that carries one.
//
// A command returns an [*Error] made with [New] or [Wrap]; main prints it once with [Line] and ends with [CodeOf].
// The numbers are a promise to scripts: adding one is a feature, changing one breaks users.
package exit

// Code is an exit status.
type Code int

// The exit statuses.
const (
	OK          Code = 0   // done and confirmed
	Negative    Code = 1   // the answer is no
	Usage       Code = 2   // wrong usage or configuration
	Unreachable Code = 3   // no connection, or lost for good
	Refused     Code = 4   // the broker said no
	Timeout     Code = 5   // nothing, or too little, in time
	Offline     Code = 6   // the device is offline
	Rejected    Code = 7   // the device said no
	Conflict    Code = 8   // somebody else was faster
	Partial     Code = 9   // some done, some not
	BadData     Code = 10  // an unparsable document
	Interrupted Code = 130 // SIGINT
	Terminated  Code = 143 // SIGTERM
)

// Row is one line of the table that help and documentation print.
type Row struct {
	Code     Code   `json:"code"`
	Meaning  string `json:"meaning"`
	Examples string `json:"examples"`
}

// Table returns every exit status in ascending order.
func Table() []Row {
	return []Row{
		{OK, "done, confirmed", "stored, received, converged, clean"},
		{Negative, "negative answer", "assertion failed, findings, drift, not found"},
		{Usage, "usage or configuration", "unknown flag, bad filter, unreadable file"},
		{Unreachable, "cannot reach", "DNS, TCP refused, TLS failure, no CONNACK in time, connection lost for good"},
		{Refused, "refused by the broker", "CONNACK, SUBACK, PUBACK or PUBREC with a Reason Code of 0x80 or more"},
		{Timeout, "timeout", "nothing (or too little) arrived in time"},
		{Offline, "device offline", "waiting for a device that is not there"},
		{Rejected, "rejected by the device", "an error answer"},
		{Conflict, "conflict", "lost race, superseded, session taken over"},
		{Partial, "partial", "bulk work: some done, some not (each is listed)"},
		{BadData, "bad data", "an unparsable document where one is required"},
		{Interrupted, "interrupted by SIGINT", "Ctrl-C, after a clean DISCONNECT"},
		{Terminated, "interrupted by SIGTERM", "kill, after a clean DISCONNECT"},
	}
}

// Meaning returns the code's words from the table, empty for a code that is not in it.
func (c Code) Meaning() string {
	for _, r := range Table() {
		if r.Code == c {
			return r.Meaning
		}
	}
	return ""
}
