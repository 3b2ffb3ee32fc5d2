package payload_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/payload"
)

func parse(t *testing.T, text string) any {
	t.Helper()
	v, err := payload.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestParseSaysWhyAPayloadIsNotJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":         "not JSON: there is nothing in it",
		" \n":      "not JSON: there is nothing in it",
		"online":   "not JSON: invalid character 'o' looking for beginning of value, at byte 0",
		`{"a":1,}`: "not JSON: invalid character '}' looking for beginning of object key string, at byte 7",
		"\"\xff\"": "not JSON: not UTF-8, or nested too deep",
		strings.Repeat("[", 1000) + strings.Repeat("]", 1000): "not JSON: not UTF-8, or nested too deep",
	} {
		_, err := payload.Parse([]byte(text))
		if !errors.Is(err, payload.ErrNotJSON) || err.Error() != want {
			t.Errorf("%.20q: got %v, want %s", text, err, want)
		}
	}
}

func TestAppendValueKeepsLiteralsAndSortsMembers(t *testing.T) {
	t.Parallel()
	const text = `{"b":[1.50,-0,1e3,true,null,"<é\n\u001b>"],"a":{}, "c":9007199254740993}`
	const want = `{"a":{},"b":[1.50,-0,1e3,true,null,"<é\n\u001b>"],"c":9007199254740993}`
	if got := string(payload.AppendValue(nil, parse(t, text))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	const doc = `{"a":{"b":[1,2,{"c":null}]},"n":9007199254740993,"s":"21","d":1,"d":2}`
	for _, tt := range []struct {
		path, want string
		found      bool
	}{
		{"a.b.0", "1", true},
		{"a.b.#", "3", true},
		{"a.b.2.c", "null", true},
		{"a.b.2", `{"c":null}`, true},
		{"n", "9007199254740993", true},
		{"s", `"21"`, true},
		{"d", "1", true}, // gjson takes the first
		{"@this.a.b.1", "2", true},
		{"nothing", "", false},
		{"", "", false},
	} {
		got, found, err := payload.Lookup([]byte(doc), tt.path)
		if err != nil || found != tt.found {
			t.Errorf("%s: got found %v and error %v", tt.path, found, err)
			continue
		}
		if text := string(payload.AppendValue(nil, got)); found && text != tt.want {
			t.Errorf("%s: got %s, want %s", tt.path, text, tt.want)
		}
	}
	if _, _, err := payload.Lookup([]byte("online"), "a"); !errors.Is(err, payload.ErrNotJSON) {
		t.Errorf("got %v for a payload that is not JSON", err)
	}
}

func TestTimestamp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ payload, want, fault string }{
		{`{"ts":1736430000}`, "2025-01-09T13:40:00Z", ""},
		{`{"ts":1736430000.25}`, "2025-01-09T13:40:00.25Z", ""},
		{`{"ts":1.73643e9}`, "2025-01-09T13:40:00Z", ""},
		{`{"ts":1736430000123}`, "2025-01-09T13:40:00.123Z", ""},
		{`{"ts":0}`, "1970-01-01T00:00:00Z", ""},
		{`{"ts":99999999999}`, "5138-11-16T09:46:39Z", ""},
		{`{"ts":100000000000}`, "1973-03-03T09:46:40Z", ""},
		{`{"v":1,"ts":"2025-01-09T14:40:00.5+01:00"}`, "2025-01-09T13:40:00.5Z", ""},
		{`{"ts":"2025-01-09T14:40:00"}`, "", `"ts" is "2025-01-09T14:40:00", which is not RFC 3339 with a zone`},
		{`{"ts":"1736430000"}`, "", `"ts" is "1736430000", which is not RFC 3339 with a zone`},
		{`{"ts":1736430000123456}`, "", `"ts" is 1736430000123456, neither Unix seconds nor milliseconds`},
		{`{"ts":1e400}`, "", `"ts" is 1e400, neither Unix seconds nor milliseconds`},
		{`{"ts":null}`, "", `"ts" is of type null`},
		{`{"ts":{"ts":1}}`, "", `"ts" is of type object`},
		{`{"time":1736430000}`, "", `the payload has no "ts"`},
		{`[{"ts":1736430000}]`, "", "the payload is not a JSON object"},
		{`1736430000`, "", "the payload is not a JSON object"},
		{``, "", "the payload is not a JSON object"},
	} {
		got, err := payload.ParseTimestamp([]byte(tt.payload))
		if tt.fault != "" {
			if err == nil || err.Error() != tt.fault {
				t.Errorf("%s: got %v, want %s", tt.payload, err, tt.fault)
			}
			continue
		}
		if text := got.UTC().Format(time.RFC3339Nano); err != nil || text != tt.want {
			t.Errorf("%s: got %s and %v, want %s", tt.payload, text, err, tt.want)
		}
	}
}

