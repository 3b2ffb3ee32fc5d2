package simulate_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/mqx-cli/mqx/internal/simulate"
)

// station is a device whose payloads have members, with what else its signal says.
func station(more string) string {
	return `{telemetry: {x: {every: 10s, timestamp: none, ` + more + `members: {t: {walk: 18..26, round: 1}, on: true, deep: {members: {n: 7, w: {pick: [a, b]}}}, list: {items: [1, {time: seconds}]}}}}}`
}

func TestMembersAreThePayload(t *testing.T) {
	t.Parallel()
	for _, m := range play(t, newRun(t, parse(t, small(1, station(""), ""))), simulate.Shard{}) {
		if m.Signal != "x" {
			continue
		}
		at := gjson.GetBytes(m.Message.Payload, "list.1").Int()
		if at != m.Message.Time.Unix() {
			t.Errorf("%s was measured at %s", m.Message.Payload, m.Message.Time)
		}
		got := gjson.ParseBytes(m.Message.Payload)
		var names []string
		got.ForEach(func(key, _ gjson.Result) bool { names = append(names, key.Str); return true })
		if diff := cmp.Diff([]string{"t", "on", "deep", "list"}, names); diff != "" || got.Get("deep.n").Num != 7 {
			t.Errorf("%s: %s", got.Raw, diff)
		}
	}
}

func TestMembersInTheOtherEncodings(t *testing.T) {
	t.Parallel()
	for encoding, decode := range map[string]func([]byte, any) error{"cbor": cbor.Unmarshal, "msgpack": msgpack.Unmarshal} {
		p := parse(t, small(1, station("encoding: "+encoding+", schema: x.v1, "), ""))
		seen := false
		for _, m := range play(t, newRun(t, p), simulate.Shard{}) {
			if m.Signal != "x" {
				continue
			}
			seen = true
			var got map[string]any
			if err := decode(m.Message.Payload, &got); err != nil {
				t.Fatal(err)
			}
			if len(got) != 5 || got["schema"] != "x.v1" || got["on"] != true || got["deep"] == nil || got["list"] == nil {
				t.Errorf("%s: got %v", encoding, got)
			}
		}
		if !seen {
			t.Errorf("%s: nothing came", encoding)
		}
	}
}

// Faults of sensors, clocks and firmware are about the members of a payload as they are about a plain value.
func TestFaultsOfMembers(t *testing.T) {
	t.Parallel()
	for fault, wrong := range map[string]func(clean, seen gjson.Result) bool{
		"do: dead": func(_, seen gjson.Result) bool {
			return seen.Get("t").Type == gjson.Null && seen.Get("deep.n").Type == gjson.Null && seen.Get("on").Bool()
		},
		"do: spike, by: 100, chance: 1": func(clean, seen gjson.Result) bool {
			return seen.Get("t").Num == clean.Get("t").Num+100 && seen.Get("deep.n").Num == 107
		},
		"do: clock, skew: -1h": func(clean, seen gjson.Result) bool {
			return seen.Get("list.1").Num == clean.Get("list.1").Num-3600
		},
		"do: malformed, mix: {number_as_string: 1}": func(clean, seen gjson.Result) bool {
			return seen.Get("t").Str == clean.Get("t").Raw
		},
		"do: malformed, mix: {missing_field: 1}": func(_, seen gjson.Result) bool { return !seen.Get("t").Exists() && seen.Get("on").Exists() },
		"do: malformed, mix: {nan: 1}":           func(_, seen gjson.Result) bool { return strings.Contains(seen.Raw, `"t":NaN`) },
		"do: oversize, bytes: 2000":              func(_, seen gjson.Result) bool { return len(seen.Raw) == 2000 },
	} {
		p := parse(t, small(1, station(""), "faults: [{at: 2m, for: 1m, to: all, "+fault+"}]"))
		altered := 0
		for _, m := range play(t, newRun(t, p), simulate.Shard{}) {
			if m.Signal != "x" {
				continue
			}
			clean, seen := gjson.ParseBytes(m.Clean.Payload), gjson.ParseBytes(m.Message.Payload)
			if m.Is(simulate.Altered) {
				altered++
				if !wrong(clean, seen) {
					t.Errorf("%s: %s became %s", fault, clean.Raw, seen.Raw)
				}
			}
		}
		if altered != 6 {
			t.Errorf("%s: %d altered, and not 6", fault, altered)
		}
	}
}

func TestObjectsAreComparedAsAWhole(t *testing.T) {
	t.Parallel()
	p := parse(t, small(1, `{telemetry: {x: {on_change: true, timestamp: none, members: {door: {states: {shut: {stay: 1m, next: open}, open: {stay: 1m, next: shut}}}, at: {time: local}}}}}`, ""))
	var doors []string
	for _, m := range play(t, newRun(t, p), simulate.Shard{}) {
		if m.Signal == "x" {
			doors = append(doors, gjson.GetBytes(m.Message.Payload, "door").Str)
		}
	}
	want := strings.Fields("shut open shut open shut open shut open shut open shut")
	if diff := cmp.Diff(want[:len(doors)], doors); diff != "" || len(doors) < 10 {
		t.Error(diff)
	}
}

func TestMembersThatDropOutAreMissing(t *testing.T) {
	t.Parallel()
	p := parse(t, small(1, `{telemetry: {x: {every: 1s, timestamp: none, members: {a: {constant: 1, dropout: 25%}}}}}`, "faults: [{at: 9m, for: 1m, to: all, do: oversize, bytes: 100}]"))
	p.Duration = 10 * time.Minute
	missing, all := 0, 0
	for _, m := range play(t, newRun(t, p), simulate.Shard{}) {
		if m.Signal != "x" {
			continue
		}
		if all++; !json.Valid(m.Message.Payload) {
			t.Fatalf("got %s", m.Message.Payload)
		}
		if !gjson.GetBytes(m.Message.Payload, "a").Exists() {
			missing++
		}
	}
	if missing < all/5 || missing > all*3/10 {
		t.Errorf("%d of %d are missing", missing, all)
	}
}

func TestOtherValuesSeeMembers(t *testing.T) {
	t.Parallel()
	p := parse(t, small(1, `{telemetry: {x: {every: 10s, timestamp: none, members: {a: {members: {b: 21}}}}, y: {every: 10s, value: {expr: "signal.x.a.b * 2 + {signal.x.a.b}"}}, z: {every: 10s, value: {follow: {to: "{signal.x.a.b}", lag: 1ms}}}}}`, ""))
	want := map[string]float64{"y": 63, "z": 21}
	for _, m := range play(t, newRun(t, p), simulate.Shard{}) {
		if n, ok := want[m.Signal]; ok && gjson.GetBytes(m.Message.Payload, "v").Num != n {
			t.Errorf("%s: got %s, and not %v", m.Signal, m.Message.Payload, n)
		}
	}
}
