package lint_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/payload"
)

// writeExample writes an example into a folder that has the files beside it which examples mention.
func writeExample(t *testing.T, e lint.Example) (file string, o lint.Options) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "examples"))); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "example")
	if err := os.WriteFile(file, []byte(e.Text), 0o600); err != nil {
		t.Fatal(err)
	}
	o = lint.Options{Target: e.Target, Profile: lint.Strict, KeepEdits: true, Now: noon}
	if e.Contract != "" {
		c, err := contract.Parse(filepath.Join(dir, "mqx.yaml"), []byte(e.Contract))
		if err != nil {
			t.Fatal(err)
		}
		if o.Convention, err = lint.ContractConvention(c); err != nil {
			t.Fatal(err)
		}
	}
	return file, o
}

// fix mends a file, and returns the report about what is left and the file as it is then.
func fix(t *testing.T, kind lint.Kind, file string, o lint.Options, unsafe bool) (lint.Report, []lint.Change) {
	t.Helper()
	x := &lint.Fixer{Unsafe: unsafe}
	r, err := x.Run(func(overlay map[string][]byte) (lint.Report, error) {
		o.Overlay = overlay
		l, err := lint.New(o)
		if err != nil {
			return lint.Report{}, err
		}
		if err := l.ReadFileAs(kind, file); err != nil {
			return lint.Report{}, err
		}
		return l.Finish(), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, x.Changes()
}

// Whatever a rule offers to mend is mended: its bad example is clean for it afterwards, and mending it again changes nothing.
func TestWhatARuleMendsIsCleanForIt(t *testing.T) {
	t.Parallel()
	fixable := 0
	for _, r := range lint.Rules() {
		if r.FixClass != lint.SafeFix && r.FixClass != lint.UnsafeFix {
			continue
		}
		fixable++
		t.Run(r.Code, func(t *testing.T) {
			t.Parallel()
			file, o := writeExample(t, r.Bad)
			if r.Code == "X004" {
				o.Baseline = staleBaseline(t, filepath.Join(filepath.Dir(file), "baseline.json"))
			}
			left, changes := fix(t, r.Bad.Kind, file, o, true)
			if slices.Contains(codes(left), r.Code) || len(changes) == 0 {
				t.Fatalf("%d changes, and these findings are left: %v", len(changes), codes(left))
			}
			for _, c := range changes {
				if err := os.WriteFile(c.File, c.After, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if o.Baseline != nil {
				return // it was read before it was mended
			}
			if _, again := fix(t, r.Bad.Kind, file, o, true); len(again) > 0 {
				t.Errorf("mending it again changes it again:\n%s\n%s", again[0].Before, again[0].After)
			}
		})
	}
	if fixable < 20 {
		t.Errorf("%d rules can be mended, which is fewer than there were", fixable)
	}
}

func staleBaseline(t *testing.T, file string) *lint.Baseline {
	t.Helper()
	text := `{"version":1,"findings":[{"fingerprint":"0","code":"T013","where":"acme","message":"x"}]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := lint.ParseBaseline([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	b.File = file
	return b
}

// A rule without a class mends nothing; one that would have to publish names the command and has no edit.
func TestClassesOfFixesAreThoseOfTheRules(t *testing.T) {
	t.Parallel()
	for _, r := range lint.Rules() {
		report := check(t, r, r.Bad)
		for _, f := range report.Findings {
			if f.Code != r.Code {
				continue
			}
			if len(f.Edits) > 0 && r.FixClass == "" {
				t.Errorf("%s has edits and no class", r.Code)
			}
			if live := r.FixClass == lint.LiveFix; live != (f.FixClass == lint.LiveFix) ||
				live && (len(f.Edits) > 0 || !strings.Contains(f.Fix, "mqx retained clear 'acme/")) {
				t.Errorf("%s: class %q, fix %q, %d edits", r.Code, f.FixClass, f.Fix, len(f.Edits))
			}
		}
	}
}

const asyncCommand = `asyncapi: 3.0.0
info: {title: x, version: "1"}
channels:
  cmd: {address: "acme/{site}/{device}/cmd", parameters: {site: {}, device: {}}, messages: {}}
operations:
  send:
    action: send
    channel: {$ref: "#/channels/cmd"}
`

func TestSafeFixesAreAllThatIsMadeUnasked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		kind         lint.Kind
		text         string
		safe, unsafe string // "" is no change
	}{
		{
			"topics", lint.Topics, "/acme/lyon/cr-001/status\r\n# mqx:ignore[T014] old\r\nacme/lyon/cold room/telemetry/LivingRoom_T",
			"/acme/lyon/cr-001/status\r\nacme/lyon/cold room/telemetry/LivingRoom_T",
			"acme/lyon/cr-001/status\r\nacme/lyon/cold-room/telemetry/living-room-t",
		},
		{
			"filters", lint.Filters, "acme/+/+/status\nacme/+/+/status\nacme/lyon/+/status\n",
			"acme/+/+/status\nacme/lyon/+/status\n", "acme/+/+/status\n",
		},
		{
			"the wider filter comes second", lint.Filters, "acme/lyon/+/status\nacme/+/+/status\n",
			"", "acme/+/+/status\n",
		},
		{
			"acl", lint.ACL, "user dashboard\ntopic read acme/+/+/status\n\ttopic read acme/lyon/+/status\n# mqx:ignore[A001] why\ntopic read acme/lyon/+/status\n",
			"user dashboard\ntopic read acme/+/+/status\n", "user dashboard\ntopic read acme/+/+/status\n",
		},
		{
			"conf", lint.Conf, "# ours\n  allow_anonymous   true\nmax_keepalive 60\nmax_packet_size 100000\npersistent_client_expiration 1d\n\n# inside\nlistener 1883",
			"",
			"# ours\n  allow_anonymous   false\nmax_keepalive 60\nmax_packet_size 100000\npersistent_client_expiration 1d\npersistence true\n\n# inside\nlistener 1883",
		},
		{
			"a listener alone", lint.Conf, "listener 1883",
			"",
			"persistence true\nmax_packet_size 1048576\npersistent_client_expiration 14d\nmax_keepalive 3600\nlistener 1883",
		},
		{
			"no line end at the last option", lint.Conf, "persistence true\r\nallow_anonymous false\r\nmax_keepalive 60",
			"",
			"persistence true\r\nallow_anonymous false\r\nmax_keepalive 60\r\nmax_packet_size 1048576\r\npersistent_client_expiration 14d",
		},
		{
			"program", lint.Source, "\tcfg := &tls.Config{InsecureSkipVerify : true}\n\tc.tls_insecure_set( True )\n",
			"", "\tcfg := &tls.Config{InsecureSkipVerify : false}\n\tc.tls_insecure_set( False )\n",
		},
		{
			"contract", lint.Contract, "version: mqx/v1\nroot: acme\nkinds:\n  status: { qos: 1, retain: false } # why?\n  cmd:\n    retain: true\n",
			"", "version: mqx/v1\nroot: acme\nkinds:\n  status: { qos: 1, retain: true } # why?\n  cmd:\n    retain: false\n",
		},
		{
			"AsyncAPI", lint.Contract, asyncCommand + "    bindings: {mqtt: {qos: 1, retain: true}}\n",
			"", asyncCommand + "    bindings: {mqtt: {qos: 1, retain: false}}\n",
		},
		{
			"AsyncAPI in JSON", lint.Contract,
			`{"asyncapi":"3.0.0","info":{"title":"x","version":"1"},"channels":{"cmd":{"address":"acme/a/b/cmd","messages":{}}},` +
				`"operations":{"o":{"action":"send","channel":{"$ref":"#/channels/cmd"},"bindings":{"mqtt":{"retain" : true}}}}}`,
			"",
			`{"asyncapi":"3.0.0","info":{"title":"x","version":"1"},"channels":{"cmd":{"address":"acme/a/b/cmd","messages":{}}},` +
				`"operations":{"o":{"action":"send","channel":{"$ref":"#/channels/cmd"},"bindings":{"mqtt":{"retain" : false}}}}}`,
		},
		{"payload", lint.Payload, "\ufeff{\"v\":1}\x00\x00", "{\"v\":1}", "{\"v\":1}"},
	}
	for _, tt := range tests {
		for unsafe, want := range map[bool]string{false: tt.safe, true: tt.unsafe} {
			file, o := writeExample(t, lint.Example{Kind: tt.kind, Text: tt.text})
			o.Profile = lint.Guide
			_, changes := fix(t, tt.kind, file, o, unsafe)
			got := ""
			if len(changes) == 1 {
				got = string(changes[0].After)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, unsafe %v (-want +got):\n%s", tt.name, unsafe, diff)
			}
		}
	}
}

// A capture says what was, whatever is wrong with it.
func TestCapturesAreNotMended(t *testing.T) {
	t.Parallel()
	const text = `{"topic":"/acme/lyon/cold room/telemetry/Temp","retain":true,"payload":"\ufeff{}"}`
	file, o := writeExample(t, lint.Example{Text: text})
	if r, changes := fix(t, lint.Messages, file, o, true); len(changes) > 0 || len(r.Findings) == 0 {
		t.Errorf("%d findings, %+v", len(r.Findings), changes)
	}
}

// Findings that are left out on purpose are not mended behind the back of whoever left them out.
func TestSuppressedAndAcceptedFindingsAreNotMended(t *testing.T) {
	t.Parallel()
	const text = "# mqx:ignore[T008] theirs\n/acme/lyon/cr-001/status\n"
	file, o := writeExample(t, lint.Example{Kind: lint.Topics, Text: text})
	o.Ignore = []string{"T016"}
	if _, changes := fix(t, lint.Topics, file, o, true); len(changes) > 0 {
		t.Errorf("a suppressed finding was mended: %q", changes[0].After)
	}
	file, o = writeExample(t, lint.Example{Kind: lint.Topics, Text: "/acme/lyon/cr-001/status\n"})
	r := reportOf(t, file, o)
	o.Baseline = lint.NewBaseline(&r)
	if _, changes := fix(t, lint.Topics, file, o, true); len(changes) > 0 {
		t.Errorf("an accepted finding was mended: %q", changes[0].After)
	}
}

func reportOf(t *testing.T, file string, o lint.Options) lint.Report {
	t.Helper()
	l, err := lint.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.ReadFileAs(lint.Topics, file); err != nil {
		t.Fatal(err)
	}
	return l.Finish()
}

// A fleet of 2,000 devices is one finding, and each of its lines is mended.
func TestAllLinesOfAFindingAreMended(t *testing.T) {
	t.Parallel()
	file, o := writeExample(t, lint.Example{Kind: lint.Topics, Text: string(bytes.ReplaceAll(topicList(2000), []byte("acme/"), []byte("/acme/")))})
	if r := reportOf(t, file, o); len(r.Findings) == 0 || r.Findings[0].Count < 100 {
		t.Fatalf("%+v", r.Findings)
	}
	left, changes := fix(t, lint.Topics, file, o, true)
	if slices.Contains(codes(left), "T008") || bytes.Contains(changes[0].After, []byte("\n/")) {
		t.Errorf("some lines are left: %v", codes(left))
	}
	o.KeepEdits = false
	for _, f := range reportOf(t, file, o).Findings {
		if len(f.Edits) > 3 {
			t.Errorf("%s carries %d edits", f.Code, len(f.Edits))
		}
	}
}

func TestGitLabReportHasOneFingerprintForEachFinding(t *testing.T) {
	t.Parallel()
	file, o := writeExample(t, lint.Example{Text: "/acme/x\nacme/lyon/cr-001/telemetry/Temp\n"})
	r := reportOf(t, file, o)
	r.Findings = append(r.Findings, r.Findings[0]) // the same at another line
	text, err := r.Append(nil, lint.GitLabFormat, nil)
	if err != nil {
		t.Fatal(err)
	}
	var issues []struct {
		Description, Fingerprint, Severity string
		CheckName                          string `json:"check_name"`
		Location                           struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err := json.Unmarshal(text, &issues); err != nil || len(issues) != len(r.Findings) {
		t.Fatalf("%v, %d issues: %s", err, len(issues), text)
	}
	seen := map[string]bool{}
	for _, i := range issues {
		if seen[i.Fingerprint] || i.Description == "" || i.CheckName == "" || i.Location.Path == "" || i.Location.Lines.Begin < 1 ||
			!slices.Contains([]string{"info", "minor", "major", "critical", "blocker"}, i.Severity) {
			t.Errorf("%+v", i)
		}
		seen[i.Fingerprint] = true
	}
	if text, err := (&lint.Report{}).Append(nil, lint.GitLabFormat, nil); err != nil || string(text) != "[]\n" {
		t.Errorf("a clean report is %q, %v", text, err)
	}
}

func TestMisspeltOptionsAreNamedAndMended(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"allow_anonymus": "allow_anonymous", "lisener": "listener", "usr": "user", "frobnicate": "", "max_qo": "max_qos", "certfil": "certfile",
	} {
		file, o := writeExample(t, lint.Example{Text: "  " + key + " x y\n"})
		o.Select = []string{"B015"}
		r, changes := fix(t, lint.Conf, file, o, true)
		switch {
		case want == "" && (len(changes) > 0 || len(r.Findings) != 1):
			t.Errorf("%s: %v, %v", key, r.Findings, changes)
		case want != "" && (len(changes) != 1 || string(changes[0].After) != "  "+want+" x y\n"):
			t.Errorf("%s: %v, %v, want %s", key, r.Findings, changes, want)
		}
	}
}

func TestSARIFProposesWholeFixes(t *testing.T) {
	t.Parallel()
	schema, err := payload.ReadSchema(filepath.Join("testdata", "sarif-2.1.0.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	file, o := writeExample(t, lint.Example{Text: "/acme/lyon/cr-001/status\nacme/lyon/cr-001/telemetry/Temp\n" +
		strings.Repeat("acme/lyon/cr-001/telemetry/Door\n", 9)})
	o.KeepEdits = false
	r := reportOf(t, file, o)
	text, err := r.Append(nil, lint.SARIFFormat, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Check(text); err != nil {
		t.Error(err)
	}
	for want, there := range map[string]bool{
		`"replacements":[{"deletedRegion":{"byteOffset":0,"byteLength":1}}]`:                                    true,
		`"replacements":[{"deletedRegion":{"byteOffset":52,"byteLength":4},"insertedContent":{"text":"temp"}}]`: true,
		`{"text":"door"}`: false, // nine lines, of which three edits are known
	} {
		if bytes.Contains(text, []byte(want)) != there {
			t.Errorf("%s is there: %v, in\n%s", want, !there, text[max(0, len(text)-3000):])
		}
	}
}

// Whatever a file has in it: mending ends, and leaves nothing that could still be mended.
func FuzzFixesComeToAnEnd(f *testing.F) {
	for _, r := range lint.Rules() {
		if kind := slices.Index(fixableKinds(), r.Bad.Kind); kind >= 0 && len(r.Bad.Text) < 2000 && r.FixClass != "" {
			f.Add(uint8(kind), r.Bad.Text)
		}
	}
	f.Add(uint8(0), "/a//B b/\r\n# mqx:ignore[T008]\n\n/A_b/\u200b\t/$x")
	f.Add(uint8(3), "listener\nlistener 1\nallow_anonymous\npersistence\n tls_version tlsv1\r\nuse_identity_as_username true")
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		if len(text) > 4000 {
			return
		}
		k := fixableKinds()[int(kind)%len(fixableKinds())]
		file := filepath.Join(t.TempDir(), "example")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o := lint.Options{Profile: lint.Strict, KeepEdits: true, Now: noon}
		for range 2 { // the second time there is nothing to do
			left, changes := fix(t, k, file, o, true)
			for _, finding := range left.Findings {
				if len(finding.Edits) > 0 {
					t.Errorf("%s is left of %q", finding.Code, text)
				}
			}
			if len(changes) == 0 {
				return
			}
			if err := os.WriteFile(file, changes[0].After, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		t.Errorf("%q was mended twice", text)
	})
}

func fixableKinds() []lint.Kind {
	return []lint.Kind{lint.Topics, lint.Filters, lint.ACL, lint.Conf, lint.Payload, lint.Source, lint.EMQXACL}
}
