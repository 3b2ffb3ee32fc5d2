package output_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
)

// asMosquitto prints payloads on the topic t.
func asMosquitto(t *testing.T, format string, o output.MosquittoOptions, payloads ...string) (out, errs string) {
	t.Helper()
	if format != "" {
		f, err := output.ParseFormat(format)
		if err != nil {
			t.Fatal(err)
		}
		o.Format = f
	}
	var stdout, stderr bytes.Buffer
	p := output.NewMosquitto(&stdout, &stderr, o)
	for _, payload := range payloads {
		m := example()
		m.Topic, m.Payload, m.QoS, m.Properties = "t", []byte(payload), 0, nil
		if _, err := p.Message(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String()
}

func TestMosquittosOutputHasNothingForAnEmptyPayload(t *testing.T) {
	for _, tt := range []struct {
		options output.MosquittoOptions
		want    string
	}{
		{output.MosquittoOptions{}, "a\n\x00\n\n"},
		{output.MosquittoOptions{NoNewline: true}, "a\x00\n"},
		{output.MosquittoOptions{Topic: true}, "t a\nt (null)\nt \x00\n\n"},
		{output.MosquittoOptions{Topic: true, NoNewline: true}, "t at \x00\n"},
	} {
		if got, _ := asMosquitto(t, "", tt.options, "a", "", "\x00\n"); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.options, got, tt.want)
		}
	}
	if got, _ := asMosquitto(t, "%p|", output.MosquittoOptions{Topic: true}, "", "x"); got != "|\nx|\n" {
		t.Errorf("with a format: %q", got)
	}
}

func TestMosquittosJSONKeepsNumbersAndTellsOfPayloadsThatAreNone(t *testing.T) {
	const head = `{"tst":"TIME","topic":"t","qos":0,"retain":true,"payloadlen":`
	for payload, want := range map[string]string{
		`{"n": 12345678901234567890, "p":1.10,"n":[ ] }`: head + `46,"payload":{"n":12345678901234567890,"p":1.10,"n":[]}}` + "\n",
		"[1,\n2]": head + `6,"payload":[1,2]}` + "\n",
		"":        head + `0,"payload":null}` + "\n",
		"text":    "\n",
		"\xff":    "\n",
	} {
		got, errs := asMosquitto(t, "%J", output.MosquittoOptions{}, payload)
		if at := strings.Index(got, `","topic"`); at > 0 {
			got = `{"tst":"TIME` + got[at:]
		}
		complains := errs == "Error: Message payload is not valid JSON on topic t.\n"
		if got != want || complains != (want == "\n") {
			t.Errorf("%q: got %q, stderr %q", payload, got, errs)
		}
	}
}

// The folded form is that of cJSON, as mosquitto_sub 2.0.11 prints it.
func TestMosquittosJSONIsFoldedWithTabs(t *testing.T) {
	got, _ := asMosquitto(t, "%J", output.MosquittoOptions{Pretty: true}, `{"a":[1,{"b":"x,{\"y"},[]],"c":{"d":{}},"e":-1.5e3}`)
	_, got, _ = strings.Cut(got, "\"payload\":\t")
	want := "{\n\t\t\"a\":\t[1, {\n\t\t\t\t\"b\":\t\"x,{\\\"y\"\n\t\t\t}, []],\n\t\t\"c\":\t{\n\t\t\t\"d\":\t{\n\t\t\t}\n\t\t},\n\t\t\"e\":\t-1.5e3\n\t}\n}\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMosquittosWatchHasARowForEachTopic(t *testing.T) {
	var out bytes.Buffer
	p := output.NewMosquitto(&out, &out, output.MosquittoOptions{Watch: true, Host: "h", Topic: true})
	for _, m := range []message.Message{{Topic: "a", Payload: []byte("1")}, {Topic: "b", Payload: []byte("2\n\x1b[2J")}, {Topic: "a", Payload: []byte("3")}} {
		if shown, err := p.Message(m); !shown || err != nil {
			t.Fatal(shown, err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[2J\x1b[1;1HBroker: h\n\x1b[2;1H\x1b[Ka 1\n\x1b[3;1H\x1b[Kb 2\\n\\x1b[2J\n\x1b[2;1H\x1b[Ka 3\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMosquittosRateCountsInPlaceOfPrinting(t *testing.T) {
	var out bytes.Buffer
	p := output.NewMosquitto(&out, &out, output.MosquittoOptions{Rate: true})
	for range 3 {
		if shown, err := p.Message(message.Message{Topic: "a"}); shown || err != nil {
			t.Fatal(shown, err)
		}
	}
	for range 2 {
		if err := p.Second(); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != "3 msgs/s\n0 msgs/s\n" {
		t.Errorf("printed %q", out.String())
	}
}

func TestMosquittosShareOfMessagesCountsTheOthersToo(t *testing.T) {
	n := 0
	out, _ := asMosquitto(t, "", output.MosquittoOptions{Pass: func() bool { n++; return n%2 == 0 }}, "1", "2", "3", "4")
	if out != "2\n4\n" {
		t.Errorf("printed %q", out)
	}
}
