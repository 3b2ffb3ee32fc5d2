package contract_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
)

// naive is [contract.Contract.Classify] by templates alone: of all that fit the one with a known root, and then the one that
// is first to have a literal where the others have a variable, is meant.
func naive(t *testing.T, c *contract.Contract, name string) (kind string, vars map[string]string) {
	t.Helper()
	best := ""
	for _, k := range c.Kinds {
		text := k.Template.String()
		forms := map[string]string{text: ""}
		for _, r := range c.Roots {
			if !strings.Contains(text, "{root}") {
				break
			}
			forms[strings.Replace(text, "{root}", r.Text, 1)] = r.Text
		}
		for form, root := range forms {
			template, err := topic.ParseTemplate(form)
			if err != nil {
				t.Fatal(err)
			}
			found, ok := template.Match(name)
			rank := rankOf(form, root != "" || len(c.Roots) == 0 || !strings.Contains(text, "{root}"))
			if !ok || best != "" && rank >= best {
				continue
			}
			if root != "" {
				found["root"] = root
			}
			best, kind, vars = rank, k.Name, found
		}
	}
	return kind, vars
}

// rankOf makes a text of a template that sorts first when the template is more special.
func rankOf(form string, knownRoot bool) string {
	rank := map[bool]string{true: "0", false: "1"}[knownRoot]
	for level := range strings.SplitSeq(form, "/") {
		switch {
		case strings.HasSuffix(level, "...}"):
			rank += "d"
		case level == "#":
			rank += "e"
		case level == "+":
			rank += "c"
		case strings.HasPrefix(level, "{"):
			rank += "b"
		default:
			rank += "a"
		}
	}
	return rank + "~" // what is longer is more special
}

func TestClassifyAgreesWithTheTemplates(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	words := []string{"acme", "test", "x", "y", "telemetry", "cmd", "res", "status", "", "$SYS", "+x"}
	ends := []string{"{signal}", "{a}/{b}", "{rest...}", "x", "y/{a}", "+", "#", "{a}/#"}
	roots := []string{"", "root: acme\n", "roots: [acme, acme/test, x]\n"}
	classified := 0
	for range 400 {
		text := "version: mqx/v1\nconvention: none\n" + roots[rnd.IntN(len(roots))] + "kinds:\n"
		for i := range 1 + rnd.IntN(5) {
			begin := []string{"{root}/{site}/{device}/", "{root}/{device}/", "acme/{device}/", "{site}/"}[rnd.IntN(4)]
			text += fmt.Sprintf("  k%d: { topic: %q }\n", i, begin+words[4+rnd.IntN(4)]+"/"+ends[rnd.IntN(len(ends))])
		}
		c, err := contract.Parse("f.yaml", []byte(text))
		if err != nil {
			if !strings.Contains(err.Error(), "have the same topics") {
				t.Fatalf("%v\n%s", err, text)
			}
			continue
		}
		for range 50 {
			levels := make([]string, 1+rnd.IntN(7))
			for i := range levels {
				levels[i] = words[rnd.IntN(len(words))]
			}
			name := strings.Join(levels, "/")
			if name == "" {
				continue
			}
			m, ok := c.Classify(name)
			kind, vars := naive(t, c, name)
			if ok != (kind != "") || ok && m.Kind.Name != kind {
				t.Fatalf("%q: got %+v, want %q\n%s", name, m.Kind, kind, text)
			}
			if !ok {
				continue
			}
			classified++
			got := varsOf(m)
			if diff := cmp.Diff(vars, got); diff != "" {
				t.Fatalf("%q: variables (-want +got)\n%s\n%s", name, diff, text)
			}
			if m.Root != got["root"] || m.Site != got["site"] || m.Device != got["device"] || m.Signal != got["signal"] {
				t.Fatalf("%q: the fields are not the variables: %+v, %v", name, m, got)
			}
		}
	}
	if classified < 500 {
		t.Errorf("only %d topics were of a kind", classified)
	}
}

// randomRule makes the keys of a rule.
func randomRule(rnd *rand.Rand) string {
	pick := func(words ...string) string { return words[rnd.IntN(len(words))] }
	rule := pick("", "retain: true, ", "retain: false, ", "retain: last, ", "retain: any, ")
	rule += pick("", "qos: 0, ", "qos: 2, ", "qos: any, ")
	switch rnd.IntN(4) {
	case 0:
		rule += "format: " + pick("text", "json") + ", values: [" + pick("a", "\"1\", \"true\"") + "], "
	case 1:
		rule += "format: " + pick("json", "text", "binary", "cbor", "msgpack", "protobuf", "any") + ", "
	case 2:
		rule += "require: " + pick("[]", "[ts]", "[value, x]", "[value]") + ", "
	}
	return rule + pick("", "unit: \"%\", ") + pick("", "max_bytes: 77, ") + pick("", "schema: temp.v1, ", "schema: any.v1, ")
}

func TestEveryContractSurvivesAsyncAPI(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	file := filepath.Join("testdata", "plant", "mqx.yaml")
	for range 100 {
		text := "version: mqx/v1\nschemas: { temp.v1: schemas/temp.v1.json, \"*.v1\": schemas/base.v1.json }\n"
		text += []string{"", "root: acme\n", "roots: { prod: acme, test: acme/test }\n", "sites: [lyon]\n"}[rnd.IntN(4)]
		text += "kinds:\n  telemetry: { " + randomRule(rnd) + " }\n  status: { " + randomRule(rnd) + " }\n"
		text += "  desired: { " + randomRule(rnd) + []string{"", "tolerance: 0.5", "tolerance: { gain: 0, /net/x: 1e-3 }"}[rnd.IntN(3)] + " }\n"
		text += "  firmware: { suffix: \"{part...}\", from: " + []string{"device", "service", "any"}[rnd.IntN(3)] + ", " + randomRule(rnd) + " }\n"
		text += "  x: { topic: \"{root}/{site}/{device}/telemetry/hum\", " + []string{"role: telemetry, ", "", "role: events, "}[rnd.IntN(3)] + randomRule(rnd) + " }\n"
		if rnd.IntN(2) == 0 {
			text += "signals: { temp: { " + randomRule(rnd) + " }, \"raw-*\": { " + randomRule(rnd) + " }, door: }\n"
		}
		c, err := contract.Parse(file, []byte(text))
		if err != nil {
			if strings.Contains(err.Error(), "values are texts") {
				continue
			}
			t.Fatalf("%v\n%s", err, text)
		}
		var document strings.Builder
		if _, err := c.WriteAsyncAPI(&document); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		again, err := contract.Parse(file, []byte(document.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, document.String())
		}
		if diff := cmp.Diff(facts(c, someTopics()), facts(again, someTopics())); diff != "" {
			t.Fatalf("(-contract +read back)\n%s\n%s\n%s", diff, text, document.String())
		}
	}
}
