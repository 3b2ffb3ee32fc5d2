package output

import (
	"charm.land/lipgloss/v2"

	"github.com/mqx-cli/mqx/internal/message"
)

// Changes prints what becomes of Retained Messages: time, kind, topic and payload on a terminal and in a pipe, or messages
// in JSON with a first member "change". It is not safe for concurrent use.
type Changes struct {
	*Lines

	json   bool
	styles styles
}

// NewChanges returns a printer of changes for the standard output of s.
func NewChanges(s Streams, c Color, asJSON bool) *Changes {
	return &Changes{Lines: NewLines(s), json: asJSON, styles: newStyles(c.styled(s.OutTTY, s.NoColor) && !asJSON)}
}

// Change takes one change.
func (c *Changes) Change(kind string, m message.Message) {
	if c.json {
		line := append([]byte(`{"change":"`+kind+`",`), message.AppendJSON(nil, m)[1:]...)
		c.JSON(line)
		return
	}
	const widest = len("published")
	for len(kind) < widest {
		kind += " "
	}
	text := c.styles.apply(c.styles.time, m.Time.Local().Format("15:04:05.000")) + " " + c.styles.apply(c.styles.mark, kind) + " " +
		c.styles.apply(c.styles.topic, string(AppendEscaped(nil, []byte(m.Topic))))
	if len(m.Payload) > 0 {
		text += " " + string(AppendEscaped(nil, m.Payload))
	}
	c.Text(text + "\n")
}

// Marks style the words of a report; functions are nil where text is plain.
type Marks struct {
	Good, Bad, Doubtful, Faint func(string) string
}

// NewMarks returns the styles for the standard output of s.
func NewMarks(s Streams, c Color) Marks {
	if !c.styled(s.OutTTY, s.NoColor) {
		return Marks{}
	}
	in := func(style lipgloss.Style) func(string) string {
		return func(text string) string { return style.Render(text) }
	}
	return Marks{
		Good:     in(lipgloss.NewStyle().Foreground(lipgloss.Green)),
		Bad:      in(lipgloss.NewStyle().Foreground(lipgloss.Red)),
		Doubtful: in(lipgloss.NewStyle().Foreground(lipgloss.Yellow)),
		Faint:    in(lipgloss.NewStyle().Faint(true)),
	}
}
