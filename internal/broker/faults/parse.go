package faults

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// maxSpec bounds a spec in bytes, maxRules the rules in it.
	maxSpec  = 64 << 10
	maxRules = 1000
	// maxDuration bounds what by, jitter and for may say.
	maxDuration = time.Hour
)

// ParseError says what is wrong with a rule.
type ParseError struct {
	Rule int    // counted from 1
	Text string // the word that is wrong
	Msg  string
}

// Error returns for example `fault rule 2: "by=fast": not a duration`.
func (e *ParseError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("fault rule %d: %s", e.Rule, e.Msg)
	}

	return fmt.Sprintf("fault rule %d: %.60q: %s", e.Rule, e.Text, e.Msg)
}

// Parse reads rules, which are separated by semicolons or line ends. A line that begins with # is left out. No rules make
// a plan in which nothing goes wrong. The error is a [*ParseError].
func Parse(spec string, seed uint64) (*Plan, error) {
	if len(spec) > maxSpec {
		return nil, &ParseError{Rule: 1, Msg: fmt.Sprintf("the rules have %d bytes, the most is %d", len(spec), maxSpec)}
	}
	p := &Plan{spec: spec, seed: seed}
	for line := range strings.SplitSeq(spec, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for text := range strings.SplitSeq(line, ";") {
			words := strings.Fields(text)
			if len(words) == 0 {
				continue
			}
			n := len(p.rules) + 1
			if n > maxRules {
				return nil, &ParseError{Rule: n, Msg: fmt.Sprintf("there are more than %d rules", maxRules)}
			}
			r, err := parseRule(n, words)
			if err != nil {
				return nil, err
			}
			p.rules = append(p.rules, &planned{Rule: r, struck: make(map[string]*record)})
		}
	}

	return p, nil
}

func parseRule(n int, words []string) (Rule, error) {
	r := Rule{Action: Action(strings.ToLower(words[0])), Probability: 1}
	if !slices.Contains(actions(), r.Action) {
		return r, &ParseError{n, words[0], "no such fault; there are " + joined(actions())}
	}
	words = words[1:]
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		for name := range strings.SplitSeq(words[0], ",") {
			t, ok := packetType(name)
			if !ok {
				return r, &ParseError{n, name, "no such packet"}
			}
			r.Packets = append(r.Packets, t)
		}
		words = words[1:]
	}
	seen := make(map[string]bool)
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		switch {
		case !ok || value == "":
			return r, &ParseError{n, word, "KEY=VALUE is expected"}
		case seen[key]:
			return r, &ParseError{n, word, "it is given twice"}
		case !slices.Contains(keys(r.Action), key):
			return r, &ParseError{n, word, fmt.Sprintf("%s takes %s", r.Action, joined(keys(r.Action)))}
		}
		seen[key] = true
		if msg := r.set(key, value); msg != "" {
			return r, &ParseError{n, word, msg}
		}
	}
	if msg := r.incomplete(seen); msg != "" {
		return r, &ParseError{Rule: n, Msg: msg}
	}

	return r, nil
}

// actions are all actions in the order of the documentation.
func actions() []Action {
	return []Action{Delay, Drop, Duplicate, Disconnect, Refuse, Truncate, Blackhole, Bandwidth}
}

// keys are what can be said about an action.
func keys(a Action) []string {
	common := []string{"client", "topic", "p", "every", "after", "count"}
	switch a {
	case Delay:
		return append(common, "by", "jitter", "then")
	case Drop, Duplicate:
		return append(common, "by", "then")
	case Disconnect:
		return append(common, "by")
	case Refuse:
		return append(common, "code")
	case Blackhole:
		return append(common, "for")
	case Bandwidth:
		return []string{"client", "rate"}
	default:
		return common
	}
}

// set takes one key, and returns what is wrong with its value.
func (r *Rule) set(key, value string) (msg string) {
	switch key {
	case "client":
		r.Client = value
	case "topic":
		return setTopic(&r.Topic, value)
	case "p":
		return setProbability(&r.Probability, value)
	case "every":
		return setNumber(&r.Every, value)
	case "after":
		return setNumber(&r.After, value)
	case "count":
		return setNumber(&r.Count, value)
	case "by":
		return setDuration(&r.By, value)
	case "jitter":
		return setDuration(&r.Jitter, value)
	case "for":
		return setDuration(&r.For, value)
	case "code":
		return setCode(&r.Code, value)
	case "rate":
		return setRate(&r.Rate, value)
	default: // then
		if value != "disconnect" {
			return "then can only be disconnect"
		}
		r.Then = true
	}

	return ""
}

