package commands

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/presence"
)

// presenceJSON is a device, or a change of one, as JSON.
type presenceJSON struct {
	Time     string         `json:"time"`
	Device   string         `json:"device"`
	State    presence.State `json:"state"`
	Previous presence.State `json:"previous,omitempty"`
	Online   bool           `json:"online"`
	Since    string         `json:"since,omitempty"`
	LastSeen string         `json:"last_seen,omitempty"`
	Flaps    int            `json:"flaps"`
	WillSeen bool           `json:"will_seen"`
	Will     presence.Will  `json:"will,omitempty"`
	Session  string         `json:"session,omitempty"`
	Status   string         `json:"status,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Parent   string         `json:"parent,omitempty"`
	Faults   int            `json:"faults,omitempty"`
	Fault    string         `json:"fault,omitempty"`
}

// changeJSON is a change as JSON.
func changeJSON(c presence.Change) []byte {
	d := &c.Device
	return marshalLine(presenceJSON{
		Time: timeText(c.Time), Device: d.Name, State: d.State, Previous: c.Previous, Online: d.Online, Since: timeText(d.Since),
		LastSeen: timeText(d.LastSeen), Flaps: d.Flaps, WillSeen: d.WillSeen, Will: d.Will, Session: d.Session, Status: d.Status,
		Reason: d.Reason, Parent: d.Parent, Faults: d.Faults, Fault: d.Fault,
	})
}

// marshalLine is a value as JSON on one line.
func marshalLine(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // texts, numbers and booleans
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// stateNames are the states of devices by their names.
func stateNames() []string {
	var names []string
	for _, s := range presence.States() {
		names = append(names, string(s))
	}
	return names
}

// parseStates reads the names of states.
func parseStates(names []string) (map[presence.State]bool, error) {
	states := map[presence.State]bool{}
	for _, name := range names {
		if !slices.Contains(presence.States(), presence.State(name)) {
			return nil, exit.Wrap(exit.Usage, "--state", strconv.Quote(name), oneOf(name, stateNames()...))
		}
		states[presence.State(name)] = true
	}
	return states, nil
}

// timeText is a time as in messages, empty for none.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return string(message.AppendTime(nil, t))
}

// presenceColumns are the columns of a listing.
func presenceColumns() []string {
	return []string{"DEVICE", "STATE", "SINCE", "LAST SEEN", "FLAPS", "WILL", "SESSION", "REASON"}
}

// presenceCells are the cells of a device. Ages are shown on a terminal, times in a pipe.
func presenceCells(d presence.Device, now time.Time, tty bool) []output.Cell {
	at := func(t time.Time) string {
		switch {
		case t.IsZero():
			return "-"
		case tty:
			return output.ShortDuration(now.Sub(t))
		default:
			return t.UTC().Format(time.RFC3339)
		}
	}
	reason := d.Reason
	if d.Faults > 0 {
		reason = join(reason, "unreadable: "+d.Fault)
	}
	return []output.Cell{
		{Text: d.Name},
		{Text: string(d.State), Tone: toneOf(d.State)},
		{Text: at(d.Since), Tone: output.Faint},
		{Text: at(d.LastSeen), Tone: output.Faint},
		{Text: strconv.Itoa(d.Flaps), Tone: output.Faint},
		{Text: cmp.Or(string(d.Will), "-"), Tone: output.Faint},
		{Text: cmp.Or(d.Session, "-"), Tone: output.Faint},
		{Text: cmp.Or(reason, "-"), Tone: output.Faint},
	}
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// toneOf is how a state looks.
func toneOf(s presence.State) output.Tone {
	switch s {
	case presence.Online:
		return output.Good
	case presence.Offline:
		return output.Bad
	case presence.Sleeping, presence.Unknown:
		return output.Faint
	default:
		return output.Doubtful
	}
}

// sortedDevices are the devices of a fleet by name.
func sortedDevices(f *presence.Fleet) []presence.Device {
	return slices.SortedFunc(f.All(), func(a, b presence.Device) int { return cmp.Compare(a.Name, b.Name) })
}
