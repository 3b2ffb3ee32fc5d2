package lint_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/lint"
)

// noon is when the tests take place.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// newLinter returns a linter for a test.
func newLinter(t *testing.T, o lint.Options) *lint.Linter {
	t.Helper()
	o.Now = noon
	l, err := lint.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// check lints an example of a rule and returns the report.
func check(t *testing.T, r lint.Rule, e lint.Example) lint.Report {
	t.Helper()
	dir := t.TempDir()
	examples := filepath.Join("testdata", "examples")
	if err := os.CopyFS(dir, os.DirFS(examples)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		mode := os.FileMode(0o600)
		if strings.HasPrefix(filepath.Base(file), "open") {
			mode = 0o644
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	o := lint.Options{Target: e.Target, Profile: max(r.Profile, lint.Guide)}
	if e.Contract != "" {
		file := filepath.Join(dir, "mqx.yaml")
		c, err := contract.Parse(file, []byte(e.Contract))
		if err != nil {
			t.Fatal(err)
		}
		if o.Convention, err = lint.ContractConvention(c); err != nil {
			t.Fatal(err)
		}
	}
	if e.Convention != "" {
		c, err := lint.NamedConvention(e.Convention)
		if err != nil {
			t.Fatal(err)
		}
		o.Convention = c
	}
	if r.Code == "X004" && e.Text == "" {
		o.Baseline = &lint.Baseline{Findings: []lint.Accepted{{Fingerprint: "0", Code: "T013", Where: "acme"}}}
	}
	l := newLinter(t, o)
	if err := l.Read(e.Kind, filepath.Join(dir, "example"), strings.NewReader(e.Text)); err != nil {
		t.Fatal(err)
	}
	return l.Finish()
}

func codes(r lint.Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Code)
	}
	return all
}

// The examples of a rule are its test: the bad one has the finding, the good one has none that matters.
func TestRulesFindTheirBadExamplesAndLeaveTheGoodOnesAlone(t *testing.T) {
	t.Parallel()
	for _, r := range lint.Rules() {
		t.Run(r.Code+"-"+r.Name, func(t *testing.T) {
			t.Parallel()
			if got := check(t, r, r.Bad); !slices.Contains(codes(got), r.Code) {
				t.Errorf("the bad example has no finding of %s, but %v, %v", r.Code, codes(got), got.Notes)
			}
			got := check(t, r, r.Good)
			if slices.Contains(codes(got), r.Code) {
				t.Errorf("the good example has a finding of %s: %+v", r.Code, got.Findings)
			}
			for _, f := range got.Findings {
				if f.Severity >= lint.Warning && r.Profile < lint.Strict {
					t.Errorf("the good example has %s: %s at %s", f.Code, f.Message, f.Where.Title())
				}
			}
		})
	}
}

func TestRulesAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range lint.Rules() {
		if seen[r.Code] || seen[r.Name] {
			t.Errorf("%s %s is there twice", r.Code, r.Name)
		}
		seen[r.Code], seen[r.Name] = true, true
		if r.Severity == lint.Off || r.Profile == 0 || r.Summary == "" || len(r.Why) < 60 || len(r.Kinds()) == 0 {
			t.Errorf("%s %s: something is missing: %+v", r.Code, r.Name, r)
		}
	}
}
