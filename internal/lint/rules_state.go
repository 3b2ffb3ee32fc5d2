package lint

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/payload"
)

const goodDesired = `{"rev":18,"id":"01JD3Z9Q6W","ts":1795346431,"state":{"interval_s":30}}`

// stateRules are about desired and reported documents.
func stateRules() []Rule {
	return []Rule{
		{
			Code: "S001", Name: "desired-no-rev", Severity: Warning, Profile: Guide,
			Summary: "a desired state has no rev or no id",
			Why: "Without a rev that grows, a device cannot tell a new desired state from the one it applied before it restarted, and " +
				"two writers overwrite each other unnoticed. The id tells whose document a device has answered.",
			Bad:  messages(stateLine("desired", `{"ts":1795346431,"state":{"interval_s":30}}`)),
			Good: messages(stateLine("desired", goodDesired)),
			payload: func(p *payloadCheck) {
				if p.place.role != desired || !p.object() {
					return
				}
				for _, names := range [][2]string{{"rev", "_rev"}, {"id", "_id"}} {
					_, plain := p.get(names[0])
					if _, inline := p.get(names[1]); !plain && !inline {
						p.found("/"+names[0], "the desired state has no %q", names[0])
					}
				}
			},
		},
		{
			Code: "S002", Name: "reported-no-ack", Severity: Info, Profile: Strict,
			Summary: "a reported state does not say which desired state it answers",
			Why: "With desired_rev in the reported state a service knows that the device has seen its wish, also when a value was " +
				"refused. Without it only equal values prove anything.",
			Bad:  messages(stateLine("reported", `{"ts":1795346431,"schema":"reported.v1","state":{"interval_s":30}}`)),
			Good: messages(stateLine("reported", `{"ts":1795346431,"schema":"reported.v1","desired_rev":18,"state":{"interval_s":30}}`)),
			payload: func(p *payloadCheck) {
				if _, has := p.get("desired_rev"); !has && p.place.role == reported && p.object() {
					p.found("/desired_rev", `the reported state has no "desired_rev"`)
				}
			},
		},
		{
			Code: "S003", Name: "null-in-desired", Severity: Warning, Profile: Guide,
			Summary: "a desired state has a null",
			Why: "In a merge patch (RFC 7396) null removes a member. A null in the retained document is a patch that was published as " +
				"it is: a device that reads it has a setting without a value.",
			Bad:  messages(stateLine("desired", `{"rev":18,"id":"a","ts":1795346431,"state":{"interval_s":null}}`)),
			Good: messages(stateLine("desired", goodDesired)),
			payload: func(p *payloadCheck) {
				for i := range p.members {
					if p.place.role == desired && p.members[i].value.Type == gjson.Null {
						p.found(p.templatePointer(i), "%q is null: left over from a patch?", p.members[i].key)
					}
				}
			},
		},
		{
			Code: "S005", Name: "partial-reported", Severity: Warning, Profile: Guide,
			Summary: "a retained reported state loses members",
			Why: "Only the last message is retained. A device that publishes just what changed throws away everything else for whoever " +
				"comes later: the retained document must be whole each time.",
			Bad: messages(stateLine("reported", `{"ts":1795346431,"schema":"reported.v1","interval_s":30,"mode":"eco"}`),
				stateLine("reported", `{"ts":1795346432,"schema":"reported.v1","mode":"normal"}`)),
			Good: messages(stateLine("reported", `{"ts":1795346431,"schema":"reported.v1","interval_s":30,"mode":"eco"}`),
				stateLine("reported", `{"ts":1795346432,"schema":"reported.v1","interval_s":30,"mode":"normal"}`)),
			history: func(m *messageCheck) {
				if m.place.role != reported || !m.object() {
					return
				}
				for name := range m.history.types {
					if _, still := m.get(name); !still {
						m.found("/"+name, "the member %q is gone: publish the whole state", name)
					}
				}
			},
		},
		{
			Code: "S007", Name: "array-of-objects", Severity: Info, Profile: Guide,
			Summary: "a desired state has an array of objects",
			Why: "A merge patch replaces an array as a whole, so that a change of one element must repeat all others, and two writers " +
				"overwrite each other. Objects with names can be patched one by one.",
			Bad:  messages(stateLine("desired", `{"rev":18,"id":"a","ts":1795346431,"state":{"zones":[{"name":"n","temp":4}]}}`)),
			Good: messages(stateLine("desired", `{"rev":18,"id":"a","ts":1795346431,"state":{"zones":{"n":{"temp":4}}}}`)),
			payload: func(p *payloadCheck) {
				for i := range p.members {
					if m := &p.members[i]; p.place.role == desired && m.index == 0 && m.value.IsObject() {
						p.found(p.templatePointer(m.parent), "%q is an array of objects", p.members[m.parent].key)
					}
				}
			},
		},
		{
			Code: "S008", Name: "action-in-desired", Severity: Warning, Profile: Guide,
			Summary: "a desired state asks for an action",
			Why: "A desired state holds until it is changed and is sent again at every reconnect: reboot: true reboots for ever, and " +
				"toggle never arrives. Actions are commands.",
			Bad:  messages(stateLine("desired", `{"rev":18,"id":"a","ts":1795346431,"state":{"reboot":true}}`)),
			Good: messages(stateLine("desired", goodDesired)),
			payload: func(p *payloadCheck) {
				for i := range p.members {
					if m := &p.members[i]; p.place.role == desired && payload.Action(m.key) {
						p.found(p.templatePointer(i), "%q is an action: send a command", m.key)
					}
				}
			},
		},
		{
			Code: "S010", Name: "reported-echo-only", Severity: Info, Profile: Guide,
			Summary: "a reported state is a copy of the desired one",
			Why: "A device that publishes its wishes back as facts hides every failure: the valve is reported open because it should " +
				"be. Report what was measured or applied.",
			Bad: messages(`{"time":"2026-11-22T11:20:31.000Z","topic":"acme/lyon/cr-001/desired","qos":1,"retain":true,"payload":`+goodDesired+`}`,
				`{"time":"2026-11-22T11:20:31.020Z","topic":"acme/lyon/cr-001/reported","qos":1,"retain":true,"payload":`+goodDesired+`}`),
			Good: messages(stateLine("desired", goodDesired),
				stateLine("reported", `{"ts":1795346432,"schema":"reported.v1","desired_rev":18,"state":{"interval_s":30}}`)),
			history: func(m *messageCheck) {
				base, ok := strings.CutSuffix(m.topic, "/"+string(reported))
				if !ok || m.place.role != reported || len(m.body) == 0 {
					return
				}
				h := m.l.memory.topics[base+"/"+string(desired)]
				if h != nil && h.messages > 0 && h.body == m.l.memory.hashOf(m.body) {
					m.found("", "byte for byte the desired state")
				}
			},
		},
		{
			Code: "S009", Name: "drift-old", Severity: Warning, Profile: Guide,
			Summary: "a device is online and does not follow its desired state",
			Why: "The desired state was published more than a quarter of an hour before the end of the window, the device is online, " +
				"and what it reports is an older rev. Either it cannot apply a setting and does not say so, or it does not listen.",
			Bad: messages(presenceLine("online", "31"),
				`{"time":"2026-11-22T11:20:31Z","topic":"acme/lyon/cr-001/desired","qos":1,"retain":true,"payload":`+goodDesired+`}`,
				`{"time":"2026-11-22T11:50:31Z","topic":"acme/lyon/cr-001/reported","qos":1,"retain":true,"payload":`+
					`{"ts":1795348231,"schema":"reported.v1","desired_rev":17,"state":{"interval_s":60}}}`),
			Good: messages(presenceLine("online", "31"),
				`{"time":"2026-11-22T11:20:31Z","topic":"acme/lyon/cr-001/desired","qos":1,"retain":true,"payload":`+goodDesired+`}`,
				`{"time":"2026-11-22T11:50:31Z","topic":"acme/lyon/cr-001/reported","qos":1,"retain":true,"payload":`+
					`{"ts":1795348231,"schema":"reported.v1","desired_rev":18,"state":{"interval_s":30}}}`),
			end: driftOld,
		},
	}
}

