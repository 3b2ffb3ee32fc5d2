package twin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/twin"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestDocumentsOfEveryLayoutAreReadAndWrittenBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, payload string
		properties    *wire.Properties
		want          twin.Desired
		again         string // when it is not written as it was read
	}{
		{
			name: "wrapped", payload: `{"schema":"desired.v1","rev":18,"id":"x","base":17,"ts":"2026-11-22T11:20:31.204Z","by":"me","state":{"a":1}}`,
			want: twin.Desired{Layout: twin.Wrapped, Rev: 18, ID: "x", Base: 17, By: "me", Schema: "desired.v1", Time: time.Date(2026, 11, 22, 11, 20, 31, 204e6, time.UTC)},
		},
		{name: "only a state", payload: `{"state":{"a":1}}`, want: twin.Desired{Layout: twin.Wrapped}},
		{name: "unknown members stay", payload: `{"rev":1,"campaign":{"b":[1,2]},"state":{"a":1}}`, want: twin.Desired{Layout: twin.Wrapped, Rev: 1}},
		{name: "inline", payload: `{"_rev":18,"_id":"x","a":1}`, want: twin.Desired{Layout: twin.Inline, Rev: 18, ID: "x"}},
		{name: "bare", payload: `{"a":1}`, want: twin.Desired{Layout: twin.Bare}},
		{name: "a setting called state", payload: `{"mode":"x","state":{"a":1}}`, want: twin.Desired{Layout: twin.Bare}},
		{name: "a setting called rev", payload: `{"a":1,"rev":3}`, want: twin.Desired{Layout: twin.Bare}},
		{
			name: "bare with properties", payload: `{"a":1}`, properties: users("mqx-rev", "18", "mqx-id", "x"),
			want: twin.Desired{Layout: twin.Bare, Rev: 18, ID: "x"},
		},
		{
			name: "numbers are as they were", payload: `{"rev":1,"state":{"a":1.0,"b":1e400,"c":123456789012345678901234567890,"d":-0}}`,
			want: twin.Desired{Layout: twin.Wrapped, Rev: 1},
		},
		{name: "a revision like that of Lua", payload: `{"rev":18.0,"state":{}}`, want: twin.Desired{Layout: twin.Wrapped, Rev: 18}, again: `{"rev":18,"state":{}}`},
		{name: "largest revision", payload: `{"rev":18446744073709551615,"state":{}}`, want: twin.Desired{Layout: twin.Wrapped, Rev: 1<<64 - 1}},
		{name: "nulls say nothing", payload: `{"rev":null,"id":null,"state":{}}`, want: twin.Desired{Layout: twin.Wrapped}, again: `{"state":{}}`},
		{name: "empty", payload: `{}`, want: twin.Desired{Layout: twin.Bare}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := twin.ParseDesired(message.Message{Payload: []byte(tt.payload), Properties: tt.properties})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, *d, cmpopts.IgnoreUnexported(twin.Desired{}), cmpopts.IgnoreFields(twin.Desired{}, "State")); diff != "" {
				t.Error(diff)
			}
			want := tt.again
			if want == "" {
				want = tt.payload
			}
			if got := string(d.Encode()); got != want {
				t.Errorf("written as %s, want %s", got, want)
			}
		})
	}
}

func TestWhatIsNoDocumentIsToldClearly(t *testing.T) {
	t.Parallel()
	for text, why := range map[string]string{
		``:                                  "the payload is empty",
		` `:                                 "not JSON",
		`online`:                            "not JSON",
		"\xff{}":                            "not JSON",
		`[{"a":1}]`:                         "not a JSON object but of type array",
		`null`:                              "type null",
		`{"a":1,"a":2}`:                     `"a" comes twice`,
		`{"b":[{"a":{"x":1,"y":2,"x":3}}]}`: `"x" comes twice`,
		`{"a":1,"\u0061":2}`:                `"a" comes twice`,
		`{"rev":"18","state":{}}`:           `"rev" is of type string, not a number`,
		`{"rev":-1,"state":{}}`:             `"rev" is -1, which is not a whole number`,
		`{"rev":1.5,"state":{}}`:            "not a whole number",
		`{"rev":1e400,"state":{}}`:          "not a whole number",
		`{"rev":18446744073709551616,"state":{}}`:                     "not a whole number",
		`{"id":7,"state":{}}`:                                         `"id" is of type number, not a string`,
		`{"a":` + strings.Repeat("[", 5000):                           "not JSON",
		strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300): "nested too deep",
		`{"a":"` + strings.Repeat("x", 1<<20) + `"}`:                  "more than the 1048576 that a document may have",
	} {
		_, err := twin.ParseDesired(message.Message{Topic: "a/b/c/desired", Payload: []byte(text)})
		if err == nil || !strings.Contains(err.Error(), why) || !strings.HasPrefix(err.Error(), "a/b/c/desired: ") || len(err.Error()) > 200 {
			t.Errorf("%.40q: %v, want %q", text, err, why)
		}
	}
}

