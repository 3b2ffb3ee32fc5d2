package access

import (
	"errors"
	"fmt"

	"github.com/mqx-cli/mqx/internal/topic"
)

// Expectation is a unit test of an access list: what somebody may do with a topic.
type Expectation struct {
	// User is empty for an anonymous client.
	User   string `yaml:"user"`
	Client string `yaml:"client"`
	// One of these is given: the topic that is published to, or of which messages are received. Subscribe is Read.
	Publish   string `yaml:"publish"`
	Read      string `yaml:"read"`
	Subscribe string `yaml:"subscribe"`
	// Expect is allow or deny.
	Expect string `yaml:"expect"`
}

// Outcome is how a test ended.
type Outcome struct {
	Held bool
	Text string // one line
}

// Test checks an expectation. An error says that it is no sensible one.
func (p *Policy) Test(x *Expectation) (Outcome, error) {
	action, word, name := Write, "publish", x.Publish
	given := 0
	for _, t := range []struct {
		action     Action
		word, name string
	}{{Write, "publish", x.Publish}, {Read, "read", x.Read}, {Read, "subscribe", x.Subscribe}} {
		if t.name != "" {
			action, word, name = t.action, t.word, t.name
			given++
		}
	}
	if given != 1 {
		return Outcome{}, errors.New("one of publish, read and subscribe is expected")
	}
	if _, err := topic.ParseName(name); err != nil {
		return Outcome{}, err
	}
	if x.Expect != "allow" && x.Expect != "deny" {
		return Outcome{}, fmt.Errorf("expect: allow or deny, not %q", x.Expect)
	}
	id := Identity{User: x.User, Anonymous: x.User == "", Client: x.Client}
	allowed, rule := p.Decide(id, action, name)
	got := "deny"
	if allowed {
		got = "allow"
	}
	who := x.User
	if who == "" {
		who = "anonymous"
	}
	text := fmt.Sprintf("%s %s %s: %s", who, word, name, got)
	if got != x.Expect {
		text += ", expected " + x.Expect
	}
	if rule != nil {
		text += fmt.Sprintf(" (line %d: %s)", rule.Line, rule.Text)
	} else {
		text += " (no rule matches)"
	}
	return Outcome{Held: got == x.Expect, Text: text}, nil
}
