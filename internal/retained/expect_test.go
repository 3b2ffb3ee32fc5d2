package retained_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/retained"
)

// noon is the time of all tests.
func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

func expectation(t *testing.T, s retained.Spec) *retained.Expectation {
	t.Helper()
	e, err := retained.NewExpectation(s)
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	return e
}

// state makes messages of "topic payload".
func state(lines ...string) []message.Message {
	var all []message.Message
	for _, line := range lines {
		name, payload, _ := strings.Cut(line, " ")
		all = append(all, message.Message{Topic: name, Payload: []byte(payload), Retain: true})
	}
	return all
}

func evaluate(messages []message.Message, expectations ...*retained.Expectation) []retained.Outcome {
	e := retained.NewEvaluator(expectations, noon)
	for _, m := range messages {
		e.Observe(m)
	}
	return e.Outcomes()
}

func TestExpectationsOnATopic(t *testing.T) {
	t.Parallel()
	schema := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(schema, []byte(`{"type":"object","required":["v"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	word := retained.TextOperand
	for _, tt := range []struct {
		name    string
		spec    retained.Spec
		payload string // - for none
		want    retained.Verdict
		reason  string
	}{
		{"exists", retained.Spec{Exists: true}, "x", retained.Held, ""},
		{"exists not", retained.Spec{Exists: true}, "-", retained.Failed, "nothing is retained there"},
		{"absent", retained.Spec{Absent: true}, "-", retained.Held, ""},
		{"absent not", retained.Spec{Absent: true}, "x", retained.Failed, "it is there"},

		{"equals", retained.Spec{Equals: word("online")}, "online", retained.Held, ""},
		{"equals is bytes", retained.Spec{Equals: word("1.0")}, "1.00", retained.Failed, "the payload differs from byte 3 on, though it is the same JSON value"},
		{"equals not", retained.Spec{Equals: word("online")}, "offline", retained.Failed, "the payload differs from byte 1 on"},
		{"equals nothing", retained.Spec{Equals: word("online")}, "-", retained.Failed, "nothing is retained there"},

		{"json_equals", retained.Spec{JSONEquals: word(`{"b":1.0,"a":[1]}`)}, `{ "a": [1], "b": 1 }`, retained.Held, ""},
		{"json_equals not", retained.Spec{JSONEquals: word(`{"b":1,"a":[1]}`)}, `{"a":[2],"b":"1"}`, retained.Failed, "the values differ in 2 places"},
		{"json_equals big", retained.Spec{JSONEquals: word(`9007199254740993`)}, `9007199254740992`, retained.Failed, "the values differ"},
		{"json_equals on text", retained.Spec{JSONEquals: word(`1`)}, `online`, retained.BadData, "not JSON: invalid character 'o' looking for beginning of value, at byte 0"},

		{"path", retained.Spec{Path: "a.b"}, `{"a":{"b":null}}`, retained.Held, ""},
		{"path not", retained.Spec{Path: "a.b"}, `{"a":{}}`, retained.Failed, `nothing is at "a.b"`},
		{"path on text", retained.Spec{Path: "a"}, `x`, retained.BadData, "not JSON: invalid character 'x' looking for beginning of value, at byte 0"},
		{"path equals", retained.Spec{Path: "n", Equals: word("20")}, `{"n":20.0}`, retained.Held, ""},
		{"path equals text", retained.Spec{Path: "s", Equals: word("on")}, `{"s":"on"}`, retained.Held, ""},
		{"path equals other type", retained.Spec{Path: "n", Equals: word("20")}, `{"n":"20"}`, retained.Failed, "the values differ"},

		{"is above", retained.Spec{Path: "n", Is: []string{"> 20", "<= 21.5"}}, `{"n":21.50}`, retained.Held, ""},
		{"is above not", retained.Spec{Path: "n", Is: []string{"> 20"}}, `{"n":20}`, retained.Failed, "20 is not > 20"},
		{"is at least", retained.Spec{Path: "n", Is: []string{">=20"}}, `{"n":20}`, retained.Held, ""},
		{"is below", retained.Spec{Path: "n", Is: []string{"< 20"}}, `{"n":19.999}`, retained.Held, ""},
		{"is equal", retained.Spec{Path: "n", Is: []string{`== {"a":1}`}}, `{"n":{"a":1.0}}`, retained.Held, ""},
		{"is different", retained.Spec{Path: "n", Is: []string{`!= null`}}, `{"n":null}`, retained.Failed, "null is not != null"},
		{"is on a string", retained.Spec{Path: "n", Is: []string{"> 20"}}, `{"n":"21"}`, retained.Failed, `"21" is of type string, not a number`},
		{"is without path", retained.Spec{Is: []string{"> 20"}}, `21`, retained.Held, ""},
		{"is on text", retained.Spec{Is: []string{"> 20"}}, `21 C`, retained.BadData, "not JSON: invalid character 'C' after top-level value, at byte 3"},
		{"is matches", retained.Spec{Path: "s", Is: []string{"matches ^on(line)?$"}}, `{"s":"online"}`, retained.Held, ""},

		{"matches", retained.Spec{Matches: "^on"}, "online", retained.Held, ""},
		{"matches not", retained.Spec{Matches: "^on"}, "offline", retained.Failed, "the text does not match"},
		{"matches at path", retained.Spec{Path: "n", Matches: `^2\d$`}, `{"n":21}`, retained.Held, ""},

		{"schema", retained.Spec{Schema: schema}, `{"v":1}`, retained.Held, ""},
		{"schema not", retained.Spec{Schema: schema}, `{}`, retained.Failed, "missing property 'v'"},
		{"schema on text", retained.Spec{Schema: schema}, `x`, retained.BadData, "not JSON: invalid character 'x' looking for beginning of value, at byte 0"},

		{"max_age", retained.Spec{MaxAge: time.Minute}, `{"ts":"2026-01-02T11:59:00Z"}`, retained.Held, ""},
		{"max_age not", retained.Spec{MaxAge: time.Minute}, `{"ts":"2026-01-02T11:58:00Z"}`, retained.Failed, "2m old, made at 2026-01-02T11:58:00Z"},
		{"max_age ahead", retained.Spec{MaxAge: time.Minute}, `{"ts":"2026-01-02T12:05:00Z"}`, retained.Failed, "made at 2026-01-02T12:05:00Z, which is 5m ahead"},
		{"max_age unknown", retained.Spec{MaxAge: time.Minute}, `online`, retained.Failed, "no age: the payload is not a JSON object"},
		{"max_age without ts", retained.Spec{MaxAge: time.Minute}, `{}`, retained.Failed, `no age: the payload has no "ts"`},
	} {
		tt.spec.Topic = "a/b"
		messages := state("a/c x", "a/b/c x", "$SYS/a x")
		if tt.payload != "-" {
			messages = append(messages, state("a/b "+tt.payload)...)
		}
		got := evaluate(messages, expectation(t, tt.spec))[0]
		reason := ""
		if len(got.Problems) > 0 {
			reason = got.Problems[0].Reason
		}
		if got.Verdict != tt.want || reason != tt.reason || (got.Verdict == retained.Held) != (len(got.Problems) == 0) {
			t.Errorf("%s: got %s %q, want %s %q", tt.name, got.Verdict, reason, tt.want, tt.reason)
		}
	}
}

func TestExpectationsOnAFilter(t *testing.T) {
	t.Parallel()
	messages := state("a/1/s on", "a/2/s on", "a/3/s off", "a/4/n 1", "a/5/n x")
	for _, tt := range []struct {
		name string
		spec retained.Spec
		want string // verdict, observed, topics of the problems
	}{
		{"exists", retained.Spec{Filter: "a/+/s", Exists: true}, "held 3"},
		{"all must hold", retained.Spec{Filter: "a/+/s", Equals: retained.TextOperand("on")}, "failed 3 a/3/s"},
		{"of none nothing holds", retained.Spec{Filter: "b/#", Matches: "x"}, "failed 0 "},
		{"absent", retained.Spec{Filter: "b/#", Absent: true}, "held 0"},
		{"absent not", retained.Spec{Filter: "a/+/n", Absent: true}, "failed 2 a/4/n a/5/n"},
		{"count", retained.Spec{Filter: "a/+/s", Count: "3"}, "held 3"},
		{"count not", retained.Spec{Filter: "a/+/s", Count: "> 3"}, "failed 3 "},
		{"count 0", retained.Spec{Filter: "b/#", Count: "0"}, "held 0"},
		{"count of those that hold", retained.Spec{Filter: "a/+/s", Equals: retained.TextOperand("on"), Count: "2..2"}, "held 3"},
		{"count skips bad data", retained.Spec{Filter: "a/+/n", Is: []string{"== 1"}, Count: "!= 2"}, "held 2"},
		{"only bad data", retained.Spec{Filter: "a/+/n", Is: []string{"== 1"}}, "bad_data 2 a/5/n"},
		{"a definite no counts more", retained.Spec{Filter: "a/+/n", Is: []string{"== 2"}}, "failed 2 a/4/n a/5/n"},
	} {
		o := evaluate(messages, expectation(t, tt.spec))[0]
		got := fmt.Sprintf("%s %d", o.Verdict, o.Observed)
		for _, p := range o.Problems {
			got += " " + p.Topic
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestACountSaysWhatCountsAndWhatCannot(t *testing.T) {
	t.Parallel()
	x := expectation(t, retained.Spec{Filter: "a/+", Is: []string{"> 0"}, Count: ">= 2"})
	got := evaluate(state("a/1 1", "a/2 x", "a/3 0"), x)[0].Problems[0].Reason
	if want := "1 of 3 retained messages count; 1 are not JSON"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := "a/+ count >= 2 where is > 0"; x.String() != want {
		t.Errorf("got %q, want %q", x, want)
	}
}

func TestSpecsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	word := retained.TextOperand
	for _, tt := range []struct {
		spec retained.Spec
		want string
	}{
		{retained.Spec{Exists: true}, "neither a topic nor a filter"},
		{retained.Spec{Topic: "a", Filter: "b", Exists: true}, "filter: a topic is given already"},
		{retained.Spec{Topic: "a/#", Exists: true}, `topic: "a/#" has wildcards - use filter`},
		{retained.Spec{Topic: "a\x00", Exists: true}, "topic: topic name"},
		{retained.Spec{Filter: "a#", Exists: true}, "filter: topic filter"},
		{retained.Spec{Filter: "$share/g/a", Exists: true}, "filter: a Shared Subscription gets no Retained Messages - leave $share out"},
		{retained.Spec{Topic: "a"}, "no condition is given for a - add exists, absent, equals or another one"},
		{retained.Spec{Topic: "a", Exists: true, Absent: true}, "absent: contradicts exists"},
		{retained.Spec{Topic: "a", Absent: true, Matches: "x"}, "absent: what is not there has no payload"},
		{retained.Spec{Filter: "a", Absent: true, Count: "1"}, "count: contradicts absent"},
		{retained.Spec{Filter: "a", Exists: true, Count: "1"}, "exists: count says it already"},
		{retained.Spec{Topic: "a", Count: "1"}, "count: there is at most one Retained Message of a topic - use filter"},
		{retained.Spec{Topic: "a", Path: "p", JSONEquals: word("1")}, "json_equals: after path, equals compares JSON values - use equals"},
		{retained.Spec{Topic: "a", Equals: word("1"), JSONEquals: word("1")}, "json_equals: equals says more already"},
		{retained.Spec{Topic: "a", JSONEquals: word("online")}, `json_equals: "online" is not JSON - a JSON string needs quotes of its own`},
		{retained.Spec{Topic: "a", Equals: word("")}, "equals: no Retained Message has an empty payload - use absent"},
		{retained.Spec{Topic: "a", Is: []string{"20"}}, `is: "20" has no operator: begin with ==, !=, <, <=, >, >= or matches, as in "> 20"`},
		{retained.Spec{Topic: "a", Is: []string{"> x"}}, `is: "> x": > compares numbers`},
		{retained.Spec{Topic: "a", Is: []string{"=="}}, `is: "==" has nothing behind the operator`},
		{retained.Spec{Topic: "a", Is: []string{"matches ("}}, "is: error parsing regexp: missing closing ): `(`"},
		{retained.Spec{Topic: "a", Matches: "("}, "matches: error parsing regexp: missing closing ): `(`"},
		{retained.Spec{Topic: "a", Schema: "/does/not/exist.json"}, "schema: schema /does/not/exist.json"},
		{retained.Spec{Topic: "a", Exists: true, Within: -1}, "durations are not negative"},
		{retained.Spec{Filter: "a", Count: "many"}, "count: a count is"},
		{retained.Spec{Filter: "a", Count: "-1"}, "count: a count is"},
		{retained.Spec{Filter: "a", Count: "5..2"}, "count: a count is"},
		{retained.Spec{Filter: "a", Count: "matches 2"}, "count: a count is"},
		{retained.Spec{Filter: "a", Count: "< 0"}, "count: no count is less than 0"},
	} {
		if _, err := retained.NewExpectation(tt.spec); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %s", tt.spec, err, tt.want)
		}
	}
}

func TestEvaluatorSubscribesToNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ filters, want []string }{
		{[]string{"a/b", "a/c", "a/b"}, []string{"a/b", "a/c"}},
		{[]string{"a/b", "a/+", "b"}, []string{"a/+", "b"}},
		{[]string{"a/#", "a/+/b", "a", "$SYS/x"}, []string{"a/#", "$SYS/x"}},
		{[]string{"#", "+/#", "a/+"}, []string{"#"}},
		{[]string{"+/b", "a/+", "a/b"}, []string{"+/b", "a/+"}},
	} {
		var expectations []*retained.Expectation
		for _, f := range tt.filters {
			expectations = append(expectations, expectation(t, retained.Spec{Filter: f, Exists: true}))
		}
		var got []string
		for _, f := range retained.NewEvaluator(expectations, noon).Filters() {
			got = append(got, f.String())
		}
		less := cmp.Transformer("set", func(list []string) map[string]int {
			set := map[string]int{}
			for _, s := range list {
				set[s]++
			}
			return set
		})
		// Of # and +/#, which match the same, either may stay.
		if len(got) == 1 && got[0] == "+/#" {
			got[0] = "#"
		}
		if diff := cmp.Diff(tt.want, got, less); diff != "" {
			t.Errorf("%v: (-want +got)\n%s", tt.filters, diff)
		}
	}
}

func TestEvaluatorCountsATopicOnceWhenFiltersOverlap(t *testing.T) {
	t.Parallel()
	left := expectation(t, retained.Spec{Filter: "a/+", Count: "2"})
	right := expectation(t, retained.Spec{Filter: "+/b", Count: "1"})
	for _, o := range evaluate(state("a/b x", "a/c x", "a/b x"), left, right) {
		if o.Verdict != retained.Held {
			t.Errorf("%s: %s, %+v", o.Expectation, o.Verdict, o.Problems)
		}
	}
}

func TestEvaluatorKeepsFewProblemsAndLittleOfPayloads(t *testing.T) {
	t.Parallel()
	e := retained.NewEvaluator([]*retained.Expectation{expectation(t, retained.Spec{Filter: "a/#", Equals: retained.TextOperand("x")})}, noon)
	huge := []byte(strings.Repeat("y", 1<<20))
	for i := range 1000 {
		e.Observe(message.Message{Topic: fmt.Sprintf("a/%d", i), Payload: huge})
	}
	o := e.Outcomes()[0]
	if len(o.Problems) != 10 || o.More != 990 || o.Observed != 1000 {
		t.Errorf("got %d problems, %d more, %d observed", len(o.Problems), o.More, o.Observed)
	}
	if n := len(o.Problems[0].Got); n > 300 {
		t.Errorf("%d bytes of a payload were kept", n)
	}
}

func TestSummaryCountsVerdicts(t *testing.T) {
	t.Parallel()
	got := retained.Summarize(evaluate(state("a x", "b x"),
		expectation(t, retained.Spec{Topic: "a", Exists: true}),
		expectation(t, retained.Spec{Topic: "b", Exists: true}),
		expectation(t, retained.Spec{Topic: "a", Absent: true}),
		expectation(t, retained.Spec{Topic: "a", Path: "p"})))
	if want := (retained.Summary{Held: 2, Failed: 1, BadData: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if want := "2 held, 1 failed, 1 could not be told: bad data"; got.String() != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	var expectations []*retained.Expectation
	for i := range 1000 {
		x, err := retained.NewExpectation(retained.Spec{Topic: fmt.Sprintf("plant/%d/state", i), Path: "speed", Is: []string{"> 2"}})
		if err != nil {
			b.Fatal(err)
		}
		expectations = append(expectations, x)
	}
	m := message.Message{Topic: "plant/500/state", Payload: []byte(`{"speed":3,"mode":"auto","ts":1736430000}`)}
	e := retained.NewEvaluator(expectations, noon)
	b.ReportAllocs()
	for b.Loop() {
		e.Observe(m)
	}
}
