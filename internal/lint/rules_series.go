package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// readings are messages of the guide with these values, one a second.
func readings(values ...string) Example {
	lines := make([]string, len(values))
	for i, v := range values {
		lines[i] = reading(v, fmt.Sprintf("%02d", i))
	}
	return messages(lines...)
}

// seriesRules look at what the messages of a topic, or of its like, come to over time.
func seriesRules() []Rule {
	return []Rule{
		{
			Code: "P010", Name: "mixed-versions", Severity: Info, Profile: Guide,
			Summary: "two versions of a schema are in use at once",
			Why: "During a rollout some devices send temp.v1 and others temp.v2, and consumers must read both. The finding says how far " +
				"it is. When it stays, some devices were left behind.",
			Bad: messages(reading("21.7", "31"),
				strings.NewReplacer("cr-001", "cr-002", "temp.v1", "temp.v2").Replace(reading("21.8", "32"))),
			Good: messages(reading("21.7", "31"), strings.ReplaceAll(reading("21.8", "32"), "cr-001", "cr-002")),
			history: func(m *messageCheck) {
				if name, ok := m.get("schema"); ok && name.Str != m.history.schema && versioned(name) {
					m.history.schema = strings.Clone(name.Str)
				}
			},
			end: mixedVersions,
		},
		{
			Code: "P027", Name: "stuck-value", Severity: Info, Profile: Guide,
			Summary: "a value that used to change does not change any more",
			Why: "The messages go on, with new timestamps, and the number stays: a sensor that fell off, a driver that returns its last " +
				"value, a cable that is broken. A value that is quiet by nature is not reported: the last one must have stayed for 20 " +
				"messages and four times as long as ever before in the window.",
			Bad: readings("21.7", "21.8", "21.6", "21.6", "21.6", "21.6", "21.6", "21.6", "21.6", "21.6", "21.6", "21.6", "21.6",
				"21.6", "21.6", "21.6", "21.6", "21.6", "21.6", "21.6", "21.6", "21.6", "21.6"),
			Good: readings("21.7", "21.8", "21.6", "21.7"),
			history: func(m *messageCheck) {
				if at, v, ok := m.measured(); ok && m.live && v.Type == gjson.Number && m.place.role == telemetry {
					m.history.series.add(m.l.memory.hashOf([]byte(v.Raw)))
					m.history.series.at = at
				}
			},
			end: func(e *endCheck) {
				for _, h := range e.l.memory.inOrder() {
					if s := &h.series; s.stuck() {
						e.subject = h.subject
						e.found(s.at, "the last %d values are the same", s.run)
					}
				}
			},
		},
	}
}

// series is how a measured value changes.
type series struct {
	at           string // its JSON Pointer
	last         uint64 // a hash of the value
	run, longest int32  // of equal values: now, and before
	changes      int32
}

func (s *series) add(value uint64) {
	switch {
	case s.run == 0, value == s.last:
		s.run++
	default:
		s.longest = max(s.longest, s.run)
		s.changes++
		s.run = 1
	}
	s.last = value
}

func (s *series) stuck() bool {
	const enough, factor = 20, 4
	return s.changes >= 2 && s.run >= enough && s.run >= factor*s.longest
}

// rollout counts the topics of one template by the version of their schema.
type rollout struct {
	subject subject
	topics  map[string]int
}

func mixedVersions(e *endCheck) {
	type key struct {
		shape *shape
		name  string
	}
	all := map[key]*rollout{}
	var order []*rollout
	for _, h := range e.l.memory.inOrder() {
		i := strings.LastIndex(h.schema, ".v")
		if i < 0 {
			continue
		}
		k := key{h.shape.at(), h.schema[:i]}
		r := all[k]
		if r == nil {
			r = &rollout{h.subject, map[string]int{}}
			all[k] = r
			order = append(order, r)
		}
		r.topics[h.schema]++
	}
	for _, r := range order {
		if len(r.topics) < 2 {
			continue
		}
		// v9 before v10.
		names := slices.SortedFunc(maps.Keys(r.topics), func(a, b string) int {
			return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
		})
		total, parts := 0, make([]string, len(names))
		for i, name := range names {
			total += r.topics[name]
			parts[i] = fmt.Sprintf("%s on %s", name, Number(r.topics[name]))
		}
		e.subject = r.subject
		e.found("/schema", "%s of %s", strings.Join(parts, ", "), plural(total, "topic"))
	}
}
