package retained

import (
	"hash/maphash"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
)

// ChangeKind is what has become of the Retained Message of a topic.
type ChangeKind string

// The kinds of changes.
const (
	// Retains is a message that was there when the watch began.
	Retains ChangeKind = "retained"
	Set     ChangeKind = "set"
	Altered ChangeKind = "changed"
	Cleared ChangeKind = "cleared"
	// Published is a live message of which a Server below MQTT 5 does not say whether it is retained.
	Published ChangeKind = "published"
)

// Watcher tells changes of Retained Messages from repetitions. It keeps a fingerprint of each topic. It is not safe for
// concurrent use.
//
// On MQTT 5 the subscription has Retain As Published 1: each message with RETAIN=1, whether from the store or live, then
// says what the Server retains from now on. Below, RETAIN=1 comes only from the store, and a live message may be either.
type Watcher struct {
	// AsPublished says that the subscription has Retain As Published 1.
	AsPublished bool
	// Listing says that messages still come from the store.
	Listing bool

	seed  maphash.Seed
	known map[string]uint64
}

// NewWatcher returns a Watcher at the beginning of a listing.
func NewWatcher(asPublished bool) *Watcher {
	return &Watcher{AsPublished: asPublished, Listing: true, seed: maphash.MakeSeed(), known: map[string]uint64{}}
}

// Observe says what m changes, if it does.
func (w *Watcher) Observe(m message.Message) (ChangeKind, bool) {
	if !m.Retain && (w.AsPublished || strings.HasPrefix(m.Topic, sentinelLevel)) {
		return "", false
	}
	before, known := w.known[m.Topic]
	if len(m.Payload) == 0 {
		delete(w.known, m.Topic)
		return Cleared, known
	}
	now := maphash.Bytes(w.seed, m.Payload)
	if known && before == now {
		return "", false
	}
	if !m.Retain {
		if known {
			w.known[m.Topic] = now
		}
		return Published, true
	}
	if !known {
		w.known[strings.Clone(m.Topic)] = now
		if w.Listing {
			return Retains, true
		}
		return Set, true
	}
	w.known[m.Topic] = now
	return Altered, true
}
