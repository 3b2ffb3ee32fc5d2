package commands

import (
	"fmt"
	"strings"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/users"
)

func (x *export) note(format string, args ...any) {
	x.notes = append(x.notes, fmt.Sprintf(format, args...))
}

// untold notes what the flags ask for and Mosquitto has no option for.
func (o *brokerExportOptions) untold(x *export) {
	defaults, c := broker.Config{}.WithDefaults(), &o.limits.config
	const missing = "%s: Mosquitto has no such limit"
	for _, limit := range []struct {
		flag string
		set  bool
	}{
		{"--max-sessions", c.MaxSessions > 0},
		{"--max-connect-rate", c.MaxConnectRate > 0},
		{"--max-total-queued-bytes", c.MaxTotalQueuedBytes > 0},
		{"--max-retained", c.MaxRetained > 0},
		{"--max-retained-bytes", c.MaxRetainedBytes != defaults.MaxRetainedBytes},
		{"--max-subscriptions", c.MaxSubscriptions != defaults.MaxSubscriptions},
	} {
		if limit.set {
			x.note(missing, limit.flag)
		}
	}
	if c.MaxTopicLevels > 0 {
		x.note("--max-topic-levels: Mosquitto always allows 200 levels")
	}
	if c.MaxClients > 0 && len(x.server.Listeners) > 1 {
		x.note("--max-clients: Mosquitto 2.0 counts the clients of each listener for itself, so there may be %d",
			c.MaxClients*len(x.server.Listeners))
	}
	if o.listen.wsPath != "" {
		x.note("--ws-path: Mosquitto takes every path")
	}
	if o.listen.wsPort.given || o.listen.wssPort.given {
		x.note("WebSockets: Mosquitto 2.0 takes web pages from every origin")
	}
	if o.faults.spec != "" {
		x.note("--faults: Mosquitto makes none")
	}
	if o.faults.log != "" {
		x.note("--log: Mosquitto logs packets with log_type debug")
	}
	if o.data.dir == "" {
		x.note("without --data-dir nothing outlives Mosquitto either: pass it for a Server that is to stay")
	} else {
		x.note("--data-dir: what mqx has kept there is not taken along: mqx retained dump and load do that for Retained Messages")
	}
	if n := x.scramUsers(o.access.files.Users); n > 0 {
		x.note("--users: Mosquitto serves no SCRAM: %d of the users log in with their passwords only", n)
	}
	if o.listen.autoTLS != "" && x.base != "" {
		x.note("--tls-auto: the copied certificate is not renewed by mqx: export again before it ends")
	}
}

// scramUsers counts the users of a password file who have a record for SCRAM.
func (x *export) scramUsers(file string) int {
	if file == "" {
		return 0
	}
	text, err := x.read(file)
	if err != nil {
		return 0 // that it can be read was checked
	}
	f, err := users.Parse(text)
	if err != nil {
		return 0
	}
	n := 0
	for _, name := range f.Names() {
		if _, ok := f.Scram(name); ok {
			n++
		}
	}
	return n
}

// choiceOnly takes the one word that there is so far.
type choiceOnly struct {
	value *string
	only  string
}

// Set checks the word.
func (f choiceOnly) Set(s string) error {
	if !strings.EqualFold(s, f.only) {
		return fmt.Errorf("%s is expected", f.only)
	}
	*f.value = f.only
	return nil
}

// String returns the value.
func (f choiceOnly) String() string {
	if f.value == nil {
		return ""
	}
	return *f.value
}

// Type names the value in help.
func (f choiceOnly) Type() string { return f.only }
