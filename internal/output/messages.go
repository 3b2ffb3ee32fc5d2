package output

import (
	"io"

	"charm.land/lipgloss/v2"
	"github.com/tidwall/gjson"
	"github.com/tidwall/pretty"

	"github.com/mqx-cli/mqx/internal/message"
)

// keepBuffer is the largest buffer that is kept from one flush to the next.
const keepBuffer = 1 << 20

// MessageOptions say how messages are shown. JSON and Format exclude each other.
type MessageOptions struct {
	// JSON prints each message as one JSON object.
	JSON bool
	// Format prints each message as it says.
	Format *Format
	// Path prints one gjson path of each payload.
	Path string
	// Topic puts the topic before the payload.
	Topic bool
	// NoNewline leaves out the line feed after the payload.
	NoNewline bool
	// Color says when the text is styled.
	Color Color
}

// Messages prints messages to standard output: styled lines on a terminal, payloads in a pipe, or JSON. It is not safe
// for concurrent use.
type Messages struct {
	w       io.Writer
	buf     []byte
	scratch []byte
	render  func(m message.Message) bool
	options MessageOptions
	tty     bool
	width   func() int // of the terminal, nil when it is not known
	column  int        // the width of the topics so far, on a terminal
	styles  styles
	extra   []byte // members of the JSON object that is being printed
	missing int
	failed  error // of a Flush: what it should have written is lost
}

// styles are the styles of a line on a terminal; the zero value leaves text as it is.
type styles struct {
	on                bool
	time, topic, mark lipgloss.Style

	key, text, number, word lipgloss.Style // of JSON
}

func newStyles(on bool) styles {
	if !on {
		return styles{}
	}
	return styles{
		on:    true,
		time:  lipgloss.NewStyle().Faint(true),
		topic: lipgloss.NewStyle().Foreground(lipgloss.Cyan),
		mark:  lipgloss.NewStyle().Foreground(lipgloss.Yellow),

		key:    lipgloss.NewStyle().Foreground(lipgloss.Blue),
		text:   lipgloss.NewStyle().Foreground(lipgloss.Green),
		number: lipgloss.NewStyle().Foreground(lipgloss.Yellow),
		word:   lipgloss.NewStyle().Foreground(lipgloss.Magenta),
	}
}

func (s *styles) apply(style lipgloss.Style, text string) string {
	if !s.on {
		return text
	}
	return style.Render(text)
}

// NewMessages returns a printer of messages for the standard output of s.
func NewMessages(s Streams, o MessageOptions) *Messages {
	m := &Messages{w: s.Out, options: o, tty: s.OutTTY, width: s.outWidth(), styles: newStyles(o.Color.styled(s.OutTTY, s.NoColor))}
	switch {
	case o.Path != "":
		m.render = m.path
	case o.JSON:
		m.render = m.json
	case o.Format != nil:
		m.render = m.format
	case s.OutTTY:
		m.render = m.line
	default:
		m.render = m.plain
	}
	return m
}

// Message takes msg and reports whether there was something to show. It is written with the next Flush.
func (m *Messages) Message(msg message.Message) (bool, error) {
	shown := m.render(msg)
	if !shown {
		m.missing++
	}
	return shown, nil
}

// Show is Message with more members of the JSON object, each with a comma before it; other forms leave them out.
func (m *Messages) Show(msg message.Message, extra []byte) (bool, error) {
	m.extra = extra
	shown, err := m.Message(msg)
	m.extra = nil
	return shown, err
}

// Line prints a line in the place of msg: text, or JSON where this is wanted, after the topic if that is wanted.
func (m *Messages) Line(msg message.Message, text []byte) { m.prefixed(msg, text) }

// Buffered is how many bytes wait for Flush.
func (m *Messages) Buffered() int { return len(m.buf) }

// Missing is how many messages had nothing at the path.
func (m *Messages) Missing() int { return m.missing }

// Flush writes what was taken. When nobody reads any more the error wraps exit.ErrOutputClosed. An error is final.
func (m *Messages) Flush() error {
	if len(m.buf) == 0 || m.failed != nil {
		return m.failed
	}
	_, err := m.w.Write(m.buf)
	if m.buf = m.buf[:0]; cap(m.buf) > keepBuffer {
		m.buf = nil
	}
	m.failed = writeError(err)
	return m.failed
}

func (m *Messages) json(msg message.Message) bool {
	if m.tty {
		m.scratch = m.appendJSON(m.scratch[:0], msg)
		m.buf = appendSafeJSON(m.buf, m.scratch)
	} else {
		m.buf = m.appendJSON(m.buf, msg)
	}
	m.buf = append(m.buf, '\n')
	return true
}

func (m *Messages) appendJSON(dst []byte, msg message.Message) []byte {
	dst = message.AppendJSON(dst, msg)
	if len(m.extra) > 0 {
		dst = append(append(dst[:len(dst)-1], m.extra...), '}')
	}
	return dst
}

// plain is the form for pipes: the bytes as they came.
func (m *Messages) plain(msg message.Message) bool {
	if m.options.Topic {
		m.buf = append(m.buf, m.styles.apply(m.styles.topic, msg.Topic)...)
		m.buf = append(m.buf, ' ')
	}
	m.buf = append(m.buf, msg.Payload...)
	m.newline()
	return true
}

func (m *Messages) format(msg message.Message) bool {
	m.buf = m.options.Format.Append(m.buf, msg, m.tty)
	m.newline()
	return true
}

func (m *Messages) newline() {
	if !m.options.NoNewline {
		m.buf = append(m.buf, '\n')
	}
}

// path prints the value at a gjson path: strings as their text, unless JSON is wanted; other values as JSON on one line.
func (m *Messages) path(msg message.Message) bool {
	if !message.IsJSON(msg.Payload) {
		return false
	}
	value := gjson.GetBytes(msg.Payload, m.options.Path)
	if !value.Exists() {
		return false
	}
	text := pretty.Ugly([]byte(value.Raw))
	if value.Type == gjson.String && !m.options.JSON {
		text = []byte(value.Str)
	}
	m.prefixed(msg, text)
	return true
}

// prefixed prints text in the place of msg.
func (m *Messages) prefixed(msg message.Message, text []byte) {
	if m.options.Topic && !m.options.JSON {
		m.buf = append(m.buf, m.shown([]byte(msg.Topic))...)
		m.buf = append(m.buf, ' ')
	}
	m.buf = append(m.buf, m.shown(text)...)
	m.newline()
}

// shown makes text harmless when it goes to a terminal.
func (m *Messages) shown(text []byte) []byte {
	switch {
	case !m.tty:
		return text
	case m.options.JSON:
		return appendSafeJSON(nil, text)
	default:
		return AppendEscaped(nil, text)
	}
}