func setTopic(f *topic.Filter, value string) string {
	parsed, err := topic.ParseFilter(value)
	switch {
	case err != nil:
		return err.Error()
	case parsed.IsShared():
		return "a shared filter matches no topic"
	}
	*f = parsed

	return ""
}

func setProbability(p *float64, value string) string {
	text, percent := strings.CutSuffix(value, "%")
	n, err := strconv.ParseFloat(text, 64)
	if percent {
		n /= 100
	}
	if err != nil || math.IsNaN(n) || n < 0 || n > 1 {
		return "not a probability from 0 to 1 or from 0% to 100%"
	}
	*p = n

	return ""
}

func setNumber(n *int, value string) string {
	parsed, err := strconv.ParseUint(value, 10, 31)
	if err != nil || parsed == 0 {
		return "not a whole number above 0"
	}
	*n = int(parsed)

	return ""
}

func setDuration(d *time.Duration, value string) string {
	parsed, err := time.ParseDuration(value)
	if err != nil || parsed < 0 || parsed > maxDuration {
		return "not a duration up to " + maxDuration.String() + ", such as 200ms"
	}
	*d = parsed

	return ""
}

func setCode(c *wire.ReasonCode, value string) string {
	n, err := strconv.ParseUint(value, 0, 8)
	if err != nil || !wire.ReasonCode(n).IsError() {
		return "not a Reason Code from 0x80 to 0xFF"
	}
	*c = wire.ReasonCode(n)

	return ""
}

func setRate(rate *int64, value string) string {
	text, factor := strings.ToUpper(strings.TrimSuffix(value, "/s")), int64(1)
	text = strings.TrimSuffix(text, "B")
	switch {
	case strings.HasSuffix(text, "K"):
		text, factor = text[:len(text)-1], 1000
	case strings.HasSuffix(text, "M"):
		text, factor = text[:len(text)-1], 1_000_000
	}
	n, err := strconv.ParseInt(text, 10, 40)
	if err != nil || n <= 0 {
		return "not a rate such as 500, 10KB or 1MB, in bytes a second"
	}
	*rate = n * factor

	return ""
}

// incomplete returns what the rule lacks, or what does not go together.
func (r *Rule) incomplete(seen map[string]bool) string {
	switch {
	case r.Action == Delay && !seen["by"]:
		return "delay wants by=DURATION"
	case r.Action == Bandwidth && !seen["rate"]:
		return "bandwidth wants rate=BYTES"
	case r.Action == Bandwidth && len(r.Packets) > 0:
		return "bandwidth is for all packets"
	case r.Action == Duplicate && len(r.Packets) > 0 && !slices.Equal(r.Packets, []wire.Type{wire.PUBLISH}):
		return "only publish can be duplicated"
	case r.Action == Refuse:
		return r.unrefusable(seen)
	default:
		return ""
	}
}

// unrefusable returns why there is no such refusal.
func (r *Rule) unrefusable(seen map[string]bool) string {
	if len(r.Packets) != 1 {
		return "refuse wants one of connect, subscribe and publish"
	}
	answer := map[wire.Type]wire.Type{wire.CONNECT: wire.CONNACK, wire.SUBSCRIBE: wire.SUBACK, wire.PUBLISH: wire.PUBACK}[r.Packets[0]]
	switch {
	case answer == 0:
		return "only connect, subscribe and publish can be refused"
	case !seen["code"]:
		r.Code = wire.NotAuthorized
	case !r.Code.ValidIn(answer):
		return fmt.Sprintf("%s has no Reason Code 0x%02X", answer, byte(r.Code))
	}
	if r.Packets[0] == wire.CONNECT && r.Topic.String() != "" {
		return "connect has no topic"
	}

	return ""
}

// packetType finds a packet by its name in any case.
func packetType(name string) (wire.Type, bool) {
	for t := wire.CONNECT; t <= wire.AUTH; t++ {
		if strings.EqualFold(t.String(), name) {
			return t, true
		}
	}

	return 0, false
}

func joined[T ~string](words []T) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" and ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}

	return b.String()
}
