package lint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Baseline is a list of findings that are known and shall not fail a run. It names templates and not lines or devices.
type Baseline struct {
	Version  int        `json:"version"`
	Findings []Accepted `json:"findings"`
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
	return &b, nil
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
	maps.DeleteFunc(accepted, func(fingerprint string, _ Accepted) bool { return seen[fingerprint] })
	stale := l.engine["X004"]
	if !stale.on {
		return
	}
	for _, fingerprint := range slices.Sorted(maps.Keys(accepted)) {
		a := accepted[fingerprint]
		r.Findings = append(r.Findings, Finding{
			Code: stale.Code, Name: stale.Name, Severity: stale.severity, Count: 1,
			Message:     fmt.Sprintf("the baseline accepts %s at %s, which is not found any more", a.Code, a.Where),
			Fix:         "write the baseline again: --write-baseline",
			Where:       Where{Kind: Contract},
			Fingerprint: fingerprint,
		})
	}
}
