package lint

import (
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/topic"
)

// subscriptionRules are about the options that go with a Topic Filter, where a program or a bridge says them.
func subscriptionRules() []Rule {
	return []Rule{
		{
			Code: "F007", Name: "share-no-local", Severity: Error, Profile: Minimal,
			Summary: "a Shared Subscription with No Local",
			Why: "No Local on a Shared Subscription is a Protocol Error [MQTT-3.8.3-4]: the Server closes the connection. It could not " +
				"mean anything, because it is not known which of the consumers published the message.",
			Bad:    source(`client.subscribe("$share/workers/acme/+/+/events/+", { qos: 1, nl: true })`),
			Good:   source(`client.subscribe("$share/workers/acme/+/+/events/+", { qos: 1, nl: false })`),
			source: shareNoLocal,
		},
		{
			Code: "F012", Name: "qos-downgrade", Severity: Info, Profile: Guide,
			Summary: "commands are subscribed to with QoS 0",
			Why: "A message is delivered with the lower one of its own QoS and that of the subscription. With QoS 0 a command that was " +
				"published with QoS 1 is lost when the connection drops, and none waits for a device that is away. In a bridge the topic " +
				"line says it, and QoS 0 is what it says when nothing is written.",
			Bad:    conf(bridgeHead + "topic acme/+/+/cmd in\n"),
			Good:   conf(bridgeHead + "topic acme/+/+/cmd in 1\n"),
			source: subscribeQoS0,
			conf:   bridgeQoS0,
		},
	}
}

// flat is a line of a program without spaces and quotes around names, in lower case: "noLocal": True is nolocal:true.
func (s *sourceCheck) flat() string {
	if s.flatText == "" {
		s.flatText = strings.NewReplacer(" ", "", "\t", "", `"`, "", "'", "", "_", "").Replace(strings.ToLower(s.text))
	}
	return s.flatText
}

// containsAny reports whether one of the marks is in a text.
func containsAny(text string, marks ...string) bool {
	return slices.ContainsFunc(marks, func(m string) bool { return strings.Contains(text, m) })
}

func shareNoLocal(s *sourceCheck) {
	if !strings.Contains(s.text, "$share/") {
		return
	}
	// MQTT.js, paho for Go, Python, Java and C, and the mqx command line.
	if containsAny(s.flat(), "nl:true", "nolocal:true", "nolocal=true", "nolocal(true)", "no-local", "nolocal=1") {
		s.found("", "No Local on a Shared Subscription: the Server closes the connection")
	}
}

// subscribeQoS0 looks for a call that says QoS 0 in so many words. What a library does without a word is not known here.
func subscribeQoS0(s *sourceCheck) {
	if !strings.Contains(s.flat(), "subscribe") {
		return
	}
	for _, end := range []string{`/cmd"`, `/cmd'`, "/cmd`"} {
		_, rest, ok := strings.Cut(s.text, end)
		rest = strings.ReplaceAll(strings.ToLower(rest), " ", "")
		if !ok {
			continue
		}
		if containsAny(rest, "qos=0", "qos:0") || strings.HasPrefix(rest, ",0)") || strings.HasPrefix(rest, ",0,") {
			s.found("", "commands at QoS 0: one that comes while the connection drops is lost")
			return
		}
	}
}

func bridgeQoS0(c *confCheck) {
	for _, b := range c.bridges {
		for _, line := range b.topics {
			words := strings.Fields(line.value)
			if len(words) > 2 && words[2] != "0" {
				continue
			}
			for _, d := range directions(line, b.line.value) {
				if c.carriesCommands(d.from) || c.carriesCommands(d.to) {
					c.at(line)
					c.found("", "the bridge %s carries commands at QoS 0: write the direction and 1 behind the topic", b.line.value)
					break
				}
			}
		}
	}
}

// carriesCommands reports whether a filter matches topics of commands.
func (c *confCheck) carriesCommands(f topic.Filter) bool {
	of := c.l.convention.Contract
	if of == nil {
		return false
	}
	for k := range of.ByRole(command) {
		for own := range kindFilters(of, k) {
			if topic.Overlap(own, f) {
				return true
			}
		}
	}
	return false
}
