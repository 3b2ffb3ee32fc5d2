package lint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/edit"
)

// Baseline is a list of findings that are known and shall not fail a run. It names templates and not lines or devices.
type Baseline struct {
	// File is where the baseline was read from, "" when that cannot be mended.
	File string `json:"-"`

	Version  int        `json:"version"`
	Findings []Accepted `json:"findings"`

	source string // that it was parsed from
}

// Accepted is a finding of a Baseline. Only the fingerprint counts; the rest is for the reader.
type Accepted struct {
	Fingerprint string `json:"fingerprint"`
	Code        string `json:"code"`
	Where       string `json:"where"`
	Message     string `json:"message"`
}

const baselineVersion = 1

// ParseBaseline reads what [Baseline.JSON] wrote.
func ParseBaseline(text []byte) (*Baseline, error) {
	var b Baseline
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, fmt.Errorf("not a baseline: %w", err)
	}
	if b.Version != baselineVersion {
		return nil, fmt.Errorf("a baseline of version %d is expected, not %d", baselineVersion, b.Version)
	}
	b.source = string(text)
	return &b, nil
}

// overlayBaseline takes the baseline that stands in the place of its file.
func (l *Linter) overlayBaseline() error {
	b := l.options.Baseline
	if b == nil {
		return nil
	}
	text, ok := l.options.Overlay[b.File]
	if !ok {
		return nil
	}
	mended, err := ParseBaseline(text)
	if err != nil {
		return err
	}
	mended.File = b.File
	l.options.Baseline = mended
	return nil
}

// NewBaseline accepts all findings of a report.
func NewBaseline(r *Report) *Baseline {
	b := &Baseline{Version: baselineVersion, Findings: []Accepted{}}
	for i := range r.Findings {
		f := &r.Findings[i]
		b.Findings = append(b.Findings, Accepted{Fingerprint: f.Fingerprint, Code: f.Code, Where: f.Where.Title(), Message: f.Message})
	}
	return b
}

// JSON returns the baseline as a file that a version control system shows well.
func (b *Baseline) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(b, "", "  ")
	return append(text, '\n'), err
}

// applyBaseline takes the accepted findings out of r and reports those that are not found any more (X004).
func (l *Linter) applyBaseline(r *Report) {
	accepted := map[string]Accepted{}
	for _, a := range l.options.Baseline.Findings {
		accepted[a.Fingerprint] = a
	}
	seen := map[string]bool{}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		_, known := accepted[f.Fingerprint]
		if known {
			seen[f.Fingerprint] = true
			r.Baselined++
		}
		return known
	})
	maps.DeleteFunc(accepted, func(fingerprint string, a Accepted) bool { return seen[fingerprint] || l.isOff(a.Code) })
	stale := l.engine["X004"]
	if !stale.on {
		return
	}
	edits := l.options.Baseline.without(accepted)
	for _, fingerprint := range slices.Sorted(maps.Keys(accepted)) {
		a := accepted[fingerprint]
		r.Findings = append(r.Findings, Finding{
			Code: stale.Code, Name: stale.Name, Severity: stale.severity, Count: 1,
			Message:     fmt.Sprintf("the baseline accepts %s at %s, which is not found any more", a.Code, a.Where),
			Fix:         "write the baseline again: --write-baseline",
			FixClass:    stale.FixClass,
			Edits:       edits,
			Where:       Where{Kind: Contract},
			Fingerprint: fingerprint,
		})
	}
}

// isOff reports whether the rule of a code was not looked for, so that it says nothing that it was not found.
func (l *Linter) isOff(code string) bool {
	i := slices.IndexFunc(l.all, func(a *active) bool { return a.Code == code })
	return i >= 0 && !l.all[i].on
}

// without is the edit that takes entries out of the file. It is unsafe: an entry also looks stale where its input was not
// among those that were checked.
func (b *Baseline) without(stale map[string]Accepted) []Edit {
	if b.File == "" || len(stale) == 0 {
		return nil
	}
	rest := &Baseline{Version: b.Version, Findings: slices.DeleteFunc(slices.Clone(b.Findings), func(a Accepted) bool {
		_, ok := stale[a.Fingerprint]
		return ok
	})}
	text, err := rest.JSON()
	if err != nil {
		return nil
	}
	after := string(text)
	if !strings.HasSuffix(b.source, "\n") {
		after = strings.TrimSuffix(after, "\n")
	}
	after = strings.ReplaceAll(after, "\n", edit.LineEnd(b.source))
	return []Edit{{File: b.File, Edit: edit.Edit{End: len(b.source), Text: after}, class: UnsafeFix}}
}
