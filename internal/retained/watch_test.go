package retained_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/retained"
)

func TestWhereHoldsForMessages(t *testing.T) {
	t.Parallel()
	now := time.Unix(2000, 0)
	m := message.Message{Topic: "plant/line1", Payload: []byte(`{"v":21.5,"ts":1900,"tags":["a"]}`)}
	for text, want := range map[string]bool{
		`topic == "plant/line1"`: true, `levels[1] startsWith "line"`: true, `payload.v > 21`: true, `"a" in payload.tags`: true,
		`size == 33`: true, `age == 100`: true, `age > 100`: false, `payload.none == nil`: true, `payload.none > 1`: false,
	} {
		w, err := retained.NewWhere(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := w.Holds(m, now); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	w, err := retained.NewWhere(`payload.v > 1 || age < 1e9`)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"text", "\xff"} {
		if w.Holds(message.Message{Topic: "a", Payload: []byte(p)}, now) {
			t.Errorf("%q: it holds", p)
		}
	}
	if n, first := w.Failed(); n != 2 || first == nil || strings.Contains(first.Error(), "\n") {
		t.Errorf("got %d, %v", n, first)
	}
	for _, text := range []string{"", "payload.v >", "unknown == 1", "size", `topic + 1 > 2`} {
		if _, err := retained.NewWhere(text); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestWatcherTellsChangesFromRepetitions(t *testing.T) {
	t.Parallel()
	type step struct {
		topic, payload string
		retain         bool
		want           retained.ChangeKind
	}
	for name, steps := range map[string][]step{
		"MQTT 5": {
			{"a", "1", true, retained.Set},
			{"a", "1", true, ""},
			{"a", "2", true, retained.Altered},
			{"a", "3", false, ""},
			{"a", "", true, retained.Cleared},
			{"a", "", true, ""},
			{"a", "2", true, retained.Set},
		},
		"MQTT 3.1.1": {
			{"a", "1", false, retained.Published},
			{"b", "1", true, retained.Set},
			{"b", "1", false, ""},
			{"b", "2", false, retained.Published},
			{"b", "2", false, ""},
			{"b", "", false, retained.Cleared},
			{"_mqx/1", "", false, ""},
			{"_mqx/1", "x", false, ""},
		},
	} {
		w := retained.NewWatcher(name == "MQTT 5")
		if kind, ok := w.Observe(message.Message{Topic: "first", Payload: []byte("x"), Retain: true}); !ok || kind != retained.Retains {
			t.Errorf("%s: got %q, %v", name, kind, ok)
		}
		w.Listing = false
		for i, s := range steps {
			kind, ok := w.Observe(message.Message{Topic: s.topic, Payload: []byte(s.payload), Retain: s.retain})
			if ok != (s.want != "") || ok && kind != s.want {
				t.Errorf("%s, step %d: got %q, %v, want %q", name, i, kind, ok, s.want)
			}
		}
	}
}
