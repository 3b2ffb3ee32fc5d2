package lint_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

func read(t *testing.T, l *lint.Linter, kind lint.Kind, text string) lint.Report {
	t.Helper()
	if err := l.Read(kind, "", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return l.Finish()
}

func TestTenThousandDevicesAreOneFinding(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&list, "acme/site-%d/d%05d/telemetry/Temp\n", i%7, i)
	}
	r := read(t, newLinter(t, lint.Options{}), lint.Topics, list.String())
	if len(r.Findings) != 1 || r.Findings[0].Count != 10_000 || len(r.Findings[0].Examples) != 3 {
		t.Fatalf("got %+v", r.Findings)
	}
	if got, want := r.Findings[0].Where.Template, "acme/{site}/{device}/telemetry/Temp"; got != want {
		t.Errorf("template %q, want %q", got, want)
	}
}

func TestUnknownShapesAreFoldedToo(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for i := range 500 {
		fmt.Fprintf(&list, "plant/room-%c%c/machine-%d/Speed\n", 'a'+i%20, 'a'+i/20%20, i%9)
	}
	r := read(t, newLinter(t, lint.Options{Select: []string{"T013"}}), lint.Topics, list.String())
	if len(r.Findings) != 1 || r.Findings[0].Where.Template != "plant/{p2}/{p3}/Speed" || r.Findings[0].Count != 500 {
		t.Errorf("got %+v", r.Findings)
	}
}

// Nobody's topics may make the linter need more memory than its bounds.
func TestRandomTopicsStayInBounds(t *testing.T) {
	t.Parallel()
	l := newLinter(t, lint.Options{})
	for i := range 200_000 {
		l.Topic(fmt.Sprintf("a%x/b%x/c%x/D%x/e%x", i*7919, i*104729, i, i*31, i*17), lint.Place{})
	}
	r := l.Finish()
	if len(r.Findings) == 0 || len(r.Findings) > 20_000 {
		t.Errorf("%d findings", len(r.Findings))
	}
}

func TestReportDoesNotDependOnOrder(t *testing.T) {
	t.Parallel()
	lines := strings.Fields(string(topicList(2000)))
	forward := read(t, newLinter(t, lint.Options{}), lint.Topics, strings.Join(lines, "\n"))
	again := read(t, newLinter(t, lint.Options{}), lint.Topics, strings.Join(lines, "\n"))
	if diff := cmp.Diff(forward.Findings, again.Findings); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
}

func TestBaselineAcceptsAndReportsWhatIsStale(t *testing.T) {
	t.Parallel()
	first := read(t, newLinter(t, lint.Options{}), lint.Topics, "acme/lyon/cr-001/telemetry/Temp\nacme/lyon/cr-001/telemetry/Door\n")
	text, err := lint.NewBaseline(&first).JSON()
	if err != nil {
		t.Fatal(err)
	}
	baseline, err := lint.ParseBaseline(text)
	if err != nil {
		t.Fatal(err)
	}
	// Another device, another line: the same finding. Door was mended, Light is new.
	r := read(t, newLinter(t, lint.Options{Baseline: baseline}), lint.Topics,
		"# a comment\nacme/turin/cr-777/telemetry/Temp\nacme/turin/cr-777/telemetry/Light\n")
	if diff := cmp.Diff([]string{"T013", "X004"}, codes(r)); diff != "" || r.Baselined != 1 {
		t.Errorf("%s, %d in the baseline", diff, r.Baselined)
	}
	if _, err := lint.ParseBaseline([]byte(`{"version":9}`)); err == nil {
		t.Error("a baseline of another version was taken")
	}
}

func TestContractSuppressesWithAnEnd(t *testing.T) {
	t.Parallel()
	for until, want := range map[string]int{"2027-03-31": 0, "2026-01-01": 2} { // T013, and X002 for what has ended
		c, err := contract.Parse("mqx.yaml", []byte("version: mqx/v1\nlint:\n  ignore:\n    - { rules: [T013], where: 'acme/lyon/#', until: "+
			until+", reason: old }\n"))
		if err != nil {
			t.Fatal(err)
		}
		convention, err := lint.ContractConvention(c)
		if err != nil {
			t.Fatal(err)
		}
		l := newLinter(t, lint.Options{Convention: convention})
		if r := read(t, l, lint.Topics, "acme/lyon/cr-001/telemetry/Temp\n"); len(r.Findings) != want {
			t.Errorf("until %s: %v, want %d findings", until, codes(r), want)
		}
	}
}

