package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/mqx-cli/mqx/internal/message"
)

// MosquittoOptions say how mosquitto_sub and mosquitto_rr print messages.
type MosquittoOptions struct {
	// Format prints each message as it says, nil for the payload.
	Format *Format
	// Topic puts the topic before the payload.
	Topic bool
	// NoNewline leaves out the line feed.
	NoNewline bool
	// Pretty folds the JSON of %j and %J.
	Pretty bool
	// Watch keeps a row for each topic; Host is named above them.
	Watch bool
	Host  string
	// Rate prints how many messages came in each second in their place, see [Mosquitto.Second].
	Rate bool
	// Pass, when set, decides which messages are printed; the others count all the same.
	Pass func() bool
}

// Mosquitto prints messages as mosquitto_sub does, byte for byte. It is not safe for concurrent use.
type Mosquitto struct {
	out, errs io.Writer
	options   MosquittoOptions
	buf       []byte
	rows      map[string]int
	received  int
	failed    error
}

// NewMosquitto returns a printer to out; what is wrong with a message is told to errs.
func NewMosquitto(out, errs io.Writer, o MosquittoOptions) *Mosquitto {
	p := &Mosquitto{out: out, errs: errs, options: o}
	if o.Watch {
		p.rows = map[string]int{}
		p.buf = append(p.buf, "\x1b[2J\x1b[1;1HBroker: "+o.Host+"\n"...)
	}
	return p
}

// Message takes m. It counts as shown also where there is nothing to print.
func (p *Mosquitto) Message(m message.Message) (bool, error) {
	if p.options.Pass != nil && !p.options.Pass() {
		return true, nil
	}
	switch {
	case p.options.Rate:
		p.received++
		return false, nil
	case p.options.Watch:
		p.row(m)
	default:
		p.print(m)
	}
	return true, nil
}

// Second prints the messages of the last second and counts anew.
func (p *Mosquitto) Second() error {
	p.buf = fmt.Appendf(p.buf, "%d msgs/s\n", p.received)
	p.received = 0
	return p.Flush()
}

// Print adds text of another kind.
func (p *Mosquitto) Print(text string) { p.buf = append(p.buf, text...) }

// Buffered is how many bytes wait for Flush.
func (p *Mosquitto) Buffered() int { return len(p.buf) }

// Flush writes what was taken. When nobody reads any more the error wraps exit.ErrOutputClosed. An error is final.
func (p *Mosquitto) Flush() error {
	if len(p.buf) == 0 || p.failed != nil {
		return p.failed
	}
	_, err := p.out.Write(p.buf)
	if p.buf = p.buf[:0]; cap(p.buf) > keepBuffer {
		p.buf = nil
	}
	p.failed = writeError(err)
	return p.failed
}

// row prints m on the row of its topic, on one line.
func (p *Mosquitto) row(m message.Message) {
	const first = 2
	n, known := p.rows[m.Topic]
	if !known {
		n = first + len(p.rows)
		p.rows[m.Topic] = n
	}
	start := append(p.buf, "\x1b["+strconv.Itoa(n)+";1H\x1b[K"...)
	p.buf = nil
	p.print(m)
	p.buf = AppendEscaped(start, bytes.TrimSuffix(p.buf, []byte("\n")))
	p.buf = append(p.buf, '\n')
}

func (p *Mosquitto) print(m message.Message) {
	empty := len(m.Payload) == 0
	switch o := &p.options; {
	case o.Format != nil:
		p.buf = o.Format.appendMosquitto(p.buf, m, o.Pretty, p.invalid)
	case o.Topic && empty && o.NoNewline, !o.Topic && empty:
		return
	case o.Topic && empty:
		p.buf = append(append(p.buf, m.Topic...), " (null)"...)
	case o.Topic:
		p.buf = append(append(append(p.buf, m.Topic...), ' '), m.Payload...)
	default:
		p.buf = append(p.buf, m.Payload...)
	}
	if !p.options.NoNewline {
		p.buf = append(p.buf, '\n')
	}
}

// invalid tells of a payload that cannot stand in JSON.
func (p *Mosquitto) invalid(m message.Message) {
	fmt.Fprintf(p.errs, "Error: Message payload is not valid JSON on topic %s.\n", m.Topic)
}

// appendMosquitto is Append for a program that knows only bytes: %J is nothing for a payload that is not JSON.
func (f *Format) appendMosquitto(dst []byte, m message.Message, pretty bool, invalid func(message.Message)) []byte {
	for i := range f.parts {
		p := &f.parts[i]
		switch {
		case p.verb == 0:
			dst = append(dst, p.text...)
		case p.time:
			dst = appendTimeVerb(dst, m.Time.Local(), p.verb)
		case p.verb == 'J' && len(m.Payload) > 0 && !json.Valid(m.Payload):
			invalid(m)
		case p.verb == 'j', p.verb == 'J':
			var embedded []byte
			if p.verb == 'J' {
				embedded = compacted(m.Payload)
			}
			object := appendMosquittoJSON(nil, m, embedded)
			if pretty {
				dst = appendFolded(dst, object)
			} else {
				dst = append(dst, object...)
			}
		default:
			dst = p.append(dst, m, false)
		}
	}
	return dst
}

// compacted is JSON without white space; numbers and strings stay as they are.
func compacted(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

// appendFolded appends compact JSON as mosquitto prints it for people: a member a line, after as many tabs as it is deep.
func appendFolded(dst, compact []byte) []byte {
	var open []byte // the brackets around
	for i := 0; i < len(compact); i++ {
		switch c := compact[i]; c {
		case '"':
			n := stringEnd(compact[i:])
			dst = append(dst, compact[i:i+n]...)
			i += n - 1
		case '{':
			open = append(open, c)
			dst = append(append(dst, c), '\n')
			if compact[i+1] != '}' {
				dst = appendRepeat(dst, '\t', len(open))
			}
		case '[':
			open = append(open, c)
			dst = append(dst, c)
		case '}':
			open = open[:len(open)-1]
			if compact[i-1] != '{' {
				dst = append(dst, '\n')
			}
			dst = append(appendRepeat(dst, '\t', len(open)), c)
		case ']':
			open = open[:len(open)-1]
			dst = append(dst, c)
		case ':':
			dst = append(dst, ':', '\t')
		case ',':
			if open[len(open)-1] == '[' {
				dst = append(dst, ',', ' ')
				break
			}
			dst = appendRepeat(append(dst, ',', '\n'), '\t', len(open))
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// stringEnd is the length of the JSON string that text begins with.
func stringEnd(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}
