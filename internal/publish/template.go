package publish

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Template is text with places that are filled in for each message:
//
//	{{seq}}        the number of the message, from 1
//	{{now}}        the time, in RFC 3339 with milliseconds, in UTC
//	{{unix}}       the time, in seconds since 1970; {{unix_ms}} in milliseconds
//	{{uuid}}       a random UUID
//	{{rand 1 10}}  a number from 1 to 10; with as many decimals as the longer of the two has
//	{{env "X"}}    the environment variable X, which must be set
//	{{"text"}}     the text itself, so that {{ can be written: {{"{{"}}
//
// A Template does not change.
type Template struct{ parts []templatePart }

// templatePart is literal text, or a function that makes some.
type templatePart struct {
	text string
	fill func(dst []byte, f *Filling) []byte
}

// Filling is what the places of one message have in common.
type Filling struct {
	// Seq is the number of the message.
	Seq int
	// Now is its time.
	Now time.Time
}

// TemplateError is a place in a template that means nothing.
type TemplateError struct {
	Place string // as it stands there
	At    int    // its byte
	Msg   string
}

// Error says what and where.
func (e *TemplateError) Error() string {
	return fmt.Sprintf("template %q at byte %d: %s", e.Place, e.At, e.Msg)
}

const (
	templateOpen  = "{{"
	templateClose = "}}"
)

// ParseTemplate parses text. getenv looks up environment variables.
func ParseTemplate(text string, getenv func(string) (string, bool)) (*Template, error) {
	t := &Template{}
	for at := 0; at < len(text); {
		open := strings.Index(text[at:], templateOpen)
		if open < 0 {
			t.literal(text[at:])
			break
		}
		t.literal(text[at : at+open])
		at += open
		end := placeEnd(text[at:])
		if end < 0 {
			return nil, &TemplateError{text[at:min(len(text), at+20)], at, "}} is missing"}
		}
		place := text[at : at+end]
		if err := t.place(strings.TrimSpace(place[len(templateOpen):len(place)-len(templateClose)]), getenv); err != nil {
			return nil, &TemplateError{place, at, err.Error()}
		}
		at += end
	}
	return t, nil
}

// placeEnd returns the length of the place that text begins with, -1 when it has no end. A }} in quotes is not the end.
func placeEnd(text string) int {
	quoted := false
	for i := len(templateOpen); i < len(text); i++ {
		switch {
		case text[i] == '\n':
			return -1
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(text[i:], templateClose):
			return i + len(templateClose)
		}
	}
	return -1
}

func (t *Template) literal(text string) {
	if text != "" {
		t.parts = append(t.parts, templatePart{text: text})
	}
}

// place adds what stands between the braces.
func (t *Template) place(text string, getenv func(string) (string, bool)) error {
	if strings.HasPrefix(text, `"`) {
		s, err := strconv.Unquote(text)
		if err != nil {
			return fmt.Errorf("%s is no text in quotes", text)
		}
		t.literal(s)
		return nil
	}
	name, args, _ := strings.Cut(text, " ")
	args = strings.TrimSpace(args)
	if fill := plainPlace(name); fill != nil {
		if args != "" {
			return fmt.Errorf("%s takes nothing behind it", name)
		}
		t.parts = append(t.parts, templatePart{fill: fill})
		return nil
	}
	switch name {
	case "rand":
		fill, err := randomPlace(strings.Fields(args))
		if err != nil {
			return err
		}
		t.parts = append(t.parts, templatePart{fill: fill})
		return nil
	case "env":
		value, err := environmentPlace(args, getenv)
		t.literal(value)
		return err
	default:
		return fmt.Errorf(`seq, now, unix, unix_ms, uuid, rand 1 10, env "X" or "text" is expected`)
	}
}

// plainPlace returns what fills a place that has only a name, nil for other names.
func plainPlace(name string) func([]byte, *Filling) []byte {
	switch name {
	case "seq":
		return func(dst []byte, f *Filling) []byte { return strconv.AppendInt(dst, int64(f.Seq), 10) }
	case "now":
		return func(dst []byte, f *Filling) []byte {
			return f.Now.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
		}
	case "unix":
		return func(dst []byte, f *Filling) []byte { return strconv.AppendInt(dst, f.Now.Unix(), 10) }
	case "unix_ms":
		return func(dst []byte, f *Filling) []byte { return strconv.AppendInt(dst, f.Now.UnixMilli(), 10) }
	case "uuid":
		return func(dst []byte, _ *Filling) []byte { return appendUUID(dst) }
	default:
		return nil
	}
}

// appendUUID appends a random UUID (RFC 9562, version 4).
func appendUUID(dst []byte) []byte {
	var u [16]byte
	_, _ = rand.Read(u[:]) // it never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Appendf(dst, "%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// maxDecimals keeps random numbers within what a float64 holds exactly.
const maxDecimals = 9

// randomPlace makes numbers between two others.
func randomPlace(args []string) (func([]byte, *Filling) []byte, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("rand takes two numbers, such as rand 1 10 or rand 18.0 26.5")
	}
	decimals := 0
	var ends [2]float64
	for i, arg := range args {
		_, fraction, _ := strings.Cut(arg, ".")
		decimals = max(decimals, len(fraction))
		n, err := strconv.ParseFloat(arg, 64)
		if err != nil || strings.ContainsAny(arg, "eExXpPnN_") || n > 1e15 || n < -1e15 {
			return nil, fmt.Errorf("%s is not a number like 10 or 18.5", arg)
		}
		ends[i] = n
	}
	if decimals > maxDecimals {
		return nil, fmt.Errorf("more than %d decimals", maxDecimals)
	}
	scale, err := strconv.ParseFloat("1e"+strconv.Itoa(decimals), 64)
	if err != nil {
		return nil, err
	}
	if ends[1]*scale > 1<<53 || ends[0]*scale < -1<<53 {
		return nil, fmt.Errorf("too many digits")
	}
	low, high := round(ends[0]*scale), round(ends[1]*scale)
	if low > high {
		return nil, fmt.Errorf("%s is more than %s", args[0], args[1])
	}
	return func(dst []byte, _ *Filling) []byte {
		n := low + mathrand.Int64N(high-low+1) //nolint:gosec // G404: test data, and no secret
		return strconv.AppendFloat(dst, float64(n)/scale, 'f', decimals, 64)
	}, nil
}

func round(x float64) int64 {
	if x < 0 {
		return int64(x - 0.5)
	}
	return int64(x + 0.5)
}

func environmentPlace(arg string, getenv func(string) (string, bool)) (string, error) {
	name, err := strconv.Unquote(arg)
	if err != nil || name == "" {
		return "", fmt.Errorf(`env takes the name of a variable in quotes, such as env "USER"`)
	}
	value, ok := getenv(name)
	if !ok {
		return "", fmt.Errorf("the environment variable %s is not set", name)
	}
	return value, nil
}

// Append appends the text for a message.
func (t *Template) Append(dst []byte, f *Filling) []byte {
	for i := range t.parts {
		if p := &t.parts[i]; p.fill != nil {
			dst = p.fill(dst, f)
		} else {
			dst = append(dst, p.text...)
		}
	}
	return dst
}