func TestProfilesAndSelections(t *testing.T) {
	t.Parallel()
	const list = "/acme/lyon/cr-001/telemetry/Temp\nacme/+/x\n"
	tests := []struct {
		o    lint.Options
		want string
	}{
		{lint.Options{Profile: lint.Minimal}, "T005"},
		{lint.Options{Profile: lint.Basic}, "T008 T005"},
		{lint.Options{Select: []string{"T00"}}, "T008 T005"},
		{lint.Options{Select: []string{"T"}, Ignore: []string{"T013", "taxonomy"}}, "T008 T005"},
		{lint.Options{Target: lint.AWS, Select: []string{"T014"}}, ""},
	}
	for _, tt := range tests {
		got := strings.Join(codes(read(t, newLinter(t, tt.o), lint.Topics, list)), " ")
		if got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.o, got, tt.want)
		}
	}
	if _, err := lint.New(lint.Options{Select: []string{"T99"}}); err == nil || !strings.Contains(err.Error(), "did you mean") {
		t.Errorf("an unknown rule: %v", err)
	}
}

func TestTargetsRaiseWhatTheyEnforce(t *testing.T) {
	t.Parallel()
	r := read(t, newLinter(t, lint.Options{Target: lint.NATS, Select: []string{"T011"}}), lint.Topics, "acme/lyon/cold room/status\n")
	if len(r.Findings) != 1 || r.Findings[0].Severity != lint.Error {
		t.Errorf("a space for NATS: %+v", r.Findings)
	}
	l := newLinter(t, lint.Options{Target: lint.AWS})
	l.Message(lint.Live, message.Message{Topic: "acme/lyon/cr-001/cmd", QoS: 2, Payload: []byte(`{"id":"a","ts":1795346431}`)}, true, lint.Place{})
	if r := l.Finish(); r.Worst() != lint.Error {
		t.Errorf("QoS 2 for AWS: %+v", r.Findings)
	}
}

// Beyond 50,000 messages a second a sample is checked, and every topic at least once.
func TestLiveSamplesAndSaysSo(t *testing.T) {
	t.Parallel()
	l := newLinter(t, lint.Options{}) // its clock stands still
	for i := range 11_000 {
		l.Live(message.Message{Topic: "acme/lyon/cr-001/telemetry/temp", Payload: []byte(`{}`), Time: noon().Add(time.Duration(i))}, true)
	}
	l.Live(message.Message{Topic: "acme/lyon/cr-002/telemetry/Temp", Payload: []byte(`{}`)}, true)
	r := l.Finish()
	if r.Skipped != 1_000 || r.Checked != 10_001 || len(r.Notes) != 1 {
		t.Errorf("%d skipped, %d checked, notes %q", r.Skipped, r.Checked, r.Notes)
	}
}

