package lint

import (
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
)

// trafficRules are about how often messages come, and which way they went.
func trafficRules() []Rule {
	fast := make([]string, 25)
	for i := range fast {
		fast[i] = strings.Replace(reading("21.7", "31"), `:31Z","topic"`, `:31.`+string(rune('0'+i/10))+string(rune('0'+i%10))+`Z","topic"`, 1)
	}
	return []Rule{
		{
			Code: "R014", Name: "rate-over-budget", Severity: Warning, Profile: Guide,
			Summary: "a device publishes more than was agreed on",
			Why: "limits: rate in the contract file says how many messages a second a device may publish. Networks, Servers and bills are " +
				"made for that: a device in a tight loop takes the room of all others. Short bursts are fine: what counts is ten seconds.",
			Bad:     withContract(messages(fast...), "root: acme\nlimits: {rate: 2}\n"),
			Good:    withContract(messages(reading("21.7", "31"), reading("21.8", "32")), "root: acme\nlimits: {rate: 2}\n"),
			message: rateOverBudget,
		},
		{
			Code: "R016", Name: "loop", Severity: Error, Profile: Basic,
			Summary: "a message goes round and round",
			Why: "Two bridges, or a program that publishes what it receives, send a message back to where it came from. It never ends: " +
				"the traffic grows until something breaks. Told by one payload, with its own timestamp or id, that comes to a topic ten " +
				"times within a minute, or by a topic to which a bridge has added its prefix three times.",
			Bad:  topicsOfLoop("far/far/far/acme/lyon/cr-001/status"),
			Good: topicsOfLoop("acme/lyon/cr-001/status"),
			message: func(m *messageCheck) {
				switch {
				case !m.live:
				case m.first && repeatedPrefix(m.l.levels):
					m.found("", "%q is there three times: a bridge adds its prefix in each round", m.l.levels[0])
				case m.echoed():
					m.found("", "the same message comes again and again: %d times within a minute", loopAfter)
				}
			},
		},
		{
			Code: "R017", Name: "will-delay", Severity: Info, Profile: Guide,
			Summary: "a short reconnect shows as offline",
			Why: "The device was offline for a few seconds only: it lost its connection and came back, and everybody saw it die. With a " +
				"Will Delay Interval and a Session Expiry Interval (MQTT 5) the Server keeps the Will back for so long, and throws it away " +
				"when the device is back in time.",
			Bad:  messages(presenceLine("online", "31"), presenceLine("offline", "40"), presenceLine("online", "42")),
			Good: messages(presenceLine("online", "31"), presenceLine("offline", "40")),
			history: func(m *messageCheck) {
				value, ok := m.statusValue()
				if m.place.role != status || !ok {
					return
				}
				if strings.EqualFold(value, "offline") {
					m.history.wentOffline = m.now
					return
				}
				const short = 10 * time.Second
				if away := m.now.Sub(m.history.wentOffline); !m.history.wentOffline.IsZero() && away < short {
					m.found("", "online again %s after offline: a Will Delay Interval hides that", away.Round(time.Millisecond))
				}
				m.history.wentOffline = time.Time{}
			},
		},
	}
}

func topicsOfLoop(name string) Example {
	return under(messages(`{"topic":"`+name+`","qos":1,"retain":false,"payload":"online"}`), "none")
}

// rateWindow counts the messages of a device in ten seconds.
type rateWindow struct {
	start int64 // Unix time in seconds
	count int
}

func rateOverBudget(m *messageCheck) {
	c := m.l.convention.Contract
	if c == nil || c.Limits.Rate <= 0 || !m.live {
		return
	}
	const window = 10 // seconds
	who := m.topic
	if m.place.deviceAt >= 0 {
		who = firstLevels(who, m.place.deviceAt+1)
	}
	key := m.l.memory.hashOf([]byte(who))
	w, known := m.l.memory.rates[key]
	if !known && len(m.l.memory.rates) >= maxDevices {
		return
	}
	if now := m.now.Unix(); !known || now-w.start >= window || now < w.start {
		w = rateWindow{start: now}
	}
	w.count++
	m.l.memory.rates[key] = w
	if w.count == int(c.Limits.Rate*window)+1 {
		m.shape = m.shape.up(m.place.deviceAt + 1)
		m.found("rate", "more than %g messages a second in %d seconds", c.Limits.Rate, window)
	}
}

// firstLevels returns the first n levels of a topic.
func firstLevels(name string, n int) string {
	for i := range len(name) {
		if name[i] == '/' {
			if n--; n == 0 {
				return name[:i]
			}
		}
	}
	return name
}

const (
	// loopAfter is how often a message comes within a minute before it counts as one that goes round.
	loopAfter = 10
	// maxEchoes bounds the payloads that are compared with those before. They push each other out.
	maxEchoes = 4096
)

// echo is a payload that came to a topic.
type echo struct {
	hash  uint64 // of both
	since int64  // Unix time in seconds
	count int
}

// echoed reports whether a message came to the same topic for the tenth time. Only what has a timestamp or an id of its own
// is known to be one message and not many that are equal.
func (c *messageCheck) echoed() bool {
	if !c.unique() || c.message.Dup {
		return false
	}
	m := &c.l.memory
	if m.echoes == nil {
		m.echoes = make([]echo, maxEchoes)
	}
	hash := m.hashOf(c.body) ^ m.hashOf([]byte(c.topic))*31
	e := &m.echoes[hash%maxEchoes]
	if now := c.now.Unix(); e.hash != hash || now-e.since >= 60 {
		*e = echo{hash: hash, since: now}
	}
	e.count++
	return e.count == loopAfter
}

// repeatedPrefix reports whether a topic begins with the same level, or the same two, three times: a prefix that was added
// again and again.
func repeatedPrefix(levels []string) bool {
	for n := 1; n <= 2; n++ {
		if len(levels) > 3*n && isWord(levels[0]) && equalLevels(levels[:n], levels[n:2*n]) && equalLevels(levels[:n], levels[2*n:3*n]) {
			return true
		}
	}
	return false
}

func equalLevels(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// isWord tells names from numbers and single letters.
func isWord(level string) bool { return len(level) > 1 && strings.Trim(level, "0123456789.-") != "" }

// expiryRules are about what a Server does to state.
func expiryRules() []Rule {
	return []Rule{
		{
			Code: "B005", Name: "expiry-eats-state", Severity: Error, Profile: Guide,
			Summary: "the Server throws state away after a while",
			Why: "A retained desired state or status came with a Message Expiry Interval. Some Servers put one on every retained message " +
				"(mochi does, with 24 hours, also for publishers that speak MQTT 3.1.1): after that time devices find no desired state, " +
				"and nobody is known to be online. Raise the Server's maximum, or publish without an interval. What expires later than the " +
				"contract's stale_after (a week) is fine, and so is a reported state, which its device says again.",
			Bad: messages(`{"topic":"acme/lyon/cr-001/desired","qos":1,"retain":true,"payload":` + goodDesired +
				`,"properties":{"message_expiry_interval":86398}}`),
			Good: messages(stateLine("desired", goodDesired)),
			message: func(m *messageCheck) {
				if !m.message.Retain || !m.expires() || m.place.role != desired && m.place.role != status ||
					m.place.rule.Retain != contract.RetainMust {
					return
				}
				left := time.Duration(m.message.Properties.MessageExpiryInterval) * time.Second
				if left < m.l.staleAfter() {
					m.found("", "the state is thrown away %s from now", left)
				}
			},
		},
	}
}
