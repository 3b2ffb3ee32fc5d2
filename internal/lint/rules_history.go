package lint

import (
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

func messages(lines ...string) Example { return example(Messages, strings.Join(lines, "\n")) }

// reading is a message of the guide with a value, at a second.
func reading(value, second string) string {
	return `{"time":"2026-11-22T11:20:` + second + `Z","topic":"acme/lyon/cr-001/telemetry/temp","payload":` +
		`{"v":` + value + `,"ts":"2026-11-22T11:20:` + second + `Z","unit":"C","schema":"temp.v1"}}`
}

// historyRules compare a message with those before it on the same topic.
func historyRules() []Rule {
	return []Rule{
		{
			Code: "P004", Name: "ts-skew", Severity: Warning, Profile: Guide,
			Summary: "a device's clock is wrong",
			Why: "Most live messages of the topic carry a time that is far from the time at which they came in. Either the device's " +
				"clock is wrong or they wait somewhere on the way. The clock of the machine that runs mqx counts as right.",
			Bad: messages(strings.ReplaceAll(reading("21.7", "31"), `"ts":"2026-11-22T11:20`, `"ts":"2026-11-22T10:20`),
				strings.ReplaceAll(reading("21.8", "32"), `"ts":"2026-11-22T11:20`, `"ts":"2026-11-22T10:20`),
				strings.ReplaceAll(reading("21.9", "33"), `"ts":"2026-11-22T11:20`, `"ts":"2026-11-22T10:20`)),
			Good: messages(reading("21.7", "31"), reading("21.8", "32"), reading("21.9", "33")),
			end: func(e *endCheck) {
				const enough = 3
				for _, h := range e.l.memory.inOrder() {
					if h.liveCount >= enough && h.skewed*2 > h.liveCount {
						e.subject = h.subject
						e.found("/ts", "%d of %d live messages are more than %s off", h.skewed, h.liveCount, e.l.clockSkew())
					}
				}
			},
		},
		{
			Code: "P005", Name: "ts-backwards", Severity: Warning, Profile: Guide,
			Summary: "a timestamp is older than the one before",
			Why: "Messages of one topic arrive in order, so that their timestamps grow. One that goes back is a clock that was " +
				"corrected, a second device on the same topic, or a backlog that is sent late and should say so.",
			Bad:  messages(reading("21.7", "35"), reading("21.8", "31")),
			Good: messages(reading("21.7", "31"), reading("21.8", "35")),
			history: func(m *messageCheck) {
				ts, ok := m.timestamp()
				if ok && m.live && !m.history.lastTS.IsZero() && ts.Before(m.history.lastTS) {
					m.found("/ts", "the timestamp goes back by %s", m.history.lastTS.Sub(ts).Round(time.Millisecond))
				}
			},
		},
		{
			Code: "P013", Name: "unit-changed", Severity: Error, Profile: Guide,
			Summary: "the unit of a topic changes",
			Why: "A curve that jumps from 21 to 70 because C became F is the classic: averages, alarms and models go wrong and the " +
				"data before and after cannot be told apart later. One topic has one unit.",
			Bad:  messages(reading("21.7", "31"), strings.ReplaceAll(reading("71.1", "32"), `"C"`, `"F"`)),
			Good: messages(reading("21.7", "31"), reading("21.8", "32")),
			history: func(m *messageCheck) {
				if u, ok := m.get("unit"); ok && m.history.unit != "" && u.Type == gjson.String && u.Str != m.history.unit {
					m.found("/unit", "the unit was %q and is %q", m.history.unit, u.Str)
				}
			},
		},
		{
			Code: "P023", Name: "type-changed", Severity: Error, Profile: Guide,
			Summary: "a member changes its JSON type",
			Why: "A member that is a number in one message and a string in the next (an error text, \"unknown\") cannot be stored in a " +
				"column, and typed consumers stop at it.",
			Bad:  messages(reading("21.7", "31"), reading(`"error"`, "32")),
			Good: messages(reading("21.7", "31"), reading("22", "32")),
			history: func(m *messageCheck) {
				for i := range m.members {
					before := m.history.types[m.members[i].key]
					if now := typeName(m.members[i].value); m.members[i].parent < 0 && before != "" && now != "null" && now != before {
						m.found(m.templatePointer(i), "%q was a %s and is a %s", m.members[i].key, before, now)
					}
				}
			},
		},
		{
			Code: "R013", Name: "flapping", Severity: Warning, Profile: Guide,
			Summary: "a device goes online and offline again and again",
			Why: "More than three changes in five minutes: two clients with one Client Identifier that throw each other out, a keep " +
				"alive too short for the network, or a device that restarts.",
			Bad: messages(presenceLine("online", "31"), presenceLine("offline", "32"), presenceLine("online", "33"),
				presenceLine("offline", "34"), presenceLine("online", "35")),
			Good:    messages(presenceLine("online", "31"), presenceLine("offline", "34")),
			history: flapping,
		},
		{
			Code: "R015", Name: "duplicate-message", Severity: Warning, Profile: Guide,
			Summary: "the same message came twice",
			Why: "QoS 1 may deliver twice, and a gateway that repeats after a timeout does too. The same payload with the same " +
				"timestamp or id is one message: whoever counts must know it. Messages with the DUP flag are not reported.",
			Bad:  messages(reading("21.7", "31"), reading("21.7", "31")),
			Good: messages(reading("21.7", "31"), reading("21.7", "32")),
			history: func(m *messageCheck) {
				h := m.history
				same := h.body == m.l.memory.hashOf(m.body) && h.messages > 0
				if same && m.live && !m.message.Dup && m.unique() && m.now.Sub(h.lastTime) <= time.Minute {
					m.found("", "the same payload came %s before", m.now.Sub(h.lastTime).Round(time.Millisecond))
				}
			},
		},
		{
			Code: "S006", Name: "rev-regressed", Severity: Error, Profile: Guide,
			Summary: "the rev of a state goes back",
			Why: "Devices ignore a desired state whose rev is not higher than the last: one that goes back is never applied. It " +
				"comes from two writers, or from a backup that was loaded as it is.",
			Bad: messages(stateLine("desired", `{"rev":18,"id":"a","ts":1795346431,"state":{"interval_s":30}}`),
				stateLine("desired", `{"rev":17,"id":"b","ts":1795346432,"state":{"interval_s":60}}`)),
			Good: messages(stateLine("desired", `{"rev":17,"id":"a","ts":1795346431,"state":{"interval_s":30}}`),
				stateLine("desired", `{"rev":18,"id":"b","ts":1795346432,"state":{"interval_s":60}}`)),
			history: func(m *messageCheck) {
				rev, ok := m.get("rev")
				if ok && m.place.role == desired && m.history.hasRev && rev.Type == gjson.Number && rev.Int() < m.history.rev {
					m.found("/rev", "rev %d after %d", rev.Int(), m.history.rev)
				}
			},
		},
		{
			Code: "K004", Name: "cmd-id-reused", Severity: Error, Profile: Guide,
			Summary: "two commands have one id",
			Why: "A device remembers the ids of commands so that a repeated one does nothing. A second command with an id that was " +
				"used is silently ignored. Take a UUID or a ULID for each.",
			Bad: messages(cmdLine(`{"id":"7","ts":1795346431,"name":"open"}`, "31"),
				cmdLine(`{"id":"7","ts":1795346432,"name":"close"}`, "32")),
			Good: messages(cmdLine(`{"id":"7","ts":1795346431,"name":"open"}`, "31"),
				cmdLine(`{"id":"8","ts":1795346432,"name":"close"}`, "32")),
			history: commandIDReused,
		},
	}
}

// presenceLine is a status message of the guide.
func presenceLine(value, second string) string {
	return `{"time":"2026-11-22T11:20:` + second + `Z","topic":"acme/lyon/cr-001/status","qos":1,"retain":true,"payload":"` + value + `"}`
}

func stateLine(kind, body string) string {
	return `{"topic":"acme/lyon/cr-001/` + kind + `","qos":1,"retain":true,"payload":` + body + `}`
}

func cmdLine(body, second string) string {
	return `{"time":"2026-11-22T11:20:` + second + `Z","topic":"acme/lyon/cr-001/cmd","qos":1,"payload":` + body + `}`
}

// clockSkew is how far a timestamp may be from the time of receipt.
func (l *Linter) clockSkew() time.Duration {
	if c := l.convention.Contract; c != nil && c.Limits.ClockSkew > 0 {
		return c.Limits.ClockSkew
	}
	return 30 * time.Second
}

func flapping(m *messageCheck) {
	if m.place.role != status {
		return
	}
	h := m.history
	value, ok := m.statusValue()
	if !ok {
		return
	}
	if value == h.status || h.status == "" {
		h.status = value
		return
	}
	h.status = value
	const most, window = 3, 5 * time.Minute
	h.changes = slices.DeleteFunc(h.changes, func(t time.Time) bool { return m.now.Sub(t) > window })
	if h.changes = append(h.changes, m.now); len(h.changes) > most {
		m.found("", "%d changes between online and offline in 5 minutes", len(h.changes))
		h.changes = h.changes[1:]
	}
}

// unique reports whether a payload has something that no other message has: a timestamp, or an id where that names a message
// and not the device.
func (c *messageCheck) unique() bool {
	if _, ok := c.timestamp(); ok {
		return true
	}
	_, id := c.get("id")
	return id && (c.place.role == command || c.place.role == result || c.place.role == event)
}

func commandIDReused(m *messageCheck) {
	if m.place.role != command {
		return
	}
	id, ok := m.get("id")
	if !ok {
		return
	}
	h := m.history
	idHash, bodyHash := m.l.memory.hashOf([]byte(id.Raw)), m.l.memory.hashOf(m.body)
	for i := range h.ids {
		if h.ids[i] == idHash && h.bodies[i] != bodyHash {
			m.found("/id", "the id %.60s was that of another command before", id.Raw)
			return
		}
	}
	h.ids[h.next], h.bodies[h.next] = idHash, bodyHash
	h.next = (h.next + 1) % len(h.ids)
}
