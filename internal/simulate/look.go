package simulate

import (
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// Look is what there is to see of a device at a time.
type Look struct {
	// Status is what the device is about, in a word: online, connecting, offline, crashed, rebooting, blackhole.
	Status string
	// Session is what its presence messages name, Desired and Reported are the revisions that it knows of and has reported
	// last, 0 for none.
	Session           string
	Desired, Reported int64
	Signals           []SignalLook
	// Commands are the last ones, the newest first. Faults are the names of those that go on.
	Commands []CommandLook
	Faults   []string
	// Waiting is how many messages wait for a connection.
	Waiting int
}

// SignalLook is a signal of a [Look].
type SignalLook struct {
	Name, Unit string
	// Value is the last: float64, [encoding/json.Number], string, bool, [Position] or nothing that people read. It is nil
	// before the first.
	Value any
	// Count is how often it was measured.
	Count int64
	// Every is the time between measurements, on average; 0 where it is sent when it changes.
	Every time.Duration
}

// CommandLook is a command of a [Look].
type CommandLook struct {
	ID, Name string
	// Status is running, done or rejected.
	Status string
}

// mostCommands is how many commands are looked back at.
const mostCommands = 3

// Look returns what there is to see. It may be called from any goroutine.
func (l *Live) Look() Look {
	l.mu.Lock()
	defer l.mu.Unlock()
	look := l.device.Look()
	if look.Status == statusOnline && !l.online {
		look.Status = statusConnecting
	}
	return look
}

const (
	statusOnline     = "online"
	statusConnecting = "connecting"
)

// Look returns what there is to see.
func (d *Device) Look() Look {
	look := Look{
		Status: d.statusWord(), Session: d.session(), Faults: d.activeFaults(), Waiting: len(d.waiting), Commands: slices.Clone(d.orders.last),
	}
	if seen := d.twin.seen; seen != nil {
		look.Desired, look.Reported = seen.rev, seen.rev
	}
	for _, doc := range d.twin.documents {
		look.Desired = max(look.Desired, doc.rev)
	}
	for _, s := range d.signals {
		one := SignalLook{Name: s.Name, Unit: s.Unit, Value: s.current, Count: s.count, Every: s.Every.Average()}
		if d.settings.interval > 0 && !s.Event {
			one.Every = profile.Fixed(d.settings.interval).Average()
		}
		look.Signals = append(look.Signals, one)
	}
	return look
}

func (d *Device) statusWord() string {
	switch {
	case d.active("crash"):
		return "crashed"
	case d.active("reboot"):
		return "rebooting"
	case d.state == up:
		return statusOnline
	case d.state == dark:
		return "blackhole"
	case d.state == connecting:
		return statusConnecting
	default:
		return "offline"
	}
}

// noteCommand keeps what became of a command, the last few.
func (o *orders) noteCommand(c call, status string) {
	for i := range o.last {
		if one := &o.last[i]; one.ID == c.text && one.Name == c.name && one.Status == "running" {
			one.Status = status
			return
		}
	}
	o.last = slices.Insert(o.last, 0, CommandLook{c.text, c.name, status})
	o.last = o.last[:min(len(o.last), mostCommands)]
}
