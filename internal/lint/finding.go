package lint

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// Finding is one broken rule at one place: at one template of topics, whatever their number, or at one line of a file.
type Finding struct {
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	// Fix is what to do, when there is more to say than the message.
	Fix string `json:"fix,omitempty"`
	// FixClass says whether --fix or --unsafe-fixes mends it, by the Edits; of many edits the first are listed.
	FixClass FixClass `json:"fix_class,omitempty"`
	Edits    []Edit   `json:"edits,omitempty"`
	Where    Where    `json:"where"`
	// Count is how often the rule is broken there: in topics, messages or lines.
	Count int `json:"count"`
	// Examples are the first topics of a template that break it.
	Examples []string `json:"examples,omitempty"`
	// Fingerprint stays the same when lines move and devices come and go.
	Fingerprint string `json:"fingerprint"`
}

// Where is the place of a finding.
type Where struct {
	Kind Kind `json:"kind"`
	// Template is the shape of the topics, with {names} for the levels that vary.
	Template string `json:"template,omitempty"`
	// Topic is the first topic, or the filter.
	Topic string `json:"topic,omitempty"`
	// File, Line and Column are where it stands first; Line and Column count from 1 and are 0 when they mean nothing.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Pointer is a JSON Pointer into the payload.
	Pointer string `json:"pointer,omitempty"`
	// Text is the line itself.
	Text string `json:"text,omitempty"`
}

// Title names the place for people: a template, a topic, or a line of a file.
func (w *Where) Title() string {
	switch {
	case w.Template != "":
		return w.Template
	case w.File != "" && w.Line > 0:
		return w.File + ":" + strconv.Itoa(w.Line)
	case w.File != "":
		return w.File
	case w.Topic != "":
		return w.Topic
	default:
		return string(w.Kind)
	}
}

// fingerprint hashes what identifies a finding across runs.
func (f *Finding) fingerprint(part string) string {
	h := sha256.New()
	for _, s := range []string{f.Code, string(f.Where.Kind), f.Where.Template, f.Where.Text, part} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Report is what a run came to.
type Report struct {
	// Findings are sorted by place, worst first within one.
	Findings []Finding
	// Templates, Checked and Skipped say how much was looked at: templates of topics; topics, filters, messages and lines;
	// messages that were left out because they came too fast.
	Templates int
	Checked   int
	Skipped   int
	// Suppressed and Baselined are the findings that were left out on purpose.
	Suppressed int
	Baselined  int
	// Unread are the files that could not be read, and so were not checked.
	Unread []string
	// Notes are what a reader must know to trust the result: what was left out and why.
	Notes []string
}

// Worst is the highest severity among the findings.
func (r *Report) Worst() Severity {
	worst := Off
	for i := range r.Findings {
		worst = max(worst, r.Findings[i].Severity)
	}
	return worst
}

// Number counts the findings of one severity.
func (r *Report) Number(s Severity) int {
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			n++
		}
	}
	return n
}
