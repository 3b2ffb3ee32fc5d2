package retained_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/retained"
)

// someOutcomes are one of each kind, with hostile text.
func someOutcomes(t *testing.T) []retained.Outcome {
	t.Helper()
	return evaluate(
		state("plant/1/status online", `plant/1/state {"speed":1.5,"mode":"auto","tags":["a"]}`, "plant/1/name F\xf6rder\x1b[31m\x00band", "plant/1/n #"),
		expectation(t, retained.Spec{Topic: "plant/1/status", Equals: retained.TextOperand("online")}),
		expectation(t, retained.Spec{Topic: "plant/1/status", Equals: retained.TextOperand("offline"), MaxAge: time.Minute}),
		expectation(t, retained.Spec{Topic: "plant/1/state", JSONEquals: retained.TextOperand(`{"speed":2,"unit":"m/s","tags":["a","b"],"mode":"auto"}`)}),
		expectation(t, retained.Spec{Name: "the belt is named", Topic: "plant/1/name", Equals: retained.TextOperand("Förderband")}),
		expectation(t, retained.Spec{Topic: "plant/1/n", Is: []string{"> 2"}}),
		expectation(t, retained.Spec{Filter: "plant/#", Matches: "^[o{]"}),
		expectation(t, retained.Spec{Filter: "plant/+/status", Count: ">= 2"}),
	)
}

func golden(t *testing.T, write func(io.Writer) error, want string) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := write(brokenWriter{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a write error became %v", err)
	}
	return b.String()
}

type brokenWriter struct{}

// Write fails.
func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestTextReport(t *testing.T) {
	t.Parallel()
	outcomes := someOutcomes(t)
	golden(t, func(w io.Writer) error { return retained.WriteText(w, outcomes, retained.Style{}) }, `✓ plant/1/status equals "online"
✗ plant/1/status equals "offline", max_age 1m
    equals "offline": the payload differs from byte 1 on
    - offline
    + online
    max_age 1m: no age: the payload is not a JSON object
      got online
✗ plant/1/state json_equals {"mode":"auto","speed":2,"tags":["a","b"],"unit":"m/s"}
    the values differ in 3 places
    - /speed 2
    + /speed 1.5
    - /tags/1 "b"
    - /unit "m/s"
✗ the belt is named
    plant/1/name: the payload differs from byte 1 on
    - Förderband
    + F\xf6rder\x1b[31m\x00band
? plant/1/n is > 2
    not JSON: invalid character '#' looking for beginning of value, at byte 0
✗ plant/# matches ^[o{]
    plant/1/name: the text does not match
    - ^[o{]
    + F\xf6rder\x1b[31m\x00band
    plant/1/n: the text does not match
    - ^[o{]
    + #
✗ plant/+/status count >= 2
    1 of 1 retained messages count
`)
}

