package tally

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// wish is a setting that waits to be reported.
type wish struct {
	value gjson.Result
	at    time.Duration
}

// statusInJSON reads a status that is an object.
func statusInJSON(payload []byte) (word, session string) {
	if !gjson.ValidBytes(payload) {
		return "", ""
	}
	doc := gjson.ParseBytes(payload).Map()
	return doc["status"].Str, doc["session"].Str
}

// stateOf are the settings of a desired or reported document: in its member state, or all members when it has none.
func stateOf(payload []byte) map[string]gjson.Result {
	if !gjson.ValidBytes(payload) {
		return nil
	}
	doc := gjson.ParseBytes(payload).Map()
	if wrapped, ok := doc["state"]; ok && wrapped.IsObject() {
		return wrapped.Map()
	}
	return doc
}

// desired takes note of what a device is told. A wish for what is wished for already changes nothing; another one takes its
// place.
func (w *Watch) desired(d *watchedDevice, payload []byte, now time.Duration) {
	state := stateOf(payload)
	for name, value := range state {
		if strings.HasPrefix(name, "_") {
			continue
		}
		if value.Type == gjson.Null {
			delete(d.wishes, name) // back to a default that nobody here knows
			continue
		}
		if known, waits := d.wishes[name]; !waits || !alike(known.value, value) {
			d.wishes[name] = wish{value, now}
		}
	}
}

// reported looks which wishes have come true.
func (w *Watch) reported(d *watchedDevice, payload []byte, now time.Duration) {
	state := stateOf(payload)
	for name, wish := range d.wishes {
		value, there := state[name]
		if !there || !alike(value, wish.value) {
			continue
		}
		delete(d.wishes, name)
		w.r.converged(d.index, wish.at, name, now-wish.at)
	}
}

// unheard takes note of the wishes that have not come true.
func (w *Watch) unheard(d *watchedDevice, now time.Duration) {
	for name, wish := range d.wishes {
		w.r.each(d.index, wish.at, func(s *scope) { s.record(unconverged+name, max(0, now-wish.at)) })
	}
}

// alike reports whether two values are the same: numbers as numbers, everything else as it is written.
func alike(a, b gjson.Result) bool {
	if a.Type == gjson.Number && b.Type == gjson.Number {
		return a.Num == b.Num
	}
	return a.Type == b.Type && (a.Raw == b.Raw || a.Type == gjson.String && a.Str == b.Str)
}
