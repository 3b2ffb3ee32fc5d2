package simulate

import (
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
)

// Effect is what became of a message on its way.
type Effect string

// The effects.
const (
	Dropped    Effect = "dropped"
	Duplicated Effect = "duplicated"
	Late       Effect = "late"
	Reordered  Effect = "reordered"
	Altered    Effect = "altered"   // its payload
	Misplaced  Effect = "misplaced" // its topic
)

// LateAfter is from when on a message is late.
const LateAfter = time.Second

// Made is a message that a device made, and what became of it.
type Made struct {
	// Device is the path of the device, Index its number in the fleet, Seq the number of the message among the device's.
	Device string
	Index  int
	Seq    int64
	// Due is when it was to be sent, Sent when it was, since the run began.
	Due, Sent time.Duration
	// Clean is the message as the device meant it, Message as it is sent. They share what is the same.
	Clean, Message message.Message
	// Copies is how often it is sent beyond the first time. Unconfirmed says that one of these follows because its
	// acknowledgement is lost: over the next connection.
	Copies      int
	Unconfirmed bool
	// Again says that the message went out before, and goes out once more because the connection was lost before its
	// acknowledgement came.
	Again bool
	// Faults are those that were active at the time, whether they did something or not; Effects what they did.
	Faults  []string
	Effects []Effect
	// Signal is the name of the signal; Will says that the Server publishes it.
	Signal string
	Will   bool
	// Settled are the settings that a reported state obeys, which were wished for at Wished, since the run began.
	Settled []string
	Wished  time.Duration
}

// Drop takes note that the message never leaves.
func (m *Made) Drop() { m.Copies, m.Effects = 0, []Effect{Dropped} }

// Is reports whether something became of the message.
func (m *Made) Is(e Effect) bool { return slices.Contains(m.Effects, e) }

// Leave stamps a message that leaves now: due is when it was to be sent on the clock of who reads the ledger, sent when it
// is. Which delay and which order were made on purpose is marked.
func (m *Made) Leave(o Order, due, sent time.Time) {
	m.Clean.Time, m.Message.Time = due, sent
	if m.Sent-m.Due >= LateAfter && !m.Is(Dropped) {
		m.mark(Late)
	}
	if o != nil {
		o.follows(m)
	}
}

// Order marks the messages that others of their topic have overtaken.
type Order map[string]time.Duration

// follows takes note of a message that is sent. It is reordered when one that was due later was sent before.
func (o Order) follows(m *Made) {
	if m.Is(Dropped) {
		return
	}
	topic := m.Message.Topic
	if last, ok := o[topic]; ok && m.Due < last {
		m.mark(Reordered)
		return
	}
	o[topic] = m.Due
}

// mark adds an effect once.
func (m *Made) mark(e Effect) {
	if !m.Is(e) {
		m.Effects = append(m.Effects, e)
	}
}
