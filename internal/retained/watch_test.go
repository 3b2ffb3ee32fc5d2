package retained_test

import (
	"testing"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/retained"
)

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
