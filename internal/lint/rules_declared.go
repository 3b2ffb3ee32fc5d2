package lint

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
)

const declaredSignals = "root: acme\nsignals:\n  temp: {unit: C}\n"

// declaredRules compare what the contract file says there is with what there is.
func declaredRules() []Rule {
	return []Rule{
		{
			Code: "T031", Name: "undeclared-topic", Severity: Warning, Profile: Guide,
			Summary: "a topic is in use that the contract does not declare",
			Why: "The contract lists the signals of the project. One that is not there has no unit, no schema and no owner that anybody " +
				"could look up: add it to signals, or stop publishing it. Topics that do not even have the agreed shape are T016.",
			Bad:  withContract(topics("acme/lyon/cr-001/telemetry/tmep"), declaredSignals),
			Good: withContract(topics("acme/lyon/cr-001/telemetry/temp"), declaredSignals),
			topic: func(t *topicCheck) {
				for _, u := range t.place.unknown {
					if u.Variable == "signal" {
						t.found("signal", "the contract declares no signal %q", u.Value)
					}
				}
			},
		},
		{
			Code: "T032", Name: "silent-topic", Severity: Info, Profile: Guide,
			Summary: "a topic that the contract file declares was not seen",
			Why: "What is declared and never published is a device that is silent, a signal that was renamed, or a rest of a plan. A " +
				"window that is too short to see a rare event says nothing. Only what the file itself declares is reported, and live " +
				"only what the subscription covers.",
			Bad: withContract(messages(presenceLine("online", "31")), "root: acme\nkinds:\n  events: {retain: false}\n"),
			Good: withContract(messages(presenceLine("online", "31"),
				`{"topic":"acme/lyon/cr-001/events/door-open","qos":1,"payload":{"id":"e7","ts":1795346431}}`),
				"root: acme\nkinds:\n  events: {retain: false}\n"),
			message: func(m *messageCheck) { m.l.memory.seen.see(m.place) },
			end:     silentTopics,
		},
	}
}

// seenKinds are the parts of the contract of which a message came.
type seenKinds struct {
	kinds   map[*contract.Kind]bool
	signals map[string]bool
	filters []topic.Filter // of the subscription, none for a capture
}

func (s *seenKinds) init() {
	s.kinds, s.signals = map[*contract.Kind]bool{}, map[string]bool{}
}

func (s *seenKinds) see(p *placed) {
	if p.kind == nil {
		return
	}
	s.kinds[p.kind] = true
	const most = 10_000
	if p.signal != "" && p.role == telemetry && !s.signals[p.signal] && len(s.signals) < most {
		s.signals[strings.Clone(p.signal)] = true
	}
}

// Subscribed says which topics Live messages come from, so that nothing else is expected to be seen.
func (l *Linter) Subscribed(filters []topic.Filter) { l.memory.seen.filters = filters }

// visible reports whether messages of a kind could come in.
func (s *seenKinds) visible(c *contract.Contract, k *contract.Kind) bool {
	if len(s.filters) == 0 {
		return true
	}
	for own := range kindFilters(c, k) {
		for _, f := range s.filters {
			if topic.Overlap(own, f) {
				return true
			}
		}
	}
	return false
}

func silentTopics(e *endCheck) {
	c, seen := e.l.convention.Contract, &e.l.memory.seen
	if c == nil || c.File == "" || len(seen.kinds) == 0 {
		return
	}
	report := func(at contract.Position, what, name string) {
		e.subject = subject{kind: Contract, place: Place{File: at.File, Line: max(1, at.Line), Column: at.Column}}
		e.found(name, "no message of the %s %s was seen", what, name)
	}
	telemetrySeen := false
	for _, k := range c.Kinds {
		telemetrySeen = telemetrySeen || k.Role == telemetry && seen.kinds[k]
		if k.At.Line > 0 && !seen.kinds[k] && seen.visible(c, k) {
			report(k.At, "kind", k.Name)
		}
	}
	if !telemetrySeen {
		return // the kind says so
	}
	for i := range c.Signals {
		if s := &c.Signals[i]; !strings.ContainsAny(s.Name, "*?[") && !seen.signals[s.Name] {
			report(s.At, "signal", s.Name)
		}
	}
}
