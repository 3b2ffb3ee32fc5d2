package contract_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// Every file in testdata/bad is wrong, and what is said about it stands beside it. MQX_UPDATE=1 writes these files again.
func TestMistakesAreShownWhereTheyAre(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "bad", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		_, err := contract.Parse(filepath.Base(file), []byte(read(t, file)))
		mistakes, ok := errors.AsType[*yamlfile.Error](err)
		if !ok {
			t.Errorf("%s: got %v", file, err)
			continue
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error has several lines", file)
		}
		golden := strings.TrimSuffix(file, ".yaml") + ".txt"
		if os.Getenv("MQX_UPDATE") != "" {
			if err := os.WriteFile(golden, []byte(mistakes.Detail()), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(read(t, golden), mistakes.Detail()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", file, diff)
		}
	}
}

func TestKindsOfTheGuideHoldUnlessTheFileSaysOtherwise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"nothing more", "", "telemetry status cmd cmd/res desired reported events"},
		{"one off", "kinds: { events: off, cmd/res: false }\n", "telemetry status cmd desired reported"},
		{"one more", "kinds: { alarm: { from: device } }\n", "telemetry status cmd cmd/res desired reported events alarm"},
		{"none", "convention: none\nkinds: { alarm: { from: device } }\n", "alarm"},
	} {
		var names []string
		for _, k := range parse(t, "version: mqx/v1\n"+tt.text).Kinds {
			names = append(names, k.Name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	c := parse(t, "version: mqx/v1\nkinds: { telemetry: { qos: 1 } }\n")
	m, _ := c.Classify("a/b/c/telemetry/x")
	want := contract.Rule{Retain: contract.RetainNever, QoS: 1, Format: contract.JSON, Require: []string{"ts", "value"}}
	if diff := cmp.Diff(want, m.Rule()); diff != "" {
		t.Errorf("what the file does not say of telemetry is not as in the guide (-want +got)\n%s", diff)
	}
}

func TestOtherTaxonomies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, topic, kind, base string }{
		{
			"plants and lines", "taxonomy: \"{root}/{plant}/{line}/{device}/{kind}\"\nroot: corp/eu\nvariables: { line: { pattern: \"l[0-9]+\" } }\n",
			"corp/eu/p1/l7/press/status", "status", "corp/eu/p1/l7/press",
		},
		{
			"no site", "taxonomy: \"zigbee2mqtt/{device}/{kind}\"\nconvention: none\n" +
				"kinds: { state: { topic: \"zigbee2mqtt/{device}\", role: reported }, availability: { role: status, values: [online, offline] } }\n",
			"zigbee2mqtt/lamp", "state", "zigbee2mqtt/lamp",
		},
		{
			"the kind in the middle", "taxonomy: \"spBv1.0/{group}/{node}/{device}/{kind}\"\nconvention: none\n" +
				"kinds: { DDATA: { topic: \"spBv1.0/{group}/DDATA/{node}/{device}\", role: telemetry, format: protobuf } }\n",
			"spBv1.0/G/DDATA/n/d", "DDATA", "spBv1.0/G/n/d",
		},
	} {
		c := parse(t, "version: mqx/v1\n"+tt.text)
		m, ok := c.Classify(tt.topic)
		if !ok || m.Kind.Name != tt.kind || m.Base() != tt.base || m.Unknown() != nil {
			t.Errorf("%s: %s: got %+v of %s, unknown %v", tt.name, tt.topic, m.Kind, m.Base(), m.Unknown())
		}
		if d, err := c.Resolve(tt.base); err != nil || d.Base != tt.base {
			t.Errorf("%s: %s: got %v, %v", tt.name, tt.base, d, err)
		}
	}
}

func TestLoadSaysThatAFileIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := contract.Load(filepath.Join(t.TempDir(), "gone.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Whatever the text is, it is a contract that can be used or an error that can be shown.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/plant/*.yaml", "testdata/asyncapi/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			f.Add(read(f, file))
		}
	}
	f.Add("version: mqx/v1\nkinds: &k {a: {suffix: \"{x...}\", qos: any}, b: {<<: *k}}\n")
	f.Add("asyncapi: 3.1.0\nchannels: {a: {address: 'a/{device}/b', messages: {m: {payload: {type: number}}}}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "schemas") || strings.Contains(text, "inventory") || strings.Contains(text, "$ref") {
			return // would read files
		}
		c, err := contract.Parse("f.yaml", []byte(text))
		mistakes, ok := errors.AsType[*yamlfile.Error](err)
		switch {
		case err != nil && !ok:
			t.Fatalf("%T: %v", err, err)
		case err != nil:
			_ = mistakes.Detail()
			return
		}
		facts(c, someTopics())
		c.Explain("a/b/c")
		c.TopicsOf("a/b/c")
		_, _ = c.Resolve("c")
		var document strings.Builder
		if _, err := c.WriteAsyncAPI(&document); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if again, err := contract.Parse("f.yaml", []byte(document.String())); err != nil {
			t.Fatalf("the export cannot be read: %v\n%s", err, document.String())
		} else if diff := cmp.Diff(facts(c, someTopics()), facts(again, someTopics())); diff != "" {
			t.Fatalf("the export means something else (-contract +read back)\n%s\n%s", diff, document.String())
		}
		_, _ = c.WriteACL(&strings.Builder{}, contract.ACLOptions{})
	})
}

func TestWithoutAConventionOnlyTheFileHolds(t *testing.T) {
	t.Parallel()
	c := parse(t, "version: mqx/v1\nconvention: none\nkinds: { log: { topic: \"log/#\", from: device } }\nlimits: { topic_bytes: 9 }\n")
	if diff := cmp.Diff(contract.Limits{TopicBytes: 9}, c.Limits); diff != "" {
		t.Errorf("limits (-want +got)\n%s", diff)
	}
	for _, topic := range []string{"log", "log/a", "log" + strings.Repeat("/a", 1000)} {
		if m, ok := c.Classify(topic); !ok || m.Kind.Name != "log" || m.Base() != "" || m.Group() != topic {
			t.Errorf("%.40s: got %v, base %q, group %.40q", topic, ok, m.Base(), m.Group())
		}
	}
	if _, ok := c.Classify("logs"); ok {
		t.Error("logs is log")
	}
	if c := parse(t, "version: mqx/v1\nlimits: { topic_bytes: 9 }\n"); c.Limits.TopicBytes != 9 || c.Limits.TopicLevels != 8 {
		t.Errorf("a limit of its own takes the guide's others away: %+v", c.Limits)
	}
}

func TestTemplatesHaveABound(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("a/", 64)
	_, err := contract.Parse("f.yaml", []byte("version: mqx/v1\nkinds: { log: { topic: \""+deep+"{device}\" } }\n"))
	if err == nil || !strings.Contains(err.Error(), "more than 64 levels") {
		t.Errorf("got %v", err)
	}
}

// x- begins what mqx leaves alone, except where names stand: a signal may well be called x-axis.
func TestNamesMayBeginWithX(t *testing.T) {
	t.Parallel()
	c, err := contract.Parse("mqx.yaml", []byte("version: mqx/v1\nx-note: {anything: 1}\nsignals: {x-axis: {unit: g}}\n"+
		"schemas: {x-1: {type: object}}\nkinds: {x-ray: {schema: x-1}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Signals) != 1 || c.Kind("x-ray") == nil || len(c.Schemas) != 1 {
		t.Errorf("signals %v, kinds %v, schemas %v", c.Signals, c.Kinds, c.Schemas)
	}
}

// A schema may stand in the contract file itself; what is no JSON Schema is told at its line.
func TestSchemasMayStandInTheFile(t *testing.T) {
	t.Parallel()
	c, err := contract.Parse("mqx.yaml", []byte(`version: mqx/v1
schemas:
  temp.v1:
    type: object
    required: [v]
    properties: { v: { $ref: "#/$defs/number" } }
    $defs: { number: { type: number, maximum: 100 } }
`))
	if err != nil {
		t.Fatal(err)
	}
	s := c.SchemaFor(contract.Rule{}, "temp.v1")
	if s == nil || s.Check([]byte(`{"v":21.7}`)) != nil || s.Check([]byte(`{"v":101}`)) == nil || s.Check([]byte(`{}`)) == nil {
		t.Errorf("the schema of the file does not hold: %+v", s)
	}
	_, err = contract.Parse("mqx.yaml", []byte("version: mqx/v1\nschemas:\n  temp.v1: { type: nunber }\n"))
	if err == nil || !strings.Contains(err.Error(), "mqx.yaml:3:") {
		t.Errorf("a schema that is none: %v", err)
	}
}
