package lint_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/lint"
)

// draftOf returns the draft for a capture, read as a contract.
func draftOf(t *testing.T, capture string) (string, *contract.Contract) {
	t.Helper()
	n := lint.NewInference()
	if _, err := n.ReadCapture(strings.NewReader(capture)); err != nil {
		t.Fatal(err)
	}
	draft := n.Draft()
	c, err := contract.Parse("mqx.yaml", []byte(draft))
	if err != nil {
		t.Fatalf("%v\n%s", err, draft)
	}
	return draft, c
}

// schemaErrors lints a capture with a contract and returns what is wrong with the schemas.
func schemaErrors(t *testing.T, c *contract.Contract, capture string) string {
	t.Helper()
	convention, err := lint.ContractConvention(c)
	if err != nil {
		t.Fatal(err)
	}
	l := newLinter(t, lint.Options{Convention: convention, Select: []string{"P001", "P008", "T017", "T018", "T031"}})
	r := read(t, l, lint.Messages, capture)
	return string(r.AppendText(nil, nil))
}

// randomValue is a JSON value with the names and types that real payloads mix.
func randomValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(9); {
	case n == 0:
		return nil
	case n == 1:
		return r.IntN(2) == 0
	case n < 5:
		return float64(r.IntN(2000)-1000) / 8
	case n == 5:
		return []string{"on", "off", "a: b # c", "null", "1e3", "\u2028\x00\t", "~", "é", ""}[r.IntN(9)]
	case n < 8 && depth < 4:
		o := map[string]any{}
		for range r.IntN(4) {
			o[[]string{"v", "ts", "a/b", "~", "*", "true", "x y", "", "- -", "k\"", "schema"}[r.IntN(11)]] = randomValue(r, depth+1)
		}
		return o
	case depth < 4:
		list := []any{}
		for range r.IntN(4) {
			list = append(list, randomValue(r, depth+1))
		}
		return list
	default:
		return 1
	}
}

// Whatever came, the draft can be read, is clean itself, and its schemas take every message that they were made of.
func TestDraftsTakeTheTrafficTheyWereMadeOf(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	kinds := []string{"telemetry/temp", "telemetry/hum-1", "telemetry/Door", "status", "cmd", "cmd/res", "desired", "reported", "events/x", "other"}
	for round := range 200 {
		var capture strings.Builder
		for range 1 + r.IntN(60) {
			name := fmt.Sprintf("acme/s%d/d-%d/%s", r.IntN(2), r.IntN(3), kinds[r.IntN(len(kinds))])
			if round%4 == 3 {
				name = strings.Repeat("y/", r.IntN(3)) + kinds[r.IntN(len(kinds))]
			}
			value := randomValue(r, 0)
			if o, ok := value.(map[string]any); ok && r.IntN(2) == 0 {
				o["schema"] = []any{"temp.v1", "temp.v2", "*.v1", 7, "x"}[r.IntN(5)]
			}
			line, err := json.Marshal(map[string]any{"topic": name, "payload": value, "qos": r.IntN(3), "retain": r.IntN(2) == 0})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&capture, "%s\n", line)
		}
		draft, c := draftOf(t, capture.String())
		l := newLinter(t, lint.Options{})
		l.Contract(c)
		if report := l.Finish(); len(report.Findings) > 0 {
			t.Fatalf("round %d: %s\n%s", round, report.AppendText(nil, nil), draft)
		}
		if text := schemaErrors(t, c, capture.String()); text != "" {
			t.Fatalf("round %d: %s\n%s", round, text, draft)
		}
	}
}

// A draft has a schema for every version, and says how sure it is.
func TestDraftsDescribePayloadsWithConfidence(t *testing.T) {
	t.Parallel()
	var capture strings.Builder
	for i := range 40 {
		extra := ""
		if i%4 == 0 {
			extra = `,"battery":{"level":88}`
		}
		fmt.Fprintf(&capture, `{"topic":"acme/lyon/cr-%03d/telemetry/temp","payload":{"v":%d.5,"ts":%d,"unit":"C","schema":"temp.v1"%s}}`+"\n",
			i, 18+i%8, 1736430000+i, extra)
	}
	capture.WriteString(`{"topic":"acme/lyon/cr-001/telemetry/temp","payload":{"value":1,"ts":1736430000,"unit":"C","schema":"temp.v2"}}` + "\n")
	capture.WriteString(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"payload":{"id":"a","ts":1736430000,"name":"open"}}` + "\n")
	draft, c := draftOf(t, capture.String())
	for _, want := range []string{
		"  temp.v1:  # 40 messages\n", "  temp.v2:  # 1 message, which is few\n", "required: [schema, ts, unit, v]\n",
		"      v: { type: number }  # 18.5 to 25.5\n", "      unit: { type: string, enum: [C] }\n", "      battery:  # in 10 of 40\n",
		"          level: { type: number }\n", "cmd: { retain: false, qos: 1, schema: cmd }",
	} {
		if !strings.Contains(draft, want) {
			t.Errorf("no %q in\n%s", want, draft)
		}
	}
	bad := strings.Replace(capture.String(), `"v":18.5`, `"v":"18.5"`, 1)
	if text := schemaErrors(t, c, bad); !strings.Contains(text, "P008") {
		t.Errorf("another type fits the draft: %q", text)
	}
	bad = strings.ReplaceAll(capture.String(), `"name":"open"`, `"name":7`)
	if text := schemaErrors(t, c, bad); !strings.Contains(text, "P008") {
		t.Errorf("another command fits the draft: %q", text)
	}
}
