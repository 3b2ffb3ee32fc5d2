package yamlfile_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func TestValuesAreThoseOfJSON(t *testing.T) {
	t.Parallel()
	d := yamlfile.Parse("f.yaml", []byte(`
text: a
number: 9007199254740993
float: 1.50
hex: 0x1F
yes: true
none: ~
block: |-
  a
  b
list: [1, "2"]
base: &base { a: 1, b: 2 }
merged: { <<: *base, b: 3 }
tagged: !!str 20
`))
	got, err := d.Value(d.Body())
	if err != nil || d.Err() != nil {
		t.Fatal(err, d.Err())
	}
	want := map[string]any{
		"text": "a", "number": json.Number("9007199254740993"), "float": json.Number("1.50"), "hex": json.Number("31"), "yes": true,
		"none": nil, "block": "a\nb", "list": []any{json.Number("1"), "2"}, "tagged": "20",
		"base":   map[string]any{"a": json.Number("1"), "b": json.Number("2")},
		"merged": map[string]any{"a": json.Number("1"), "b": json.Number("3")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAScalarKeepsHowItWasWritten(t *testing.T) {
	t.Parallel()
	d := yamlfile.Parse("f.yaml", []byte("[1.50, true, 'a', [], ~, '']\n"))
	items, ok := d.Items(d.Body())
	if !ok || len(items) != 6 {
		t.Fatalf("got %d elements", len(items))
	}
	for i, want := range []string{"1.50", "true", "a"} {
		if s, err := d.Scalar(items[i]); err != nil || s.Text != want {
			t.Errorf("got %q, %v, want %q", s.Text, err, want)
		}
	}
	for _, item := range items[3:] {
		if text, err := d.Text(item); !errors.Is(err, yamlfile.ErrScalar()) {
			t.Errorf("%s: got %q, %v", item, text, err)
		}
	}
}

func TestProblemsComeInTheOrderOfTheLines(t *testing.T) {
	t.Parallel()
	d := yamlfile.Parse("f.yaml", []byte("a: 1\n\tb\x1b: ü\n"))
	if d.Problems() == 0 { // a tab is no indentation
		t.Fatal("no problem")
	}
	d = yamlfile.Parse("f.yaml", []byte("a: 1\nb: \"\u202e\"  # \x1b\n"))
	pairs, ok := d.Pairs(d.Body())
	if !ok || len(pairs) != 2 {
		t.Fatalf("got %d pairs", len(pairs))
	}
	d.Problem(pairs[1].Place(), "second", "next")
	d.Problem(pairs[0].Key, "first", "")
	d.Problem(nil, "the whole", "")
	var fault *yamlfile.Error
	if !errors.As(d.Err(), &fault) {
		t.Fatalf("got %v", d.Err())
	}
	const want = "f.yaml: the whole\n" +
		"f.yaml:1:1: first\n    1 | a: 1\n        ^\n" +
		"f.yaml:2:4: second - next\n    2 | b: \"\\u202e\"  # \\x1b\n           ^\n"
	if diff := cmp.Diff(want, fault.Detail()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := fault.Error(); got != "f.yaml: the whole (and 2 more)" {
		t.Errorf("got %s", got)
	}
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	known := []string{"retain", "max_bytes", "qos"}
	for word, want := range map[string]string{
		"retian": `did you mean "retain"?`, "max-bytes": `did you mean "max_bytes"?`, "QOS": `did you mean "qos"?`,
		"nothing": "known are retain, max_bytes, qos", strings.Repeat("retain", 1000): "known are retain, max_bytes, qos",
	} {
		if got := yamlfile.DidYouMean(word, known); got != want {
			t.Errorf("%.20s: got %s, want %s", word, got, want)
		}
	}
}

func TestWhatUnfoldsWithoutEndIsAnError(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"itself":  "a: &x [*x]\n",
		"nothing": "a: *x\n",
		"deep":    strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n",
	} {
		d := yamlfile.Parse("f.yaml", []byte(text))
		if d.Body() == nil {
			continue // the syntax is refused
		}
		if v, err := d.Value(d.Body()); err == nil {
			t.Errorf("%s: got %v", name, v)
		}
	}
}

// Brackets cost the square of their number, so that a small file could keep a machine busy for minutes.
func TestDeepNestingIsRefusedAtItsLine(t *testing.T) {
	t.Parallel()
	text := "a: 1\nb: " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "\n"
	err := yamlfile.Parse("x.yaml", []byte(text)).Err()
	if err == nil || !strings.Contains(err.Error(), "x.yaml:2:1: nested too deep") || len(err.Error()) > 200 {
		t.Errorf("got %v", err)
	}
}
