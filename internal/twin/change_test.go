package twin_test

import (
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/twin"
)

func state(t *testing.T, text string) twin.State {
	t.Helper()
	s, err := twin.ParseState([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// The examples of RFC 7396, appendix A, whose results are objects.
func TestMergePatchesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	for _, tt := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`{"a":"foo"}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":{"b":1}}`, `{"a":{}}`, `{"a":{"b":1}}`},
		{`{"a":[1]}`, `{"a":{"0":2}}`, `{"a":{"0":2}}`},
	} {
		before := state(t, tt[0])
		next, edits, err := twin.Apply(twin.Merge(state(t, tt[1])), before)
		if err != nil {
			t.Errorf("%s: %v", tt, err)
			continue
		}
		if got := string(payload.AppendValue(nil, next)); got != tt[2] {
			t.Errorf("%s and %s make %s, want %s", tt[0], tt[1], got, tt[2])
		}
		if got := string(payload.AppendValue(nil, before)); got != tt[0] {
			t.Errorf("%s has become %s", tt[0], got)
		}
		if len(edits) == 0 {
			t.Errorf("%s: no edits", tt)
		}
	}
}

func TestJSONPatchesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ doc, patch, want string }{
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"baz":"qux","foo":"bar"}`},
		{`{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{`{"foo":[1]}`, `[{"op":"add","path":"/foo/-","value":2}]`, `{"foo":[1,2]}`},
		{`{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{`{"a":1}`, `[{"op":"replace","path":"/a","value":2}]`, `{"a":2}`},
		{`{"a":{"b":1},"c":{}}`, `[{"op":"move","from":"/a/b","path":"/c/d"}]`, `{"a":{},"c":{"d":1}}`},
		{`{"a":{"b":1}}`, `[{"op":"copy","from":"/a","path":"/c"}]`, `{"a":{"b":1},"c":{"b":1}}`},
		{`{"a":12345678901234567890.10}`, `[{"op":"test","path":"/a","value":12345678901234567890.1},{"op":"copy","from":"/a","path":"/b"}]`, `{"a":12345678901234567890.10,"b":12345678901234567890.10}`},
		{`{"a":1}`, `[{"op":"replace","path":"","value":{"b":2}}]`, `{"b":2}`},
		{`{"a":null}`, `[{"op":"test","path":"/a","value":null}]`, `{"a":null}`},
		{`{"a":"<&>"}`, `[{"op":"copy","from":"/a","path":"/b"}]`, `{"a":"<&>","b":"<&>"}`},
		{`{"a":1}`, `[{"op":"test","path":"/a","value":"1"}]`, `test /a: it is 1`},
		{`{"a":1}`, `[{"op":"test","path":"/b","value":null}]`, `there is no such setting`},
		{`{"a":1}`, `[{"op":"remove","path":"/b"}]`, `operation 1, remove /b: it does not fit`},
		{`{"a":[1]}`, `[{"op":"add","path":"/a/7","value":1}]`, `no such element`},
		{`{"a":[1]}`, `[{"op":"remove","path":"/a/-1"}]`, `it does not fit`},
		{`{"a":1}`, `[{"op":"replace","path":"","value":[1]}]`, `not an object`},
		{`{"a":1}`, `[{"op":"remove","path":""}]`, `cannot be removed`},
	} {
		c, err := twin.JSONPatch([]byte(tt.patch))
		if err != nil {
			t.Errorf("%s: %v", tt.patch, err)
			continue
		}
		next, _, err := twin.Apply(c, state(t, tt.doc))
		if err != nil {
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %s", tt.patch, err, tt.want)
			}
			continue
		}
		if got := string(payload.AppendValue(nil, next)); got != tt.want {
			t.Errorf("%s makes %s, want %s", tt.patch, got, tt.want)
		}
	}
	for patch, why := range map[string]string{
		`{}`: "an array of operations", `[1]`: "not a JSON object", `[{"op":"spin","path":"/a"}]`: `"op" is "spin"`,
		`[{"op":"add","path":"/a"}]`: `add needs "value"`, `[{"op":"move","path":"/a"}]`: `needs "from"`,
		`[{"op":"remove"}]`: `"path" is missing`, `[{"op":"remove","path":"a"}]`: "not a JSON Pointer",
		`[{"op":"copy","from":"a","path":"/b"}]`: "not a JSON Pointer", `nonsense`: "not JSON",
		"[" + strings.Repeat(`{"op":"remove","path":"/a"},`, 1000) + `{"op":"remove","path":"/a"}]`: "1001 operations",
	} {
		if _, err := twin.JSONPatch([]byte(patch)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.60s: %v, want %s", patch, err, why)
		}
	}
}

func TestWavesGoUpToAll(t *testing.T) {
	t.Parallel()
	if _, err := twin.ParseWaves("1, 10%,100%"); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "0", "-1", "x", "1.5", "0%", "101%", "1,,2", "NaN", "1e99"} {
		if waves, err := twin.ParseWaves(text); err == nil {
			t.Errorf("%q: %v", text, waves)
		}
	}
}