func TestTextReportIsStyledByItsCaller(t *testing.T) {
	t.Parallel()
	tag := func(name string) func(string) string {
		return func(text string) string { return "<" + name + ">" + text + "</" + name + ">" }
	}
	var b strings.Builder
	style := retained.Style{Held: tag("h"), Failed: tag("f"), Removed: tag("r"), Added: tag("a"), Faint: tag("x")}
	if err := retained.WriteText(&b, someOutcomes(t)[:2], style); err != nil {
		t.Fatal(err)
	}
	const want = `<h>✓</h> plant/1/status equals "online"
<f>✗</f> plant/1/status equals "offline", max_age 1m
    equals "offline": the payload differs from byte 1 on
    <r>- offline</r>
    <a>+ online</a>
    max_age 1m: no age: the payload is not a JSON object
    <x>  got online</x>
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestJSONReportHasALineForEach(t *testing.T) {
	t.Parallel()
	outcomes := someOutcomes(t)
	text := golden(t, func(w io.Writer) error { return retained.WriteJSON(w, outcomes) },
		`{"topic":"plant/1/status","expected":"equals \"online\"","outcome":"held","observed":1}
{"topic":"plant/1/status","expected":"equals \"offline\", max_age 1m","outcome":"failed","observed":1,"problems":[{"topic":"plant/1/status","check":"equals \"offline\"","reason":"the payload differs from byte 1 on","want":"offline","got":"online"},{"topic":"plant/1/status","check":"max_age 1m","reason":"no age: the payload is not a JSON object","got":"online"}]}
{"topic":"plant/1/state","expected":"json_equals {\"mode\":\"auto\",\"speed\":2,\"tags\":[\"a\",\"b\"],\"unit\":\"m/s\"}","outcome":"failed","observed":1,"problems":[{"topic":"plant/1/state","check":"json_equals {\"mode\":\"auto\",\"speed\":2,\"tags\":[\"a\",\"b\"],\"unit\":\"m/s\"}","reason":"the values differ in 3 places","want":"{\"mode\":\"auto\",\"speed\":2,\"tags\":[\"a\",\"b\"],\"unit\":\"m/s\"}","got":"{\"mode\":\"auto\",\"speed\":1.5,\"tags\":[\"a\"]}","changes":[{"op":"changed","pointer":"/speed","from":2,"to":1.5},{"op":"removed","pointer":"/tags/1","from":"b"},{"op":"removed","pointer":"/unit","from":"m/s"}]}]}
{"name":"the belt is named","topic":"plant/1/name","expected":"equals \"Förderband\"","outcome":"failed","observed":1,"problems":[{"topic":"plant/1/name","check":"equals \"Förderband\"","reason":"the payload differs from byte 1 on","want":"Förderband","got":"F\ufffdrder\u001b[31m\u0000band"}]}
{"topic":"plant/1/n","expected":"is > 2","outcome":"bad_data","observed":1,"problems":[{"topic":"plant/1/n","check":"is > 2","reason":"not JSON: invalid character '#' looking for beginning of value, at byte 0","got":"#","bad_data":true}]}
{"filter":"plant/#","expected":"matches ^[o{]","outcome":"failed","observed":4,"problems":[{"topic":"plant/1/name","check":"matches ^[o{]","reason":"the text does not match","want":"^[o{]","got":"F\ufffdrder\u001b[31m\u0000band"},{"topic":"plant/1/n","check":"matches ^[o{]","reason":"the text does not match","want":"^[o{]","got":"#"}]}
{"filter":"plant/+/status","expected":"count >= 2","outcome":"failed","observed":1,"problems":[{"check":"count >= 2","reason":"1 of 1 retained messages count","want":">= 2","got":"1"}]}
`)
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestJUnitReportIsXML(t *testing.T) {
	t.Parallel()
	outcomes := someOutcomes(t)
	text := golden(t, func(w io.Writer) error { return retained.WriteJUnit(w, outcomes, "expect.yaml", 1500*time.Millisecond) },
		`<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="expect.yaml" tests="7" failures="5" errors="1" time="1.500">
    <testcase classname="expect.yaml" name="plant/1/status equals &#34;online&#34;"></testcase>
    <testcase classname="expect.yaml" name="plant/1/status equals &#34;offline&#34;, max_age 1m">
      <failure message="equals &#34;offline&#34;: the payload differs from byte 1 on" type="failed">equals &#34;offline&#34;: the payload differs from byte 1 on&#xA;- offline&#xA;+ online&#xA;max_age 1m: no age: the payload is not a JSON object&#xA;  got online</failure>
    </testcase>
    <testcase classname="expect.yaml" name="plant/1/state json_equals {&#34;mode&#34;:&#34;auto&#34;,&#34;speed&#34;:2,&#34;tags&#34;:[&#34;a&#34;,&#34;b&#34;],&#34;unit&#34;:&#34;m/s&#34;}">
      <failure message="the values differ in 3 places" type="failed">the values differ in 3 places&#xA;- /speed 2&#xA;+ /speed 1.5&#xA;- /tags/1 &#34;b&#34;&#xA;- /unit &#34;m/s&#34;</failure>
    </testcase>
    <testcase classname="expect.yaml" name="the belt is named">
      <failure message="plant/1/name: the payload differs from byte 1 on" type="failed">plant/1/name: the payload differs from byte 1 on&#xA;- Förderband&#xA;+ F\xf6rder\x1b[31m\x00band</failure>
    </testcase>
    <testcase classname="expect.yaml" name="plant/1/n is &gt; 2">
      <error message="not JSON: invalid character &#39;#&#39; looking for beginning of value, at byte 0" type="bad_data">not JSON: invalid character &#39;#&#39; looking for beginning of value, at byte 0</error>
    </testcase>
    <testcase classname="expect.yaml" name="plant/# matches ^[o{]">
      <failure message="plant/1/name: the text does not match" type="failed">plant/1/name: the text does not match&#xA;- ^[o{]&#xA;+ F\xf6rder\x1b[31m\x00band&#xA;plant/1/n: the text does not match&#xA;- ^[o{]&#xA;+ #</failure>
    </testcase>
    <testcase classname="expect.yaml" name="plant/+/status count &gt;= 2">
      <failure message="1 of 1 retained messages count" type="failed">1 of 1 retained messages count</failure>
    </testcase>
  </testsuite>
</testsuites>
`)
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTAPReport(t *testing.T) {
	t.Parallel()
	outcomes := someOutcomes(t)
	golden(t, func(w io.Writer) error { return retained.WriteTAP(w, outcomes) }, `TAP version 14
1..7
ok 1 - plant/1/status equals "online"
not ok 2 - plant/1/status equals "offline", max_age 1m
  ---
  outcome: failed
  problems:
    - "equals \"offline\": the payload differs from byte 1 on"
    - "- offline"
    - "+ online"
    - "max_age 1m: no age: the payload is not a JSON object"
    - "  got online"
  ...
not ok 3 - plant/1/state json_equals {"mode":"auto","speed":2,"tags":["a","b"],"unit":"m/s"}
  ---
  outcome: failed
  problems:
    - "the values differ in 3 places"
    - "- /speed 2"
    - "+ /speed 1.5"
    - "- /tags/1 \"b\""
    - "- /unit \"m/s\""
  ...
not ok 4 - the belt is named
  ---
  outcome: failed
  problems:
    - "plant/1/name: the payload differs from byte 1 on"
    - "- Förderband"
    - "+ F\\xf6rder\\x1b[31m\\x00band"
  ...
not ok 5 - plant/1/n is > 2
  ---
  outcome: bad_data
  problems:
    - "not JSON: invalid character '#' looking for beginning of value, at byte 0"
  ...
not ok 6 - plant/\# matches ^[o{]
  ---
  outcome: failed
  problems:
    - "plant/1/name: the text does not match"
    - "- ^[o{]"
    - "+ F\\xf6rder\\x1b[31m\\x00band"
    - "plant/1/n: the text does not match"
    - "- ^[o{]"
    - "+ #"
  ...
not ok 7 - plant/+/status count >= 2
  ---
  outcome: failed
  problems:
    - "1 of 1 retained messages count"
  ...
`)
}

// FuzzReports looks for a payload that breaks out of a report.
func FuzzReports(f *testing.F) {
	f.Add("\x00\x1b[2J\u202e\ufffe]]>\nnot ok", "a\u2028b")
	f.Fuzz(func(t *testing.T, payload, want string) {
		x, err := retained.NewExpectation(retained.Spec{Topic: "a", Equals: retained.TextOperand(want)})
		if err != nil {
			return
		}
		outcomes := evaluate(state("a "+payload), x)
		var text, tap, junit bytes.Buffer
		for _, err := range []error{
			retained.WriteText(&text, outcomes, retained.Style{}),
			retained.WriteTAP(&tap, outcomes),
			retained.WriteJUnit(&junit, outcomes, payload, 0),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range text.String() + tap.String() {
			if r != '\n' && (r < ' ' || r == 0x7f || r == '\u202e' || r == '\u2028') {
				t.Errorf("%q came through", r)
			}
		}
		if n := strings.Count(text.String(), "\n"); n > 4 {
			t.Errorf("%d lines:\n%s", n, text.String())
		}
		if err := xml.Unmarshal(junit.Bytes(), new(struct{})); err != nil {
			t.Errorf("%v:\n%s", err, junit.String())
		}
	})
}
