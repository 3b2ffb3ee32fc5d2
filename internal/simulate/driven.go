package simulate

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/profile"
)

// What follows is for those who drive a device over a real connection.

// From is the device as the profile has it.
func (d *Device) From() profile.Device { return d.from }

// Path tells the device apart within the fleet.
func (d *Device) Path() string { return d.path }

// Faulty reports whether anything ever goes wrong with the device.
func (d *Device) Faulty() bool { return len(d.faults) > 0 }

// Connecting reports whether the device waits for [Device.Connected] or [Device.Disconnected].
func (d *Device) Connecting() bool { return d.state == connecting }

// WillMark is the Will Message of one connection, in the little that tells it from others. The zero mark is none.
type WillMark struct {
	boot, links uint32
	retain, set bool
}

// Is reports whether there is a Will Message.
func (m WillMark) Is() bool { return m.set }

// MarkWill is the mark of what [Device.Will] returns now.
func (d *Device) MarkWill() WillMark {
	m, _ := d.Will()
	if m == nil {
		return WillMark{}
	}
	links := d.links
	if d.state == connecting {
		links++
	}
	return WillMark{uint32(d.boot), uint32(links), m.Retain, true}
}

// WillOf is the Will Message of a mark, as the Server publishes it.
func (d *Device) WillOf(mark WillMark) *Made {
	boot, links := d.boot, d.links
	d.boot, d.links = int(mark.boot), int(mark.links)
	m := d.status(0, false)
	d.boot, d.links = boot, links
	m.Retain = mark.retain
	return &Made{Device: d.path, Index: d.from.Index, Clean: m, Message: m, Will: true, Faults: d.activeFaults()}
}

// Up reports whether the device takes its connection to stand.
func (d *Device) Up() bool { return d.state == up || d.state == dark }

// HasWillDelay reports whether the Server is to wait before it publishes the Will Message.
func (d *Device) HasWillDelay() bool { return d.kind.Status.Will && d.kind.Status.WillDelay > 0 }

// ClientID is the Client Identifier of the next connection. What looks like chance in it is the same in each run.
func (d *Device) ClientID() string {
	p := d.run.Profile
	id := strings.ReplaceAll(p.ClientID(&d.from), "{boot}", d.bootID())
	if strings.Contains(id, "{random}") {
		id = strings.ReplaceAll(id, "{random}", fmt.Sprintf("%08x", uint32(profile.Hash(p.Seed, p.Name, "client", d.path))))
	}
	if d.renamed > 0 {
		id = fmt.Sprintf("%s-%d", id, d.renamed+1)
	}
	return id
}

// ActiveFault returns a fault of a kind that is going on, or nil.
func (d *Device) ActiveFault(kind string) *profile.Fault {
	for _, f := range d.faults {
		if f.on && f.Kind.Name == kind {
			return f.Fault
		}
	}
	return nil
}

// Calm lets no acknowledgement be lost any more: the run is about to end.
func (d *Device) Calm() { d.calm = true }

// LosesAck decides whether the acknowledgement of a message that the device sends gets lost.
func (d *Device) LosesAck() bool {
	if d.calm {
		return false
	}
	for _, f := range d.faults {
		if f.on && f.Kind.Name == "withhold_puback" && f.s.happens(f.Chance) {
			return true
		}
	}
	return false
}

// WithholdsAck decides whether the device does not acknowledge a message that it has received. What comes in changes nothing
// of what it sends: the chances of that have a stream of their own.
func (d *Device) WithholdsAck() bool {
	if d.calm {
		return false
	}
	for _, f := range d.faults {
		if !f.on || f.Kind.Name != "withhold_puback" {
			continue
		}
		if f.received == nil {
			f.received = d.stream("fault", f.Name, "received")
		}
		if f.received.happens(f.Chance) {
			return true
		}
	}
	return false
}

// ActiveFaults are the names of the faults that are going on.
func (d *Device) ActiveFaults() []string { return d.activeFaults() }

// StrayCommand is a command as a careless backend leaves it at the device, retained; it is not ok where the contract has no
// commands.
func (d *Device) StrayCommand(now time.Duration) (m *Made, ok bool) {
	if !d.run.Layout.Has(contract.Command) {
		return nil, false
	}
	name := "ping"
	if list := d.kind.Commands.List; len(list) > 0 {
		name = list[0].Name
	}
	body := payload.AppendValue(nil, map[string]any{
		"id": fmt.Sprintf("stray-%08x", uint32(profile.Hash(d.run.Profile.Seed, d.run.Profile.Name, "stray", d.path))), "name": name,
		"ts": json.Number(fmt.Sprint(d.run.Start.Add(now).UnixMilli())),
	})
	clean := message.Message{Topic: d.topic(contract.Command, ""), QoS: 1, Retain: true, Payload: body}
	d.seq++
	return &Made{Device: d.path, Index: d.from.Index, Seq: d.seq, Due: now, Sent: now, Clean: clean, Message: clean, Faults: d.activeFaults()}, true
}

// Retained are the topics at which the device leaves Retained Messages whatever it measures.
func (d *Device) Retained() []string {
	var topics []string
	if d.kind.Status.Retain {
		topics = append(topics, d.statusTop)
	}
	if d.reports() {
		topics = append(topics, d.topic(contract.Reported, ""))
	}
	return topics
}
