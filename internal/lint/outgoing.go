package lint

import "github.com/mqx-cli/mqx/internal/message"

// Outgoing checks a message that is about to be published, and returns what is wrong with it: each time anew, since each
// message is sent or not. What came before counts where a rule compares messages. The report has none of these findings.
func (l *Linter) Outgoing(m message.Message) []Finding {
	l.outgoing, l.latest = true, nil
	defer func() { l.outgoing = false }()
	l.Message(Messages, m, true, Place{})
	return l.latest
}

// Line is the finding in one line, for those who show no place: severity, code, name and what is wrong. Text from elsewhere is
// escaped.
func (f *Finding) Line() string {
	text := f.Severity.String() + " " + f.Code + " " + f.Name + ": "
	if f.Where.Pointer != "" {
		text += f.Where.Pointer + ": "
	}
	return Escape(text + f.Message)
}
