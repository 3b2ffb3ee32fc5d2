package lint

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Style renders a part of a text report: the title of a place, a severity, or what is less important. A nil Style leaves
// text as it is.
type Style func(part Part, text string) string

// Part is what a piece of a text report is.
type Part int

// The parts of a text report. A severity is followed by its number.
const (
	TitlePart Part = iota + 1
	FaintPart
	ErrorPart
	WarningPart
	InfoPart
)

// AppendText appends the findings for people, gathered by place. Text that came from elsewhere is escaped.
func (r *Report) AppendText(dst []byte, style Style) []byte {
	if style == nil {
		style = func(_ Part, text string) string { return text }
	}
	last := ""
	for i := range r.Findings {
		f := &r.Findings[i]
		if title := f.Where.Title(); title != last || i == 0 {
			if i > 0 {
				dst = append(dst, '\n')
			}
			last = title
			dst = append(dst, style(TitlePart, Escape(title))...)
			if about := r.about(f); about != "" {
				dst = append(dst, "  "...)
				dst = append(dst, style(FaintPart, Escape(about))...)
			}
			dst = append(dst, '\n')
		}
		dst = f.appendText(dst, style)
	}
	return dst
}

// about says more about the place of a finding: how many topics it stands for, or the line itself.
func (r *Report) about(f *Finding) string {
	switch {
	case f.Where.Text == f.Where.Title():
		return ""
	case f.Where.Template == "":
		return f.Where.Text
	case len(f.Examples) == 0 || len(f.Examples) == 1 && f.Examples[0] == f.Where.Template:
		return ""
	default:
		return "such as " + f.Examples[0]
	}
}

func (f *Finding) appendText(dst []byte, style Style) []byte {
	part := [...]Part{0, InfoPart, WarningPart, ErrorPart}[f.Severity]
	dst = append(dst, "  "...)
	dst = append(dst, style(part, fmt.Sprintf("%-7s", f.Severity))...)
	dst = fmt.Appendf(dst, " %s %s: ", f.Code, f.Name)
	if p := f.Where.Pointer; p != "" {
		dst = append(dst, Escape(p)+": "...)
	}
	dst = append(dst, Escape(f.Message)...)
	if f.Count > 1 {
		dst = append(dst, style(FaintPart, " ("+f.times()+")")...)
	}
	dst = append(dst, '\n')
	if f.Fix != "" {
		dst = append(dst, "          "...)
		dst = append(dst, style(FaintPart, "fix: "+Escape(f.Fix))...)
		dst = append(dst, '\n')
	}
	return dst
}

// times is how often a rule is broken at a place.
func (f *Finding) times() string {
	what := "times"
	switch f.Where.Kind {
	case Topics:
		what = "topics"
	case Messages, Live, Fleet:
		what = "messages"
		if f.Code[0] == 'T' {
			what = "topics"
		}
	default:
	}
	return Number(f.Count) + " " + what
}

// Summary is what a report comes to, in one line.
func (r *Report) Summary() string {
	var words []string
	for s := Error; s >= Info; s-- {
		if n := r.Number(s); n > 0 {
			word := s.String()
			if n != 1 && s != Info {
				word += "s"
			}
			words = append(words, Number(n)+" "+word)
		}
	}
	text := "no findings"
	if len(words) > 0 {
		text = strings.Join(words, ", ")
	}
	text += " (" + Number(r.Checked) + " checked"
	if r.Templates > 0 {
		text += ", " + plural(r.Templates, "topic template")
	}
	for _, more := range []struct {
		n    int
		what string
	}{{r.Skipped, "not checked"}, {r.Suppressed, "suppressed"}, {r.Baselined, "in the baseline"}} {
		if more.n > 0 {
			text += ", " + Number(more.n) + " " + more.what
		}
	}
	return text + ")"
}

// FixHint says how many of the findings can be mended, "" when none can.
func (r *Report) FixHint() string {
	safe, unsafe := 0, 0
	for i := range r.Findings {
		switch r.Findings[i].FixClass {
		case SafeFix:
			safe++
		case UnsafeFix:
			unsafe++
		default:
		}
	}
	switch {
	case safe > 0 && unsafe > 0:
		return plural(safe, "finding") + " can be fixed with --fix, " + Number(unsafe) + " more with --fix --unsafe-fixes"
	case safe > 0:
		return plural(safe, "finding") + " can be fixed with --fix"
	case unsafe > 0:
		return plural(unsafe, "finding") + " can be fixed with --fix --unsafe-fixes, which changes what the files say; --diff shows it"
	default:
		return ""
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Number(n) + " " + what + "s"
}

// Number writes a number with commas.
func Number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Escape makes text from elsewhere safe to show: control characters and what turns text around become escapes.
func Escape(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 && !strings.ContainsRune(s, unicode.ReplacementChar) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == unicode.ReplacementChar && s[i] != 0xef:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