func TestSARIFFollowsItsSchemaAndDeclaresAllRules(t *testing.T) {
	t.Parallel()
	schema, err := payload.ReadSchema(filepath.Join("testdata", "sarif-2.1.0.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []lint.Report{
		{}, reportOn(t, "testdata/err/fleet.topics", lint.Options{}), reportOn(t, "testdata/err/acl", lint.Options{}),
	} {
		text, err := r.Append(nil, lint.SARIFFormat, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Check(text); err != nil {
			t.Error(err)
		}
		var log struct {
			Runs []struct {
				Tool struct{ Driver struct{ Rules []any } }
			}
		}
		if err := json.Unmarshal(text, &log); err != nil || len(log.Runs[0].Tool.Driver.Rules) != len(lint.Rules()) {
			t.Errorf("%v, %d rules declared, want %d", err, len(log.Runs[0].Tool.Driver.Rules), len(lint.Rules()))
		}
	}
}

// What comes from a topic or a payload reaches no terminal and no workflow as a command.
func TestReportsEscapeHostileText(t *testing.T) {
	t.Parallel()
	l := newLinter(t, lint.Options{})
	l.Topic("acme/\x1b[31m\u202e::error::x/\nstatus", lint.Place{})
	l.Payload("", []byte("\x1b]0;x\a{"), lint.Place{File: "a\nb"})
	r := l.Finish()
	for _, f := range []lint.Format{lint.TextFormat, lint.GitHubFormat, lint.JUnitFormat, lint.CheckstyleFormat, lint.SARIFFormat} {
		text, err := r.Append(nil, f, nil)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsAny(text, "\x1b\a\u202e") || f == lint.GitHubFormat && bytes.Contains(text, []byte("\n::error::x")) {
			t.Errorf("%s: %q", f, text)
		}
	}
}

// A draft made of traffic can be read, and the traffic is clean under it.
func TestInferredContractsFitTheirTraffic(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("testdata/ok/guide.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var other strings.Builder
	for i := range 200 {
		fmt.Fprintf(&other, `{"topic":"factory/line-%d/machine-%d/speed","payload":{"rpm":%d,"mode":"auto"}}`+"\n", i%3, i, 1000+i)
		fmt.Fprintf(&other, `{"topic":"factory/line-%d/machine-%d/state","qos":1,"retain":true,"payload":"running"}`+"\n", i%3, i)
	}
	for name, capture := range map[string]string{"guide": string(guide), "other": other.String()} {
		n := lint.NewInference()
		if bad, err := n.ReadCapture(strings.NewReader(capture)); bad > 0 || err != nil {
			t.Fatalf("%s: %d, %v", name, bad, err)
		}
		draft := n.Draft()
		c, err := contract.Parse("mqx.yaml", []byte(draft))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, draft)
		}
		convention, err := lint.ContractConvention(c)
		if err != nil {
			t.Fatal(err)
		}
		r := read(t, newLinter(t, lint.Options{Convention: convention}), lint.Messages, capture)
		if r.Worst() >= lint.Error {
			t.Errorf("%s: %s\n%s", name, r.AppendText(nil, nil), draft)
		}
	}
}

func TestStarterContractIsTheGuide(t *testing.T) {
	t.Parallel()
	c, err := contract.Parse("mqx.yaml", []byte(lint.StarterContract("acme")))
	if err != nil {
		t.Fatal(err)
	}
	convention, err := lint.ContractConvention(c)
	if err != nil {
		t.Fatal(err)
	}
	if r := reportOn(t, "testdata/ok/guide.jsonl", lint.Options{Convention: convention}); len(r.Findings) > 0 {
		t.Errorf("%s", r.AppendText(nil, nil))
	}
}

// The pages of docs/rules are those of the table.
func TestRulePagesAreMadeOfTheTable(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "docs", "rules")
	pages := map[string]string{"README.md": rulesIndex()}
	for _, r := range lint.Rules() {
		pages[r.Code+".md"] = r.Document()
	}
	for name, want := range pages {
		compareGolden(t, filepath.Join(dir, name), want)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range there {
		if pages[f.Name()] == "" {
			t.Errorf("%s is the page of no rule", f.Name())
		}
	}
}

// rulesIndex is the page that lists all rules.
func rulesIndex() string {
	var b strings.Builder
	b.WriteString("# The rules of mqx lint\n\n" +
		"`mqx lint explain CODE` says the same on a terminal, `mqx lint rules --json` for programs.\n\n" +
		"| code | name | severity | profile | what is wrong |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range lint.Rules() {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %s | %s |\n", r.Code, r.Code, r.Name, r.Severity, r.Profile, r.Summary)
	}
	b.WriteString("\n<!-- Made of the rule table: MQX_UPDATE=1 go test ./internal/lint -->\n")
	return b.String()
}

func FuzzRead(f *testing.F) {
	for _, kind := range []lint.Kind{lint.Topics, lint.Filters, lint.Payload, lint.Messages, lint.ACL, lint.EMQXACL, lint.Conf, lint.Source} {
		f.Add(string(kind), `{"topic":"acme/a/b/telemetry/t","payload":{"v":1,"ts":"x"}}`)
		f.Add(string(kind), "topic readwrite a/%u/#\nlistener 1883\nconnection x\ntopic # both 1 \"\" y/\n")
	}
	f.Fuzz(func(t *testing.T, kind, text string) {
		l := newLinter(t, lint.Options{Profile: lint.Strict})
		if err := l.Read(lint.Kind(kind), "fuzz", strings.NewReader(text)); err != nil {
			return
		}
		r := l.Finish()
		for _, format := range []lint.Format{lint.TextFormat, lint.JSONFormat, lint.SARIFFormat} {
			if _, err := r.Append(nil, format, nil); err != nil {
				t.Error(err)
			}
		}
	})
}

// What the Server publishes about itself is not the project's.
func TestLiveLeavesTheServersTopicsAlone(t *testing.T) {
	t.Parallel()
	l := newLinter(t, lint.Options{Profile: lint.Strict})
	l.Live(message.Message{Topic: "$SYS/broker/retained messages/count", Payload: []byte("7"), QoS: 2}, true)
	if r := l.Finish(); len(r.Findings) > 0 || r.Checked != 1 {
		t.Errorf("%d checked, %+v", r.Checked, r.Findings)
	}
}

// Strings that only look a little like topics are left alone.
func TestSourceReportsNoPathsAndPrefixes(t *testing.T) {
	t.Parallel()
	r := read(t, newLinter(t, lint.Options{}), lint.Source, strings.Join([]string{
		`if strings.HasPrefix(filter, "$share/") {`, `open("/var/log/status/x")`, `import "github.com/acme/status/telemetry"`,
		`fetch("https://example.com/a/b/status")`, `"text/status + more / words"`, `'a/b/c/d'`,
	}, "\n"))
	if r.Worst() >= lint.Warning {
		t.Errorf("%s", r.AppendText(nil, nil))
	}
}
