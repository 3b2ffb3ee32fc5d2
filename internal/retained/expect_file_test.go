package retained_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/retained"
)

func TestAFileOfExpectations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "s.json"), []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const good = `# what the line looks like when it is ready
expect:
  - topic: plant/line1/status
    equals: online
    within: 5
  - topic: plant/line1/speed
    equals: 1.50
  - topic: plant/line1/state
    path: mode
    equals: "1"
  - &state
    topic: plant/line1/state
    name: the state
    json_equals: {n: 1.50, list: [~, true, 0x1F, "x"]}
    schema: s.json
    max_age: 1m30s
  - <<: *state
    name: the other state
    json_equals: '{"n": 9007199254740993}'
  - filter: plant/+/status
    matches: |-
      ^on
    count: ">= 3"
  - {filter: plant/#, count: 4}
  - topic: plant/line1/n
    is: ["> 2", "!= 7"]
    path: a.b
  - topic: plant/line1/gone
    absent: true
  - topic: plant/line1/text
    equals: !!str 20
`
	expectations, err := retained.ParseExpectations(filepath.Join(dir, "expect.yaml"), []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range expectations {
		got = append(got, strings.ReplaceAll(e.String()+" | "+e.Condition(), dir, "DIR"))
	}
	schema := filepath.Join("DIR", "s.json")
	want := []string{
		`plant/line1/status equals "online" | equals "online"`,
		`plant/line1/speed equals "1.50" | equals "1.50"`,
		`plant/line1/state mode equals "1" | mode equals "1"`,
		`the state | json_equals {"list":[null,true,31,"x"],"n":1.50}, schema ` + schema + `, max_age 1m30s`,
		`the other state | json_equals {"n":9007199254740993}, schema ` + schema + `, max_age 1m30s`,
		`plant/+/status count >= 3 where matches ^on | count >= 3 where matches ^on`,
		`plant/# count 4 | count 4`,
		`plant/line1/n a.b is > 2, a.b is != 7 | a.b is > 2, a.b is != 7`,
		`plant/line1/gone absent | absent`,
		`plant/line1/text equals "20" | equals "20"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if d := expectations[0].Within(); d != 5*time.Second {
		t.Errorf("within is %s", d)
	}
	// A number in quotes is a string after path, as YAML says.
	o := evaluate(state(`plant/line1/state {"mode":1}`), expectations[2])[0]
	if o.Verdict != retained.Failed {
		t.Errorf(`the number 1 passed for the string "1"`)
	}
}

func TestMistakesInAFileAreShownWhereTheyAre(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", "expect:\n  - topic: a\n    equal: x\n", "" +
			"f.yaml:3:5: unknown key \"equal\" - did you mean \"equals\"?\n" +
			"    3 |     equal: x\n" +
			"            ^\n"},
		{"a flag's spelling", "expect:\n  - topic: a\n    max-age: 3\n", "" +
			"f.yaml:3:5: unknown key \"max-age\" - did you mean \"max_age\"?\n" +
			"    3 |     max-age: 3\n" +
			"            ^\n"},
		{"nothing like it", "expectations: []\n", "" +
			"f.yaml:1:1: unknown key \"expectations\" - known are expect\n" +
			"    1 | expectations: []\n" +
			"        ^\n"},
		{"behind a wide character", "expect: [{topic: \"ü\", equal: x}]\n", "" +
			"f.yaml:1:23: unknown key \"equal\" - did you mean \"equals\"?\n" +
			"    1 | expect: [{topic: \"ü\", equal: x}]\n" +
			"                              ^\n"},
		{"several", "expect:\n  - topic: a\n    count: 1\n  - topic: a/#\n    exists: true\n  - exists: true\n", "" +
			"f.yaml:3:12: count: there is at most one Retained Message of a topic - use filter\n" +
			"    3 |     count: 1\n" +
			"                   ^\n" +
			"f.yaml:4:12: topic: \"a/#\" has wildcards - use filter\n" +
			"    4 |   - topic: a/#\n" +
			"                   ^\n" +
			"f.yaml:6:5: neither a topic nor a filter\n" +
			"    6 |   - exists: true\n" +
			"            ^\n"},
		{"a value of the wrong kind", "expect:\n  - topic: a\n    exists: maybe\n  - topic: [a]\n    max_age: -1\n", "" +
			"f.yaml:3:13: true is expected\n" +
			"    3 |     exists: maybe\n" +
			"                    ^\n" +
			"f.yaml:4:5: one word or a text is expected\n" +
			"    4 |   - topic: [a]\n" +
			"            ^\n" +
			"f.yaml:5:14: \"-1\" is not a duration above zero, like 90s, 1.5, 2m or 7d\n" +
			"    5 |     max_age: -1\n" +
			"                     ^\n"},
		{"false", "expect:\n  - topic: a\n    exists: false\n", "" +
			"f.yaml:3:13: false says nothing: write absent: true\n" +
			"    3 |     exists: false\n" +
			"                    ^\n"},
		{"no value", "expect:\n  - topic: a\n    equals:\n", "" +
			"f.yaml:3:5: a value is expected\n" +
			"    3 |     equals:\n" +
			"            ^\n"},
		{"bytes of a mapping", "expect:\n  - topic: a\n    equals: {b: 1}\n", "" +
			"f.yaml:3:5: equals: compares bytes - use json_equals for JSON values\n" +
			"    3 |     equals: {b: 1}\n" +
			"            ^\n"},
		{"no syntax", "expect:\n  - topic: \"a\n", "" +
			"f.yaml:2:12: could not find end character of double-quoted text\n" +
			"    2 |   - topic: \"a\n" +
			"                   ^\n"},
		{"twice", "expect:\n  - topic: a\n    topic: b\n", "" +
			"f.yaml:3:5: mapping key \"topic\" already defined at [2:5]\n" +
			"    3 |     topic: b\n" +
			"            ^\n"},
		{"a control character", "expect:\n  - topic: a\n    \"eq\u202euals\": x\n", "" +
			"f.yaml:3:5: unknown key \"eq\\u202euals\" - did you mean \"equals\"?\n" +
			"    3 |     \"eq\\u202euals\": x\n" +
			"            ^\n"},
		{"an alias of itself", "expect:\n  - topic: a\n    json_equals: &x [*x]\n", "" +
			"f.yaml:3:18: nested too deep, or an alias of itself\n" +
			"    3 |     json_equals: &x [*x]\n" +
			"                         ^\n"},
		{"an alias of nothing", "expect:\n  - topic: a\n    json_equals: *x\n", "" +
			"f.yaml:3:18: an alias without its anchor\n" +
			"    3 |     json_equals: *x\n" +
			"                         ^\n"},
		{"not a number of JSON", "expect:\n  - topic: a\n    json_equals: .inf\n", "" +
			"f.yaml:3:18: .inf has no place in JSON\n" +
			"    3 |     json_equals: .inf\n" +
			"                         ^\n"},
		{"empty", "# nothing\n", "f.yaml: nothing is expected: the file is empty - begin with expect:\n"},
		{"an empty list", "expect: []\n", "" +
			"f.yaml:1:1: a list of expectations is expected - write \"- topic: …\" below\n" +
			"    1 | expect: []\n" +
			"        ^\n"},
		{"two documents", "expect: [{topic: a, exists: true}]\n---\nexpect: []\n", "" +
			"f.yaml:3:7: a second document - put everything into one\n" +
			"    3 | expect: []\n" +
			"              ^\n"},
		{"a list alone", "- topic: a\n", "" +
			"f.yaml:1:1: a mapping is expected - begin with expect:\n" +
			"    1 | - topic: a\n" +
			"        ^\n"},
	} {
		_, err := retained.ParseExpectations("f.yaml", []byte(tt.text))
		fault, ok := errors.AsType[*retained.FileError](err)
		if !ok {
			t.Errorf("%s: got %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, fault.Detail()); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error has several lines", tt.name)
		}
	}
}

func TestAFileErrorIsOneLine(t *testing.T) {
	t.Parallel()
	_, err := retained.ParseExpectations("f.yaml", []byte("expect:\n  - tpic: a\n    equls: x\n"))
	const want = `f.yaml:2:5: unknown key "tpic" - did you mean "topic"? (and 1 more)`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReadExpectationsSaysThatAFileIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := retained.ReadExpectations(filepath.Join(t.TempDir(), "gone.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestAliasesCannotUnfoldWithoutEnd(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("expect:\n  - topic: a\n    json_equals:\n      - &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := range 12 {
		alias := "*a" + string('0'+rune(i))
		if i >= 10 {
			alias = "*a1" + string('0'+rune(i-10))
		}
		name := "&a" + string('0'+rune(i+1))
		if i+1 >= 10 {
			name = "&a1" + string('0'+rune(i+1-10))
		}
		b.WriteString("      - " + name + " [" + strings.Repeat(alias+",", 9) + alias + "]\n")
	}
	_, err := retained.ParseExpectations("f.yaml", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "the aliases unfold to too much") {
		t.Errorf("got %v", err)
	}
	if _, err := retained.ParseExpectations("f.yaml", []byte("expect: &x {<<: *x, ? <<\n: *x, <<: *x}\n")); err == nil {
		t.Error("a mapping that merges itself passed")
	}
}

func FuzzParseExpectations(f *testing.F) {
	f.Add("expect:\n  - topic: a/b\n    path: x\n    is: [\"> 20\", 'matches ^o']\n  - filter: a/#\n    count: 2..5\n    max_age: 5m\n")
	f.Add("expect:\n- &a\n  topic: a\n  json_equals: {b: [1.5, ~, 0x1f, .inf, !!str 2]}\n- <<: *a\n  equals: |\n    x\n")
	f.Add("expect: [{topic: a, exists: true}]\n---\n")
	f.Add("? [a]\n: - b\n")
	f.Add("a: &x {<<: *x}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "schema") {
			return // would read files
		}
		expectations, err := retained.ParseExpectations("f.yaml", []byte(text))
		fault, ok := errors.AsType[*retained.FileError](err)
		switch {
		case err != nil && !ok:
			t.Fatalf("%T: %v", err, err)
		case err != nil:
			_ = fault.Detail()
		case len(expectations) == 0:
			t.Error("no error, and no expectations")
		default:
			evaluate(state(`a {"x":21,"b":[1]}`, "a/b x"), expectations...)
		}
	})
}