func TestNumbersCompareExactly(t *testing.T) {
	t.Parallel()
	// Each row is in ascending order; what is joined by = is equal.
	for _, row := range [][]string{
		{"-1e400", "-2", "-1.5=-15e-1", "-0.1", "0=-0=0.0=0e99=-0e-99", "1e-400", "0.1", "1=1.0=10e-1=0.01E+2=1E000000000000000000000", "21=21.0=2.1e1"},
		{"9007199254740992", "9007199254740993", "9007199254740993.0000000000000000001", "9007199254740994"},
		{"1e-9999999999999999999999", "1e-999999999999999999999", "1", "1e99999999", "1e999999999999999999999", "2e999999999999999999999", "1e9999999999999999999999"},
		{"-1e9999999999999999999999", "-1e999999999999999999999", "-1"},
	} {
		for i, left := range row {
			for j, right := range row {
				for l := range strings.SplitSeq(left, "=") {
					for r := range strings.SplitSeq(right, "=") {
						got, ok := payload.Compare(json.Number(l), json.Number(r))
						if want := compareInts(i, j); !ok || got != want {
							t.Errorf("%s and %s: got %d, want %d", l, r, got, want)
						}
					}
				}
			}
		}
	}
	if _, ok := payload.Compare("1", json.Number("1")); ok {
		t.Error("a string was compared with a number")
	}
}

func compareInts(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, from, to string
		want           []string
	}{
		{"the same", `{"a":[1,{"b":null}],"c":"x"}`, `{"c":"x","a":[1.0,{"b":null}]}`, nil},
		{"the last duplicate counts", `{"a":1,"a":2}`, `{"a":2}`, nil},
		{"big integers", `9007199254740993`, `9007199254740992`, []string{`changed "" 9007199254740993 9007199254740992`}},
		{"types", `{"a":1}`, `{"a":"1"}`, []string{`changed "/a" 1 "1"`}},
		{"null is a value", `{"a":null}`, `{}`, []string{`removed "/a" null null`}},
		{"members in order", `{"z":1,"b":1,"a":1}`, `{"z":2,"b":2,"c":3}`, []string{
			`removed "/a" 1 null`, `changed "/b" 1 2`, `added "/c" null 3`, `changed "/z" 1 2`,
		}},
		{"arrays keep their order", `[1,2]`, `[2,1,3]`, []string{`changed "/0" 1 2`, `changed "/1" 2 1`, `added "/2" null 3`}},
		{"a shorter array", `{"a":[1,2,3]}`, `{"a":[1]}`, []string{`removed "/a/1" 2 null`, `removed "/a/2" 3 null`}},
		{"pointers are escaped", `{"a/b":{"~":1}}`, `{"a/b":{"~":2}}`, []string{`changed "/a~1b/~0" 1 2`}},
		{"containers and scalars", `{"a":{},"b":[],"c":1,"d":true}`, `{"a":[],"b":1,"c":{},"d":[]}`, []string{
			`changed "/a" {} []`, `changed "/b" [] 1`, `changed "/c" 1 {}`, `changed "/d" true []`,
		}},
	} {
		var got []string
		for c := range payload.Changes(parse(t, tt.from), parse(t, tt.to)) {
			got = append(got, string(c.Op)+" "+string(payload.AppendValue(nil, c.Pointer))+" "+
				string(payload.AppendValue(nil, c.From))+" "+string(payload.AppendValue(nil, c.To)))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
		if equal := payload.Equal(parse(t, tt.from), parse(t, tt.to)); equal != (len(tt.want) == 0) {
			t.Errorf("%s: Equal says %v", tt.name, equal)
		}
	}
}

