package yamlfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mqx-cli/mqx/internal/words"
)

// Error says what is wrong in a file: all of it, in the order of the lines.
type Error struct {
	File     string
	Problems []Problem
}

// Problem is one mistake in a file.
type Problem struct {
	Line, Column int // from 1, the column in characters; 0 when the file as a whole is meant
	Msg          string
	Next         string // what to write instead; may be empty
	Source       string // the line
	UnknownKey   bool   // a key is written that the file's format does not have
}

// Error is the first problem in one line.
func (e *Error) Error() string {
	p := e.Problems[0]
	text := e.File
	if p.Line > 0 {
		text += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	text += ": " + p.words()
	if n := len(e.Problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

func (p Problem) words() string {
	if p.Next == "" {
		return p.Msg
	}
	return p.Msg + " - " + p.Next
}

// Detail shows every problem with its line and a caret below the place, safe for a terminal.
func (e *Error) Detail() string {
	var b strings.Builder
	for _, p := range e.Problems {
		if p.Line == 0 {
			fmt.Fprintf(&b, "%s: %s\n", e.File, words.Printable(p.words()))
			continue
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s\n", e.File, p.Line, p.Column, words.Printable(p.words()))
		margin := fmt.Sprintf("%5d | ", p.Line)
		source := strings.ReplaceAll(p.Source, "\t", " ") // keeps the caret in its column
		before := string([]rune(source)[:min(p.Column-1, len([]rune(source)))])
		fmt.Fprintf(&b, "%s%s\n", margin, words.Printable(source))
		fmt.Fprintf(&b, "%s%s^\n", strings.Repeat(" ", len(margin)), strings.Repeat(" ", len([]rune(words.Printable(before)))))
	}
	return b.String()
}

// MistakeError is an error about the value of a key, with what to write instead: see [Document.Fault].
type MistakeError struct{ Msg, Next string }

// Error says what is wrong.
func (m *MistakeError) Error() string { return m.Msg }

// Mistakef makes a [*MistakeError].
func Mistakef(next, format string, args ...any) error {
	return &MistakeError{Msg: fmt.Sprintf(format, args...), Next: next}
}

// Fault notes what is wrong with the value of a key. Of a [*MistakeError] the next step is kept.
func (d *Document) Fault(p Pair, err error) {
	if m, ok := errors.AsType[*MistakeError](err); ok {
		d.Problem(p.Place(), p.Name+": "+m.Msg, m.Next)
		return
	}
	d.Problem(p.Place(), p.Name+": "+err.Error(), "")
}

// DidYouMean suggests the known word that is closest to what was written, or lists them all.
func DidYouMean(word string, known []string) string {
	best, least := "", 3 // further away is no slip
	for _, k := range known {
		if d := words.Distance(strings.ReplaceAll(strings.ToLower(word), "-", "_"), k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best == "" {
		return "known are " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("did you mean %q?", best)
}
