package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/faults"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/userfile"
	"github.com/mqx-cli/mqx/internal/wire"
)

// brokerFaults is what goes wrong on purpose, and the log of packets and faults.
type brokerFaults struct {
	spec string
	seed uint64
	log  logFlag
}

// logFlag is how packets are logged: not at all, as text or as JSON.
type logFlag string

// Set parses the format.
func (f *logFlag) Set(s string) error {
	if s != "text" && s != "json" {
		return fmt.Errorf("%q is not one of text, json", s)
	}
	*f = logFlag(s)
	return nil
}

// String returns the format.
func (f *logFlag) String() string { return string(*f) }

// Type names the value in help.
func (*logFlag) Type() string { return "text|json" }

func (o *brokerFaults) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.spec, "faults", "", "what goes wrong on purpose, such as 'drop puback every=10 then=disconnect', or @FILE")
	fs.Uint64Var(&o.seed, "seed", 1, "what the faults depend on: the same seed and traffic meet the same faults")
	fs.Var(&o.log, "log", "log each packet on stderr")
}

// maxFaults bounds a file of faults, in bytes.
const maxFaults = 1 << 20

// apply reads the faults and sets up the log. Faults are logged as JSON also when packets are not.
func (o *brokerFaults) apply(ctx context.Context, e *env, config *broker.Config) error {
	spec := o.spec
	if name, ok := strings.CutPrefix(spec, "@"); ok {
		text, err := userfile.Read(ctx, name, maxFaults)
		if err != nil {
			return exit.Wrap(exit.Usage, "--faults", "", err)
		}
		spec = string(text)
	}
	plan, err := faults.Parse(spec, o.seed)
	if err != nil {
		return exit.Wrap(exit.Usage, "--faults", "", err).Hint("see mqx broker --help")
	}
	config.Faults = plan
	log := &brokerLog{w: e.streams.Err, text: o.log == "text"}
	config.OnFault = log.fault
	if o.log != "" {
		config.Packets = log.packet
	}
	return nil
}

// brokerLog writes what happens in a broker, a line each.
type brokerLog struct {
	mu   sync.Mutex
	w    io.Writer
	text bool
}

// brokerLine is a line of the log.
type brokerLine struct {
	Time        string        `json:"time"`
	Event       string        `json:"event"` // packet or fault
	Rule        int           `json:"rule,omitempty"`
	Action      faults.Action `json:"action,omitempty"`
	DelayMS     float64       `json:"delay_ms,omitempty"`
	ForMS       float64       `json:"for_ms,omitempty"`
	RefusedWith byte          `json:"refused_with,omitempty"`
	Then        string        `json:"then,omitempty"`
	Direction   string        `json:"direction"` // in: from the client
	Client      string        `json:"client_id"`
	Packet      string        `json:"packet"`
	PacketID    uint16        `json:"packet_id,omitempty"`
	Topic       string        `json:"topic,omitempty"`
	Filters     []string      `json:"filters,omitempty"`
	QoS         byte          `json:"qos,omitempty"`
	Dup         bool          `json:"dup,omitempty"`
	Retain      bool          `json:"retain,omitempty"`
	Code        byte          `json:"reason_code,omitempty"`
	Codes       []int         `json:"reason_codes,omitempty"`
	Size        int           `json:"size,omitempty"`
	Payload     int           `json:"payload_size,omitempty"`
}

func newBrokerLine(event string, p *broker.PacketEvent) brokerLine {
	l := brokerLine{
		Time: p.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), Event: event, Direction: "in", Client: p.ClientID,
		Packet: p.Type.String(), PacketID: p.PacketID, Topic: p.Topic, Filters: p.Filters, QoS: p.QoS, Dup: p.Dup, Retain: p.Retain,
		Code: byte(p.Code), Size: p.Size, Payload: p.Payload,
	}
	if p.Out {
		l.Direction = "out"
	}
	for _, c := range p.Codes {
		l.Codes = append(l.Codes, int(c))
	}
	return l
}

func (l *brokerLog) packet(p broker.PacketEvent) { l.write(newBrokerLine("packet", &p)) }

func (l *brokerLog) fault(f broker.FaultEvent) {
	line := newBrokerLine("fault", &f.Packet)
	line.Rule, line.Action, line.RefusedWith = f.Rule, f.Action, byte(f.Code)
	line.DelayMS, line.ForMS = milliseconds(f.After), milliseconds(f.For)
	if f.Then {
		line.Then = "disconnect"
	}
	l.write(line)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (l *brokerLog) write(line brokerLine) {
	var b []byte
	if l.text && line.Event == "packet" {
		b = line.plain()
	} else {
		var err error
		if b, err = json.Marshal(line); err != nil {
			return // there is nothing in it that JSON cannot say
		}
		b = append(b, '\n')
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.w.Write(b) // nobody is left to be told
}

// plain is the line for people.
func (line *brokerLine) plain() []byte {
	arrow := "<-"
	if line.Direction == "out" {
		arrow = "->"
	}
	b := fmt.Appendf(nil, "%s %s %q %s", line.Time, arrow, line.Client, line.Packet)
	if line.PacketID > 0 {
		b = fmt.Appendf(b, " %d", line.PacketID)
	}
	for _, name := range append(line.Filters, line.Topic) {
		if name != "" {
			b = fmt.Appendf(b, " %q", name)
		}
	}
	if line.Packet == wire.PUBLISH.String() {
		b = fmt.Appendf(b, " qos %d retain %t dup %t, %d bytes", line.QoS, line.Retain, line.Dup, line.Payload)
	}
	for _, code := range append(line.Codes, int(line.Code)) {
		if code > 0 {
			b = fmt.Appendf(b, " 0x%02X", code)
		}
	}
	return append(b, '\n')
}
