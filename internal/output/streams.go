// Package output is where mqx decides how something is shown: styled text on a terminal, plain text in a pipe, or one
// JSON object a line. Commands never ask what their output is connected to.
//
// Start with [Streams] and [NewMessages]. The package knows messages and results, not sessions.
package output

import (
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Streams are the standard streams of a command and what is known about them.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// InTTY, OutTTY and ErrTTY say which of them are terminals.
	InTTY, OutTTY, ErrTTY bool
	// NoColor is true when the environment asks for plain text (NO_COLOR).
	NoColor bool
}

// Terminal returns the terminal that is both read from and written to, for what takes it over as a whole. It is not ok
// when there is none.
func (s Streams) Terminal() (in, out *os.File, ok bool) {
	w := s.Out
	if y, yields := w.(*Yielding); yields {
		w = y.w
	}
	in, isIn := s.In.(*os.File)
	out, isOut := w.(*os.File)
	return in, out, isIn && isOut && s.InTTY && s.OutTTY
}

// outWidth is how wide the terminal is that standard output goes to, nil when it is none.
func (s Streams) outWidth() func() int {
	f, ok := Underlying(s.Out).(*os.File)
	if !ok || !s.OutTTY {
		return nil
	}
	return func() int {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
		return defaultWidth
	}
}

// Color says when text is styled.
type Color string

// The values of --color.
const (
	ColorAuto   Color = "auto"
	ColorAlways Color = "always"
	ColorNever  Color = "never"
)

// Set parses a value of --color.
func (c *Color) Set(s string) error {
	switch v := Color(strings.ToLower(s)); v {
	case ColorAuto, ColorAlways, ColorNever:
		*c = v
		return nil
	default:
		return errors.New("auto, always or never is expected")
	}
}

// String returns the value.
func (c *Color) String() string { return string(*c) }

// Type names the values in help.
func (*Color) Type() string { return "auto|always|never" }

// styled reports whether text on a stream is styled. An explicit --color wins over NO_COLOR.
func (c *Color) styled(tty, noColor bool) bool {
	switch *c {
	case ColorAlways:
		return true
	case ColorNever:
		return false
	default:
		return tty && !noColor
	}
}
