package exit

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode"
)

// Error says what went wrong, where, why and what to do next, and which status the program ends with.
type Error struct {
	Code Code
	// What is the operation in the present tense: "connect", "publish".
	What string
	// Where is its object: an address, a topic, a file, a flag. It may be empty.
	Where string
	// Why is the cause. It may be nil when What and Where say it all.
	Why error
	// Next is the next step for the user. It may be empty.
	Next string
}

// New returns an error whose cause is a sentence of ours.
func New(code Code, what, where, why string) *Error {
	e := &Error{Code: code, What: what, Where: where}
	if why != "" {
		e.Why = errors.New(why)
	}
	return e
}

// Wrap returns an error around a cause.
func Wrap(code Code, what, where string, why error) *Error {
	return &Error{Code: code, What: what, Where: where, Why: why}
}

// Hint sets the next step and returns e.
func (e *Error) Hint(next string) *Error {
	e.Next = next
	return e
}

// Error returns "what where: why - next" on one line, without the parts that are empty.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.What)
	if e.Where != "" {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(e.Where)
	}
	if e.Why != nil {
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(e.Why.Error())
	}
	if e.Next != "" {
		b.WriteString(" - ")
		b.WriteString(e.Next)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Why }

// SilentError ends the program with a code without a line of its own: everything has been said.
type SilentError struct{ Code Code }

// Error returns the meaning of the code.
func (e *SilentError) Error() string { return e.Code.Meaning() }

// ErrOutputClosed says that whoever read our standard output has gone, as in `mqx sub … | head -1`. That is a quiet end
// with status 0.
var ErrOutputClosed = errors.New("standard output is closed")

// CodeOf returns the exit status that err stands for: 0 for nil and for [ErrOutputClosed], that of the outermost [*Error]
// or [*SilentError] in its chain, else [Negative].
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[*SilentError](err); ok {
		return e.Code
	}
	if errors.Is(err, ErrOutputClosed) {
		return OK
	}
	return Negative
}

// Line returns the line to print for err, without a line feed: empty when there is nothing to say. Text that came from
// elsewhere (a Reason String, a file name) cannot break the line or reach the terminal as a control sequence.
func Line(err error) string {
	if !worthSaying(err) {
		return ""
	}
	return "mqx: " + oneLine(err.Error())
}

// JSON returns the object that is printed in place of [Line] where the output is JSON.
func JSON(err error) string {
	if !worthSaying(err) {
		return ""
	}
	b, jsonErr := json.Marshal(struct {
		Error string `json:"error"`
		Code  Code   `json:"code"`
	}{oneLine(err.Error()), CodeOf(err)})
	if jsonErr != nil { // cannot happen: a string and an int
		return Line(err)
	}
	return string(b)
}

func worthSaying(err error) bool {
	if err == nil || CodeOf(err) == OK {
		return false
	}
	_, silent := errors.AsType[*SilentError](err)
	return !silent
}

// oneLine replaces control characters, line separators and marks that reorder text.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