func driftOld(e *endCheck) {
	const limit = 15 // minutes
	for name, d := range e.l.memory.inOrder() {
		base, ok := strings.CutSuffix(name, "/"+string(desired))
		if !ok || d.kind != string(desired) || !d.hasRev {
			continue
		}
		r, s := e.l.memory.topics[base+"/"+string(reported)], e.l.memory.topics[base+"/"+string(status)]
		if r == nil || s == nil || s.status != "online" || !r.hasAck || r.ack >= d.rev {
			continue
		}
		if minutes := int(r.lastTime.Sub(d.lastTime).Minutes()); minutes > limit {
			e.subject = d.subject
			e.found("", "rev %d is desired for %d minutes, rev %d is reported", d.rev, minutes, r.ack)
		}
	}
}

// commandRules are about commands.
func commandRules() []Rule {
	return []Rule{
		{
			Code: "K001", Name: "cmd-no-id", Severity: Error, Profile: Guide,
			Summary: "a command has no id",
			Why: "QoS 1 may deliver a command twice. With an id the device carries it out once, and its answer says which command it " +
				"answers; without one the valve opens twice.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"payload":{"ts":1795346431,"name":"open"}}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"payload":{"id":"c1","ts":1795346431,"name":"open"}}`),
			payload: func(p *payloadCheck) {
				r := p.place.role
				if _, has := p.get("id"); !has && p.object() && (r == command || r == result || r == event) && p.place.require("id") {
					p.found("/id", `the payload has no "id"`)
				}
			},
		},
		{
			Code: "K002", Name: "cmd-no-expiry", Severity: Warning, Profile: Strict,
			Summary: "a command never expires",
			Why: "A command that waited in the queue of an offline device for a day is carried out when it comes back. Give it a " +
				`Message Expiry Interval (MQTT 5), or a member "expires".`,
			Bad:  messages(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"payload":{"id":"c1","ts":1795346431,"name":"open"}}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"payload":{"id":"c1","ts":1795346431,"expires":1795346491,"name":"open"}}`),
			message: func(m *messageCheck) {
				_, member := m.get("expires")
				if m.place.role == command && !member && !m.expires() && len(m.body) > 0 {
					m.found("", `neither a Message Expiry Interval nor "expires"`)
				}
			},
		},
		{
			Code: "K005", Name: "cmd-not-idempotent", Severity: Warning, Profile: Guide,
			Summary: "a command depends on the state before",
			Why: "A command that is delivered twice, or after another one, should lead to the same end: toggle and step do not. Say " +
				"what shall be (open, 40 %) and not what shall change.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"payload":{"id":"c1","ts":1795346431,"name":"toggle"}}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"payload":{"id":"c1","ts":1795346431,"name":"open"}}`),
			payload: func(p *payloadCheck) {
				for _, key := range []string{"name", "cmd", "command", "action"} {
					v, _ := p.get(key)
					switch word := strings.ToLower(v.Str); {
					case p.place.role != command:
					case word == "toggle", strings.HasPrefix(word, "toggle"), word == "increment", word == "decrement", word == "step":
						p.found("/"+key, "%q depends on the state before", v.Str)
					}
				}
			},
		},
	}
}
