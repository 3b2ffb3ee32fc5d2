package lint

import (
	"fmt"
	"strings"
)

// shownExample is how much of an example is shown: some are long because that is what is wrong with them.
const shownExample = 600

// Explain is what a person reads about a rule on a terminal.
func (r *Rule) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (%s, profile %s)\n\n%s.\n\n%s\n", r.Code, r.Name, r.Severity, r.Profile, upperFirst(r.Summary), fill(r.Why, 100))
	if fix := r.FixClass.how(); fix != "" {
		fmt.Fprintf(&b, "\nFix: %s.\n", fix)
	}
	fmt.Fprintf(&b, "\nBad (%s):\n%s\nGood:\n%s", r.Bad.Kind, indent(r.Bad), indent(r.Good))
	return b.String()
}

// Document is the page about a rule, in Markdown.
func (r *Rule) Document() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s\n\n%s.\n\n", r.Code, r.Name, upperFirst(r.Summary))
	fmt.Fprintf(&b, "| severity | profile | looks at |\n| --- | --- | --- |\n| %s | %s | %s |\n\n", r.Severity, r.Profile, kindList(r.Kinds()))
	if fix := r.FixClass.how(); fix != "" {
		fmt.Fprintf(&b, "Fix: %s.\n\n", fix)
	}
	fmt.Fprintf(&b, "%s\n\n## Bad\n\n%s\n## Good\n\n%s\n", fill(r.Why, 120), fence(r.Bad), fence(r.Good))
	fmt.Fprintf(&b, "<!-- Made of the rule table: MQX_UPDATE=1 go test ./internal/lint -->\n")
	return b.String()
}

func kindList(kinds []Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

// shown is the text of an example as it is shown, with what it needs.
func (e *Example) shown() string {
	text := e.Text
	if text == "" {
		text = "(nothing)"
	}
	if len(text) > shownExample {
		text = text[:shownExample/2] + "…"
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range lines {
		lines[i] = Escape(lines[i])
	}
	text = strings.Join(lines, "\n") + "\n"
	switch {
	case e.Contract != "":
		text += "\nwith the contract file:\n\n" + e.Contract
	case e.Target != "":
		text += "\nwith --target " + string(e.Target) + "\n"
	case e.Convention != "":
		text += "\nwith --convention " + e.Convention + "\n"
	}
	return text
}

func indent(e Example) string {
	var b strings.Builder
	for line := range strings.Lines(e.shown()) {
		b.WriteString("  " + line)
	}
	return b.String()
}

func fence(e Example) string { return "```text\n" + e.shown() + "```\n" }

func upperFirst(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// fill breaks a paragraph into lines.
func fill(text string, width int) string {
	var b strings.Builder
	n := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case n+1+len(word) > width:
			b.WriteByte('\n')
			n = 0
		default:
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String()
}