func TestReportsOfDevices(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		payload    string
		properties *wire.Properties
		want       twin.Reported
	}{
		{payload: `{"a":1}`},
		{payload: `{"state":{"a":1},"desired_rev":18}`, want: twin.Reported{Answers: true, Rev: 18}},
		{payload: `{"a":1,"desired_id":"x"}`, want: twin.Reported{Answers: true, ID: "x"}},
		{payload: `{"a":1,"_desired_rev":18.0}`, want: twin.Reported{Answers: true, Rev: 18}},
		{payload: `{"a":1,"desired_rev":null,"desired_id":null}`},
		{payload: `{"a":1}`, properties: users("mqx-desired-rev", "18", "mqx-desired-id", "x"), want: twin.Reported{Answers: true, Rev: 18, ID: "x"}},
		{payload: `{"a":1,"ts":1736430000}`, want: twin.Reported{Time: time.Unix(1736430000, 0).UTC()}},
		{
			payload: `{"state":{"a":1},"ts":0,"acks":{"/a":{"status":"rejected","msg":"no"},"b":"unknown","/c":7,"/d":{"status":7}}}`,
			want: twin.Reported{
				Time: time.Unix(0, 0).UTC(), Acks: map[string]twin.Ack{"/a": {Status: twin.AckRejected, Msg: "no"}, "/b": {Status: twin.AckUnknown}, "/d": {}},
			},
		},
		{payload: `{"a":1,"acks":"x"}`},
	} {
		r, err := twin.ParseReported(message.Message{Payload: []byte(tt.payload), Properties: tt.properties})
		if err != nil {
			t.Errorf("%s: %v", tt.payload, err)
			continue
		}
		if diff := cmp.Diff(tt.want, *r, cmpopts.IgnoreFields(twin.Reported{}, "State"), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", tt.payload, diff)
		}
		if fmt.Sprint(r.State["a"]) != "1" {
			t.Errorf("%s: the state is %v", tt.payload, r.State)
		}
	}
}

func TestAssignmentsMakeAMergePatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string // the patch, or what is wrong
	}{
		{[]string{"a=1"}, `{"a":1}`},
		{[]string{"a=1.50", "b=true", "c=null", "d=eco", `e="1"`, "f="}, `{"a":1.50,"b":true,"c":null,"d":"eco","e":"1","f":""}`},
		{[]string{"a.b=1", "a.c=2", "/a/d=3"}, `{"a":{"b":1,"c":2,"d":3}}`},
		{[]string{`a\.b=1`, "/c~1d/e~0f=2"}, `{"a.b":1,"c/d":{"e~f":2}}`},
		{[]string{"a==1", "b==@x", "c==", "d=x=y"}, `{"a":"1","b":"@x","c":"","d":"x=y"}`},
		{[]string{`a:={"b":[1,2]}`, "b=[1,{}]"}, `{"a":{"b":[1,2]},"b":[1,{}]}`},
		{[]string{"a=1", "a.b=2"}, `{"a":{"b":2}}`},
		{[]string{"a=010", "b=1e400", "c=-", "d=0x10"}, `{"a":"010","b":1e400,"c":"-","d":"0x10"}`},
		{[]string{"/=1"}, `{"":1}`},
		{[]string{"ä=ö"}, `{"ä":"ö"}`},
		{[]string{"a"}, "key=value is expected"},
		{[]string{"=1"}, "a setting needs a name"},
		{[]string{"a..b=1"}, "a setting needs a name"},
		{[]string{"/a~2=1"}, "not a JSON Pointer"},
		{[]string{"/a~=1"}, "not a JSON Pointer"},
		{[]string{`a={"b":`}, "== takes what follows as text"},
		{[]string{`a=["x"`}, "== takes what follows as text"},
		{[]string{"a:=eco"}, "not JSON"},
		{[]string{`a:={"b":1,"b":2}`}, "comes twice"},
		{[]string{"a=@/does/not/exist"}, "no such file"},
	} {
		patch, err := twin.ParseAssignments(tt.args)
		if err != nil {
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q: %v, want %s", tt.args, err, tt.want)
			}
			continue
		}
		if got := string(payload.AppendValue(nil, patch)); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.args, got, tt.want)
		}
	}
}

func FuzzDocuments(f *testing.F) {
	for _, seed := range []string{`{"rev":1,"state":{"a":1}}`, `{"_rev":1,"a":1}`, `{"a":{"b":null}}`, `{"state":{"state":{}}}`, `{"rev":1,"state":{"a":1},"x":{"a":1}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		_, _ = twin.ParseReported(message.Message{Payload: p}) // must not panic
		d, err := twin.ParseDesired(message.Message{Payload: p})
		if err != nil {
			return
		}
		text := d.Encode()
		again, err := twin.ParseDesired(message.Message{Payload: text})
		if err != nil {
			t.Fatalf("%q is written as %q: %v", p, text, err)
		}
		if !payload.Equal(any(d.State), any(again.State)) && again.Layout == d.Layout || again.Rev != d.Rev || again.ID != d.ID {
			t.Fatalf("%q is written as %q", p, text)
		}
	})
}

func FuzzAssignments(f *testing.F) {
	for _, seed := range []string{"a=1", "/a/b=x", `a.b:={"c":1}`, `a\.b==x`, "a=[", "=", "/~1=null"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		if strings.Contains(arg, "=@") || strings.Contains(arg, ":=@") {
			return // a file of this machine
		}
		patch, err := twin.ParseAssignments([]string{arg})
		if err == nil && len(patch) != 1 {
			t.Fatalf("%q: %v", arg, patch)
		}
	})
}

func FuzzJSONPatch(f *testing.F) {
	f.Add([]byte(`[{"op":"add","path":"/a/-","value":1}]`), []byte(`{"a":[]}`))
	f.Add([]byte(`[{"op":"move","path":"/b","from":"/a"},{"op":"test","path":"","value":{}}]`), []byte(`{"a":null}`))
	f.Add([]byte(`[{"op":"copy","path":"/a/0/b","from":"/a"}]`), []byte(`{"a":[{}]}`))
	f.Fuzz(func(t *testing.T, patch, state []byte) {
		c, err := twin.JSONPatch(patch)
		s, stateErr := twin.ParseState(state)
		if err != nil || stateErr != nil {
			return
		}
		before := string(payload.AppendValue(nil, s))
		_, _, _ = twin.Apply(c, s) // must not panic
		if after := string(payload.AppendValue(nil, s)); after != before {
			t.Fatalf("%s has become %s", before, after)
		}
	})
}
