package verdict_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/verdict"
)

// someCases are one of each kind, with hostile text.
func someCases() []verdict.Case {
	return []verdict.Case{
		{Name: "pump-1 online", Verdict: verdict.Held},
		{Name: "pump-2 # TODO \x1b[31m", Verdict: verdict.Failed, Lines: []string{"it is offline", "- online", "+ offline", " since noon"}},
		{Name: "pump-3", Verdict: verdict.BadData},
	}
}

// brokenWriter fails.
type brokenWriter struct{}

// Write fails.
func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestReports(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		write func(w io.Writer) error
		want  string
	}{
		"text": {func(w io.Writer) error { return verdict.WriteText(w, someCases(), verdict.Style{}) }, `✓ pump-1 online
✗ pump-2 # TODO \x1b[31m
    it is offline
    - online
    + offline
     since noon
? pump-3
`},
		"styled text": {func(w io.Writer) error {
			mark := func(with string) func(string) string { return func(text string) string { return with + text } }
			style := verdict.Style{Held: mark("H"), Failed: mark("F"), BadData: mark("B"), Removed: mark("R"), Added: mark("A"), Faint: mark("f")}
			return verdict.WriteText(w, someCases(), style)
		}, `H✓ pump-1 online
F✗ pump-2 # TODO \x1b[31m
    it is offline
    R- online
    A+ offline
    f since noon
B? pump-3
`},
		"tap": {func(w io.Writer) error { return verdict.WriteTAP(w, someCases()) }, `TAP version 14
1..3
ok 1 - pump-1 online
not ok 2 - pump-2 \# TODO \\x1b[31m
  ---
  outcome: failed
  problems:
    - "it is offline"
    - "- online"
    - "+ offline"
    - " since noon"
  ...
not ok 3 - pump-3
  ---
  outcome: bad_data
  problems:
  ...
`},
		"junit": {func(w io.Writer) error { return verdict.WriteJUnit(w, someCases(), "fleet", time.Second) }, xml.Header + `<testsuites>
  <testsuite name="fleet" tests="3" failures="1" errors="1" time="1.000">
    <testcase classname="fleet" name="pump-1 online"></testcase>
    <testcase classname="fleet" name="pump-2 # TODO \x1b[31m">
      <failure message="it is offline" type="failed">it is offline&#xA;- online&#xA;+ offline&#xA; since noon</failure>
    </testcase>
    <testcase classname="fleet" name="pump-3">
      <error message="bad_data" type="bad_data"></error>
    </testcase>
  </testsuite>
</testsuites>
`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := test.write(&b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if err := test.write(brokenWriter{}); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("a write error became %v", err)
			}
		})
	}
}

func TestSummaryCountsInWords(t *testing.T) {
	t.Parallel()
	if got := verdict.Summarize(someCases()).String(); got != "1 held, 1 failed, 1 could not be told: bad data" {
		t.Error(got)
	}
	if got := verdict.Summarize(someCases()[:2]).String(); got != "1 held, 1 failed" {
		t.Error(got)
	}
}
