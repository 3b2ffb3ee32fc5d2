package lint

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
)

// statusValue returns what a status message says: its text, or the member of a JSON object.
func (c *payloadCheck) statusValue() (string, bool) {
	if c.object() {
		for _, key := range []string{"status", "state", "value"} {
			if v, ok := c.get(key); ok && v.Type == gjson.String {
				return v.Str, true
			}
		}
		return "", false
	}
	return string(c.body), len(c.body) > 0
}

// statusRules are about who is online.
func statusRules() []Rule {
	return []Rule{
		{
			Code: "R003", Name: "status-not-retained", Severity: Error, Profile: Guide,
			Summary: "a status is not retained",
			Why: "Whoever subscribes later must learn who is online. A status that is not retained reaches only those who happened to " +
				"listen, and a dashboard shows every device as unknown after it was restarted.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/status","qos":1,"payload":"online"}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/status","qos":1,"retain":true,"payload":"online"}`),
			message: func(m *messageCheck) {
				if m.published && !m.message.Retain && m.place.role == status && m.place.rule.Retain == contract.RetainMust {
					m.found("", "published without the RETAIN flag: who comes later never sees it")
				}
			},
		},
		{
			Code: "R004", Name: "status-value", Severity: Error, Profile: Guide,
			Summary: "a status says neither online nor offline",
			Why: "Presence is read by programs: online and offline, or a JSON object with one of them as its status. 1, alive, ON or " +
				"Online are other words to every program.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/status","qos":1,"retain":true,"payload":"1","encoding":"utf8"}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/status","qos":1,"retain":true,"payload":"online"}`),
			payload: func(p *payloadCheck) {
				allowed := p.place.rule.Values
				if p.place.role != status || len(allowed) == 0 || len(p.body) == 0 {
					return
				}
				if value, ok := p.statusValue(); !ok || !slices.Contains(allowed, value) {
					p.found("", "the status is %s, where %s is expected", excerpt(p.body), strings.Join(allowed, " or "))
				}
			},
		},
		{
			Code: "R010", Name: "birth-will-retain-mismatch", Severity: Error, Profile: Guide,
			Summary: "online and offline have different RETAIN flags",
			Why: "When only online is retained, a device that died stays online for whoever subscribes later. When only the Will is " +
				"retained, a device that is back stays offline. Both must have the flag.",
			Bad: messages(`{"topic":"acme/lyon/cr-001/status","qos":1,"retain":true,"payload":"online"}`,
				`{"topic":"acme/lyon/cr-001/status","qos":1,"payload":"offline"}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/status","qos":1,"retain":true,"payload":"online"}`,
				`{"topic":"acme/lyon/cr-001/status","qos":1,"retain":true,"payload":"offline"}`),
			history: func(m *messageCheck) {
				value, ok := m.statusValue()
				if m.place.role != status || !ok || !m.published {
					return
				}
				h := m.history
				if strings.EqualFold(value, "offline") {
					h.offlineRetain.see(m.message.Retain)
				} else {
					h.onlineRetain.see(m.message.Retain)
				}
				on, off := h.onlineRetain, h.offlineRetain
				if on.set && !on.clear && off.clear || off.set && !off.clear && on.clear {
					m.found("", "online and offline are published with different RETAIN flags")
				}
			},
		},
		{
			Code: "R011", Name: "status-without-session", Severity: Info, Profile: Strict,
			Summary: "a status does not say of which session it is",
			Why: "When a device reconnects before the Server notices that the old connection is dead, the old Will comes after the new " +
				`online, and the device stays offline. With a session id in both ({"status":"online","session":"b-7f31"}) the late one ` +
				"is known as such.",
			Bad:  messages(`{"topic":"acme/lyon/cr-001/status","qos":1,"retain":true,"payload":"online"}`),
			Good: messages(`{"topic":"acme/lyon/cr-001/status","qos":1,"retain":true,"payload":{"status":"online","session":"b-7f31"}}`),
			message: func(m *messageCheck) {
				_, session := m.get("session")
				_, boot := m.get("boot")
				inProperty := m.message.Properties != nil && len(m.message.Properties.UserProperties) > 0
				if m.place.role == status && !session && !boot && !inProperty && len(m.body) > 0 {
					m.found("", "no session id: a late Will cannot be told from a new one")
				}
			},
		},
		{
			Code: "R012", Name: "online-but-silent", Severity: Warning, Profile: Guide,
			Summary: "a device is online and says nothing",
			Why: "The retained status says online, others of the same site published during the window and this device did not. Either " +
				"its Will is not retained and it is long gone, or its program hangs while the connection lives.",
			Bad: messages(presenceLine("online", "31"),
				`{"time":"2026-11-22T11:20:40Z","topic":"acme/lyon/cr-002/telemetry/temp","payload":`+goodPayload+`}`,
				`{"time":"2026-11-22T11:40:31Z","topic":"acme/lyon/cr-002/telemetry/temp","payload":`+goodPayload+`}`),
			Good: messages(presenceLine("online", "31"),
				`{"time":"2026-11-22T11:20:40Z","topic":"acme/lyon/cr-001/telemetry/temp","payload":`+goodPayload+`}`),
			end: onlineButSilent,
		},
	}
}

// onlineButSilent compares the devices that say they are online with those that said anything else.
func onlineButSilent(e *endCheck) {
	const base = "/"
	talking := map[string]bool{}
	var last int64
	anybody := false
	for name, h := range e.l.memory.topics {
		if h.kind != string(telemetry) || h.liveCount == 0 && h.retained {
			continue
		}
		anybody = true
		last = max(last, h.lastTime.Unix())
		if device, _, ok := strings.Cut(name, base+string(telemetry)+base); ok {
			talking[device] = true
		}
	}
	if !anybody {
		return
	}
	const window = 10 * 60 // seconds: shorter ones say nothing about slow devices
	for name, h := range e.l.memory.inOrder() {
		device, ok := strings.CutSuffix(name, base+string(status))
		if h.kind != string(status) || !ok || h.status != "online" || talking[device] || last-h.lastTime.Unix() < window {
			continue
		}
		e.subject = h.subject
		e.found("", "online, and no telemetry for %d minutes", (last-h.lastTime.Unix())/60)
	}
}