func TestChangesStopWhenAsked(t *testing.T) {
	t.Parallel()
	for range payload.Changes(parse(t, `{"a":{"x":1,"y":[1,2]},"b":1}`), parse(t, `{"a":{"x":2,"y":[2,3]},"b":2}`)) {
		break // a differ that goes on after that panics
	}
}

// FuzzChanges applies the changes to one value and expects the other: a second way to say what they mean.
func FuzzChanges(f *testing.F) {
	for _, text := range []string{`1`, `1.0`, `{"a":[1,2,{"b":null}],"c/~":"x"}`, `{"a":[1],"c/~":{},"d":1e5}`, `[[],[0]]`, `"\ud800"`, `x`} {
		for _, other := range []string{`null`, `{"a":[1,3],"d":100000}`} {
			f.Add([]byte(text), []byte(other))
		}
	}
	f.Fuzz(func(t *testing.T, left, right []byte) {
		from, err := payload.Parse(left)
		if err != nil {
			return
		}
		to, err := payload.Parse(right)
		if err != nil {
			return
		}
		patched := parse(t, string(left))
		changes := slices.Collect(payload.Changes(from, to))
		for _, c := range slices.Backward(changes) { // from the end, so that indexes stay right
			patched = patch(patched, strings.Split(c.Pointer, "/")[1:], c)
		}
		for _, c := range changes { // elements are added in order
			if c.Op == payload.Added {
				patched = patch(patched, strings.Split(c.Pointer, "/")[1:], c)
			}
		}
		if !payload.Equal(patched, to) {
			t.Errorf("%s with %v is %s, want %s", left, changes, payload.AppendValue(nil, patched), right)
		}
		if payload.Equal(from, to) != payload.Equal(to, from) {
			t.Errorf("%s and %s: Equal is not symmetric", left, right)
		}
		if again := parse(t, string(payload.AppendValue(nil, from))); !payload.Equal(again, from) {
			t.Errorf("%s does not survive AppendValue", left)
		}
	})
}

// patch applies a change; added elements are appended when their turn comes.
func patch(v any, tokens []string, c payload.Change) any {
	if len(tokens) == 0 {
		return c.To
	}
	token := strings.NewReplacer("~1", "/", "~0", "~").Replace(tokens[0])
	switch v := v.(type) {
	case map[string]any:
		if c.Op == payload.Removed && len(tokens) == 1 {
			delete(v, token)
			return v
		}
		v[token] = patch(v[token], tokens[1:], c)
		return v
	case []any:
		var i int
		if err := json.Unmarshal([]byte(token), &i); err != nil {
			panic(err)
		}
		switch {
		case c.Op == payload.Removed && len(tokens) == 1:
			return v[:i]
		case i == len(v):
			return append(v, c.To)
		case i > len(v):
			return v // its turn comes
		}
		v[i] = patch(v[i], tokens[1:], c)
		return v
	default:
		panic("a pointer leads into a scalar")
	}
}

func FuzzTimestampAndLookup(f *testing.F) {
	f.Add([]byte(`{"ts":1736430000}`), "ts")
	f.Add([]byte(`{"a":[{"b":1},{"b":2}]}`), "a.#(b>1)#|0.@pretty")
	f.Add([]byte(`"x"`), "@tostr|@fromstr")
	f.Fuzz(func(t *testing.T, p []byte, path string) {
		if at, ok := payload.Timestamp(p); ok && (at.Year() < -9999 || at.Year() > 9999) {
			t.Errorf("%q: year %d", p, at.Year())
		}
		if v, found, err := payload.Lookup(p, path); err == nil && found {
			if _, err := payload.Parse(payload.AppendValue(nil, v)); err != nil {
				t.Errorf("%q at %q: %v", p, path, err)
			}
		}
	})
}
