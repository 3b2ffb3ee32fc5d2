package lint

import (
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/wire"
)

// retainRules are about the RETAIN flag and the QoS.
func retainRules() []Rule {
	return []Rule{
		{
			Code: "R001", Name: "telemetry-retained", Severity: Warning, Profile: Guide, FixClass: LiveFix,
			Summary: "telemetry is retained",
			Why: "The last value is sent to every new subscriber, however old it is: a sensor that died last month still shows 21.7. " +
				"Publish telemetry without the flag. Where the last value is of use to who comes late, the contract says retain: last.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/telemetry/temp","retain":true,"payload":` + goodPayload + `}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/telemetry/temp","payload":` + goodPayload + `}`),
			message: func(m *messageCheck) {
				if m.message.Retain && len(m.body) > 0 && m.place.role == telemetry && m.place.rule.Retain == contract.RetainNever {
					m.foundWith("publish without the flag; then: "+clearCommand(m.filter()), "",
						"the last value is sent to every new subscriber").live()
				}
			},
		},
		{
			Code: "R019", Name: "event-retained", Severity: Error, Profile: Guide, FixClass: LiveFix,
			Summary: "an event is retained",
			Why: "An event happened once. Retained, it happens again for each subscriber that connects: the door opens in every " +
				"dashboard that is reloaded.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/events/door-open","qos":1,"retain":true,"payload":{"id":"e7","ts":1795346431}}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/events/door-open","qos":1,"payload":{"id":"e7","ts":1795346431}}`),
			message: func(m *messageCheck) {
				if m.message.Retain && len(m.body) > 0 && (m.place.role == event || m.place.role == result) &&
					m.place.rule.Retain == contract.RetainNever {
					m.foundWith(clearCommand(m.filter()), "", "it happens again for each new subscriber").live()
				}
			},
		},
		{
			Code: "R005", Name: "cmd-retained", Severity: Error, Profile: Guide, FixClass: LiveFix,
			Summary: "a command is retained",
			Why: "A retained command is carried out at every reconnect of the device: it reboots for ever, or opens the valve again " +
				"after each loss of the network. What shall hold from now on is a desired state and not a command.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"retain":true,"payload":{"id":"c1","ts":1795346431,"name":"reboot"}}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"payload":{"id":"c1","ts":1795346431,"name":"reboot"}}`),
			message: func(m *messageCheck) {
				if m.message.Retain && len(m.body) > 0 && m.place.role == command && m.place.rule.Retain == contract.RetainNever {
					m.foundWith(clearCommand(m.filter()), "", "it is carried out again at every reconnect").live()
				}
			},
		},
		{
			Code: "R007", Name: "state-not-retained", Severity: Error, Profile: Guide,
			Summary: "desired or reported state is not retained",
			Why: "A device that is offline when its desired state is published never learns of it, and a service that starts later " +
				"sees no reported state. State is retained; only then is the last one always there.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/desired","qos":1,"payload":{"rev":18,"id":"a","ts":1795346431,"state":{"interval_s":30}}}`),
			Good: messages(stateLine("desired", `{"rev":18,"id":"a","ts":1795346431,"state":{"interval_s":30}}`)),
			message: func(m *messageCheck) {
				if m.published && !m.message.Retain && m.place.rule.Retain == contract.RetainMust && m.place.role != status {
					m.found("", "published without the RETAIN flag: who comes later never sees it")
				}
			},
		},
		{
			Code: "R002", Name: "telemetry-qos", Severity: Info, Profile: Guide,
			Summary: "telemetry has a higher QoS than was agreed on",
			Why: "The next value replaces this one in seconds. QoS 1 doubles the packets, and a slow subscriber's queue then fills " +
				"with values that nobody needs any more.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/telemetry/temp","qos":1,"payload":` + goodPayload + `}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/telemetry/temp","qos":0,"payload":` + goodPayload + `}`),
			message: func(m *messageCheck) {
				if want := m.place.rule.QoS; m.place.role == telemetry && want >= 0 && m.message.QoS > byte(want) && m.message.QoS < 2 {
					m.found("", "QoS %d, and %d was agreed on", m.message.QoS, want)
				}
			},
		},
		{
			Code: "R006", Name: "cmd-qos", Severity: Warning, Profile: Guide,
			Summary: "a command or a state has too low a QoS",
			Why: "At QoS 0 a message that is lost on the way is lost for good, and the sender is never told. Commands, states and " +
				"events are sent once: they need QoS 1.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/cmd","qos":0,"payload":{"id":"c1","ts":1795346431,"name":"open"}}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"payload":{"id":"c1","ts":1795346431,"name":"open"}}`),
			message: func(m *messageCheck) {
				if want := m.place.rule.QoS; m.published && m.place.role != telemetry && want > 0 && m.message.QoS < byte(want) {
					m.found("", "QoS %d, and %d was agreed on", m.message.QoS, want)
				}
			},
		},
		{
			Code: "R020", Name: "qos-2", Severity: Info, Profile: Guide,
			Summary: "QoS 2 without need",
			Why: "QoS 2 takes four packets and a state on both sides, AWS IoT and NATS before 2.10 do not have it, and it ends at the " +
				"Server: a consumer that crashes still sees a message twice. QoS 1 and an id in the payload do the same for less.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/cmd","qos":2,"payload":{"id":"c1","ts":1795346431,"name":"open"}}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/cmd","qos":1,"payload":{"id":"c1","ts":1795346431,"name":"open"}}`),
			message: func(m *messageCheck) {
				if m.message.QoS == 2 && m.place.rule.QoS != 2 {
					m.found("", "QoS 2: QoS 1 and an id in the payload are enough")
				}
				if m.message.QoS > m.l.limits.maxQoS {
					m.foundAs(Error, "target", "%s has no QoS %d", m.l.limits.target, m.message.QoS)
				}
			},
		},
		{
			Code: "R008", Name: "retained-stale", Severity: Warning, Profile: Guide, FixClass: LiveFix,
			Summary: "a retained message is old",
			Why: "The Server keeps a retained message until somebody clears it. One whose timestamp is more than a week old (the " +
				"contract may set another limit) is most likely from a device or a name that is gone.",
			Bad: messages(`{"time":"2026-11-22T11:20:31Z","topic":"acme/lyon/cr-001/reported","qos":1,"retain":true,` +
				`"payload":{"ts":"2026-10-01T00:00:00Z","schema":"reported.v1","state":{"interval_s":30}}}`),
			Good: messages(`{"time":"2026-11-22T11:20:31Z","topic":"acme/lyon/cr-001/reported","qos":1,"retain":true,` +
				`"payload":{"ts":"2026-11-22T00:00:00Z","schema":"reported.v1","state":{"interval_s":30}}}`),
			message: func(m *messageCheck) {
				ts, ok := m.timestamp()
				// What a device wants to be stays wanted, however long ago it was said.
				if !ok || !m.message.Retain || m.message.Time.IsZero() || m.place.role == desired || !m.first {
					return
				}
				if age := m.now.Sub(ts); age > m.l.staleAfter() {
					m.foundWith(clearCommand(m.topic), "", "it is %d days old", int(age.Hours()/24)).live()
				}
			},
		},
		{
			Code: "R009", Name: "retained-orphan", Severity: Warning, Profile: Guide, FixClass: LiveFix,
			Summary: "a retained message is that of an unknown device",
			Why: "The device is not in the inventory: it was removed, renamed, or never belonged to it. Its retained messages stay for " +
				"ever and make it look alive to whoever subscribes.",
			Bad: withContract(messages(presenceLine("online", "31")),
				"roots: {prod: acme}\ndevices: {inventory: devices.csv}\n"),
			Good: messages(presenceLine("online", "31")),
			message: func(m *messageCheck) {
				for _, u := range m.place.unknown {
					if u.Variable == "device" && m.message.Retain && len(m.body) > 0 {
						m.foundWith(clearCommand(m.topic), "", "the device %q is not in the contract", u.Value).live()
					}
				}
			},
		},
		{
			Code: "R018", Name: "retained-no-expiry", Severity: Info, Profile: Strict,
			Summary: "a retained message never expires",
			Why: "With a Message Expiry Interval (MQTT 5) the Server itself throws a state away that nobody renewed. Without one " +
				"somebody has to.",
			Bad: messages(stateLine("reported", `{"ts":1795346431,"schema":"reported.v1","state":{}}`)),
			Good: messages(`{"topic":"acme/lyon/cr-001/reported","qos":1,"retain":true,"properties":{"message_expiry_interval":86400},` +
				`"payload":{"ts":1795346431,"schema":"reported.v1","state":{}}}`),
			message: func(m *messageCheck) {
				if m.message.Retain && m.place.role == reported && !m.expires() {
					m.found("", "no Message Expiry Interval")
				}
			},
		},
		{
			Code: "P022", Name: "empty-payload", Severity: Warning, Profile: Guide,
			Summary: "a payload is empty",
			Why: "An empty retained message clears what was retained. Without the flag it clears nothing, and every subscriber gets " +
				"a message that says nothing: the half of a clear, or a program that sent before it had a value.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/reported","qos":1,"payload":""}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/reported","qos":1,"retain":true,"payload":""}`),
			message: func(m *messageCheck) {
				if len(m.body) == 0 && !m.message.Retain && m.published && m.place.role != contract.Other {
					m.found("", "an empty message without the RETAIN flag clears nothing")
				}
			},
		},
	}
}

// staleAfter is how old a retained message may be.
func (l *Linter) staleAfter() time.Duration {
	if c := l.convention.Contract; c != nil && c.Limits.StaleAfter > 0 {
		return c.Limits.StaleAfter
	}
	return 7 * 24 * time.Hour
}

// expires reports whether the message has a Message Expiry Interval.
func (c *messageCheck) expires() bool {
	return c.message.Properties.Has(wire.PropMessageExpiryInterval)
}

// filter is the Topic Filter of all topics like that of the message.
func (c *messageCheck) filter() string {
	levels := slices.Clone(c.l.levels)
	for i := range levels {
		if i == c.place.siteAt || i == c.place.deviceAt {
			levels[i] = "+"
		}
	}
	return strings.Join(levels, "/")
}
