package retained_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/wire"
)

func compare(o retained.DiffOptions, before, after []message.Message) []retained.Difference {
	d := retained.NewDiffer(o)
	for _, m := range before {
		d.Before(m)
	}
	var all []retained.Difference
	for _, m := range after {
		if diff, found := d.After(m); found {
			all = append(all, diff)
		}
	}
	d.Removed(func(diff retained.Difference) bool {
		all = append(all, diff)
		return true
	})
	return all
}

func TestDiffShowsWhatBecameOfEachTopic(t *testing.T) {
	t.Parallel()
	before := state("same x", `json {"a":1,"b":[1,2]}`, "space {\"a\":1}", "text on", "gone2 y", "gone1 \x00\x1b", "deleted x", "deleted ", "twice 1", "twice 2")
	after := state("new\n \u202e1", `json {"a":2,"b":[1]}`, "same x", "space { \"a\": 1.0 }", "text off", "twice 2", "text later", "new\n 2", "empty ")
	props := &wire.Properties{ContentType: "text/plain", MessageExpiryInterval: 60}
	props.Set(wire.PropContentType, wire.PropMessageExpiryInterval)
	other := &wire.Properties{MessageExpiryInterval: 10, SubscriptionIdentifiers: []uint32{1}}
	other.Set(wire.PropMessageExpiryInterval)
	before = append(before, message.Message{Topic: "props", Payload: []byte("1"), QoS: 1, Retain: true, Properties: props})
	after = append(after, message.Message{Topic: "props", Payload: []byte("1"), QoS: 0, Retain: true, Properties: other})

	differences := compare(retained.DiffOptions{}, before, after)
	var text strings.Builder
	var lines []string
	for _, d := range differences {
		text.WriteString(retained.DifferenceText(d, retained.Style{}))
		line := retained.AppendDifferenceJSON(nil, d)
		if !json.Valid(line) {
			t.Errorf("not JSON: %s", line)
		}
		lines = append(lines, string(line))
	}
	const want = `+ new\n \u202e1
~ json
    - /a 1
    + /a 2
    - /b/1 2
~ space
    the same JSON value in other bytes
~ text
    - on
    + off
~ props
    qos differs
    content_type differs
- gone1 \x00\x1b
- gone2 y
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	wantLines := []string{
		`{"op":"added","topic":"new\n","to":{"topic":"new\n","qos":0,"retain":true,"dup":false,"payload":"` + "\u202e" + `1","encoding":"utf8"}}`,
		`{"op":"changed","topic":"json","from":{"topic":"json","qos":0,"retain":true,"dup":false,"payload":{"a":1,"b":[1,2]},"encoding":"json"},"to":{"topic":"json","qos":0,"retain":true,"dup":false,"payload":{"a":2,"b":[1]},"encoding":"json"},"fields":["payload"],"changes":[{"op":"changed","pointer":"/a","from":1,"to":2},{"op":"removed","pointer":"/b/1","from":2}]}`,
		`{"op":"changed","topic":"space","from":{"topic":"space","qos":0,"retain":true,"dup":false,"payload":{"a":1},"encoding":"json"},"to":{"topic":"space","qos":0,"retain":true,"dup":false,"payload":{ "a": 1.0 },"encoding":"json"},"fields":["payload"],"changes":[],"same_value":true}`,
		`{"op":"changed","topic":"text","from":{"topic":"text","qos":0,"retain":true,"dup":false,"payload":"on","encoding":"utf8"},"to":{"topic":"text","qos":0,"retain":true,"dup":false,"payload":"off","encoding":"utf8"},"fields":["payload"],"changes":[]}`,
		`{"op":"changed","topic":"props","from":{"topic":"props","qos":1,"retain":true,"dup":false,"payload":1,"encoding":"json","properties":{"content_type":"text/plain","message_expiry_interval":60}},"to":{"topic":"props","qos":0,"retain":true,"dup":false,"payload":1,"encoding":"json","properties":{"message_expiry_interval":10,"subscription_identifiers":[1]}},"fields":["qos","content_type"],"changes":[]}`,
		`{"op":"removed","topic":"gone1","from":{"topic":"gone1","qos":0,"retain":true,"dup":false,"payload":"\u0000\u001b","encoding":"utf8"}}`,
		`{"op":"removed","topic":"gone2","from":{"topic":"gone2","qos":0,"retain":true,"dup":false,"payload":"y","encoding":"utf8"}}`,
	}
	if diff := cmp.Diff(wantLines, lines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := compare(retained.DiffOptions{PayloadOnly: true}, before[len(before)-1:], after[len(after)-1:]); len(got) != 0 {
		t.Errorf("with PayloadOnly %+v differ", got)
	}
}

func TestDiffOfPayloadsThatWereNotKept(t *testing.T) {
	t.Parallel()
	before := state("a 12", "b 12345", "c 1234567", "d 12345678")
	after := state("a 13", "b 12345", "c 1234568")
	var text, lines strings.Builder
	for _, d := range compare(retained.DiffOptions{Keep: 2}, before, after) {
		text.WriteString(retained.DifferenceText(d, retained.Style{}))
		lines.Write(append(retained.AppendDifferenceJSON(nil, d), '\n'))
	}
	const want = "~ a\n    - (all) 12\n    + (all) 13\n~ c\n    - (7 bytes, not kept)\n    + 1234568\n- d (8 bytes, not kept)\n"
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if want := `{"op":"removed","topic":"d","from":{"topic":"d","qos":0,"retain":true,"size":8}}`; !strings.Contains(lines.String(), want) {
		t.Errorf("got %s, want %s in it", lines.String(), want)
	}
}

func TestDiffKeepsFewChangesOfOnePayload(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return "a [" + strings.Repeat(fmt.Sprintf("%d,", n), 99) + "0]" }
	d := compare(retained.DiffOptions{}, state(long(1)), state(long(2)))[0]
	if len(d.Changes) != 20 || d.MoreChanges != 79 {
		t.Errorf("got %d changes and %d more", len(d.Changes), d.MoreChanges)
	}
	if text := retained.DifferenceText(d, retained.Style{}); !strings.HasSuffix(text, "    and 79 more differences\n") {
		t.Errorf("got %s", text)
	}
}

// FuzzDiff applies differences to one state and expects the other.
func FuzzDiff(f *testing.F) {
	f.Add("a 1,b 2", "b 3,c 1", 100)
	f.Add("a 1,a 2", "a {},a 1", 1)
	f.Fuzz(func(t *testing.T, left, right string, keep int) {
		from, to := state(strings.Split(left, ",")...), state(strings.Split(right, ",")...)
		got, want := map[string]string{}, map[string]string{}
		for _, m := range from { // the last one counts
			got[m.Topic] = string(m.Payload)
		}
		for _, m := range to { // the first one counts
			if _, again := want[m.Topic]; !again && len(m.Payload) > 0 {
				want[m.Topic] = string(m.Payload)
			}
		}
		maps.DeleteFunc(got, func(_, p string) bool { return p == "" })
		for _, d := range compare(retained.DiffOptions{Keep: keep}, from, to) {
			if d.Op == payload.Removed {
				delete(got, d.Topic)
				continue
			}
			if _, there := got[d.Topic]; there != (d.Op == payload.Changed) {
				t.Errorf("%s of %q", d.Op, d.Topic)
			}
			got[d.Topic] = string(d.To.Message.Payload)
			if line := retained.AppendDifferenceJSON(nil, d); !json.Valid(line) {
				t.Errorf("not JSON: %s", line)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q to %q: (-want +got)\n%s", left, right, diff)
		}
	})
}

func BenchmarkDiff(b *testing.B) {
	messages := make([]message.Message, 100_000)
	for i := range messages {
		messages[i] = message.Message{Topic: fmt.Sprintf("acme/site-%d/device-%d/status", i%100, i), Payload: []byte(`{"v":21.7,"ts":1736430000,"unit":"C"}`)}
	}
	b.ReportAllocs()
	for b.Loop() {
		d := retained.NewDiffer(retained.DiffOptions{})
		for _, m := range messages {
			d.Before(m)
		}
		for _, m := range messages {
			if _, found := d.After(m); found {
				b.Fatal("a difference")
			}
		}
	}
}
