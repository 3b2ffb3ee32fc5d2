package lint

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// answerRules compare commands with answers, and wishes with what is reported.
func answerRules() []Rule {
	return []Rule{
		{
			Code: "K003", Name: "cmd-no-answer", Severity: Info, Profile: Guide,
			Summary: "a command is not answered",
			Why: "QoS 1 tells that the Server has a command, not that the device carried it out. Only an answer on cmd/res with the id of " +
				"the command, or on the Response Topic that it names, tells that. Half a minute without one, while other messages come " +
				"in, is a device that is away or does not answer at all. A contract without a kind for answers leaves them no place.",
			Bad: messages(cmdLine(`{"id":"c1","ts":1795346431,"name":"open"}`, "01"), reading("21.7", "40")),
			Good: messages(cmdLine(`{"id":"c1","ts":1795346431,"name":"open"}`, "01"),
				`{"time":"2026-11-22T11:20:02Z","topic":"acme/lyon/cr-001/cmd/res","qos":1,"payload":{"id":"c1"}}`, reading("21.7", "40")),
			message:  takeCommand,
			end:      unansweredCommands,
			contract: noAnswerKind,
		},
	}
}

const (
	// answerWithin is how long an answer may take.
	answerWithin = 30 * time.Second
	// maxPending bounds the commands that wait for an answer.
	maxPending = 10_000
)

// pendingCommand is a command without an answer so far.
type pendingCommand struct {
	subject subject
	sent    time.Time
}

func takeCommand(m *messageCheck) {
	memory := &m.l.memory
	if m.live && m.place.role != command {
		memory.latest = m.now
	}
	if m.place.role != command && m.place.role != result || !m.live {
		return
	}
	id, ok := m.get("id")
	if !ok {
		return
	}
	base := firstLevels(m.topic, m.place.deviceAt+1)
	key := memory.hashOf([]byte(base)) ^ memory.hashOf([]byte(id.Raw))*31
	if m.place.role == result {
		delete(memory.pending, key)
		return
	}
	if m.message.Properties.Has(wire.PropResponseTopic) || len(memory.pending) >= maxPending {
		return // it is answered elsewhere
	}
	s := m.subject
	s.topic = strings.Clone(m.topic)
	memory.pending[key] = pendingCommand{s, m.now}
}

func unansweredCommands(e *endCheck) {
	m := &e.l.memory
	if c := e.l.convention.Contract; c == nil || !answersVisible(e.l) {
		return
	}
	all := slices.SortedFunc(maps.Values(m.pending), func(a, b pendingCommand) int {
		return strings.Compare(a.subject.topic, b.subject.topic)
	})
	for _, p := range all {
		if m.latest.Sub(p.sent) >= answerWithin {
			e.subject = p.subject
			e.found("", "no answer within %s", answerWithin)
		}
	}
}

// answersVisible reports whether there are topics for answers, and they could be seen.
func answersVisible(l *Linter) bool {
	c := l.convention.Contract
	for k := range c.ByRole(result) {
		if l.memory.seen.visible(c, k) {
			return true
		}
	}
	return false
}

func noAnswerKind(c *contractCheck) {
	if c.contract.AsyncAPI {
		return // a reply may stand in the document, which is not read
	}
	for range c.contract.ByRole(result) {
		return
	}
	for k := range c.contract.ByRole(command) {
		if !slices.Contains(k.Template.Vars(), "device") {
			continue // it is not known whose commands these are
		}
		c.at(k.At)
		c.found(k.Name, "%s has no kind for its answers: nobody learns what became of a command", k.Name)
	}
}

// unknownKeyRules are about settings that no device knows.
func unknownKeyRules() []Rule {
	return []Rule{
		{
			Code: "S004", Name: "unknown-key", Severity: Warning, Profile: Guide,
			Summary: "a setting is desired that the device never reports",
			Why: "The device reported its state and this setting was never in it: it does not know the name, and the wish will never come " +
				"true. A typo (intervall_s), or a setting of another firmware. A device that takes a setting reports it.",
			Bad: messages(stateLine("desired", `{"rev":18,"id":"a","ts":1795346431,"state":{"intervall_s":30}}`),
				stateLine("reported", `{"ts":1795346432,"schema":"reported.v1","desired_rev":18,"state":{"interval_s":60}}`)),
			Good: messages(stateLine("desired", goodDesired),
				stateLine("reported", `{"ts":1795346432,"schema":"reported.v1","desired_rev":18,"state":{"interval_s":30}}`)),
			history: func(m *messageCheck) {
				if !m.object() || m.place.role != desired && m.place.role != reported {
					return
				}
				if m.place.role == desired || m.history.state == nil {
					m.history.state = map[string]bool{}
				}
				for _, name := range m.settings() {
					if len(m.history.state) < maxKeys {
						m.history.state[strings.Clone(name)] = true
					}
				}
			},
			end: unknownKeys,
		},
	}
}

// settings are the names in a state: in the member "state", or at the top beside what describes the document.
func (c *payloadCheck) settings() []string {
	inside := -1
	for i := range c.members {
		if m := &c.members[i]; m.parent < 0 && m.key == "state" && m.value.IsObject() {
			inside = i
		}
	}
	var names []string
	for i := range c.members {
		if m := &c.members[i]; m.parent == inside && (inside >= 0 || !describes(m.key)) {
			names = append(names, m.key)
		}
	}
	return names
}

// describes tells the members that say something about a document and are no settings.
func describes(key string) bool {
	switch key {
	case "schema", "rev", "id", "base", "ts", "by", "boot", "session", "desired_rev", "desired_id", "acks", "state":
		return true
	default:
		return strings.HasPrefix(key, "_")
	}
}

func unknownKeys(e *endCheck) {
	for name, d := range e.l.memory.inOrder() {
		base, ok := strings.CutSuffix(name, "/"+string(desired))
		if !ok || d.kind != string(desired) {
			continue
		}
		r := e.l.memory.topics[base+"/"+string(reported)]
		if r == nil || len(r.state) == 0 || len(r.state) >= maxKeys {
			continue
		}
		for _, key := range sortedNames(d.state) {
			if !r.state[key] {
				e.subject = d.subject
				e.found("/state/"+key, "the device never reported %q", key)
			}
		}
	}
}
