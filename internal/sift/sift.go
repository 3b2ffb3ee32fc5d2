// Package sift picks messages of a stream and says more about them: by an expression ([Where]), by what is new on a topic,
// by ids that were seen, by time; and with the variables of their topics.
//
// Start with [New] and call [Sieve.Sift] for each message. Memory is bounded: where a Sieve has to remember, it forgets the
// oldest beyond half a million of topics or ids, and says so. The package does no I/O and has no clock.
package sift

import (
	"fmt"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topic"
)

// Options say what passes. The zero Options let everything pass.
type Options struct {
	// Capture, when set, gives the variables of topics. A topic of another shape has none.
	Capture *topic.Template
	// Where, when set, must hold.
	Where *Where
	// Dedupe is the gjson path of an id in the payload: a message with an id that was seen on the same topic does not pass.
	// One without an id does.
	Dedupe string
	// Every lets one message of a topic pass in so much time. 0 is no limit.
	Every time.Duration
	// Changes lets a message pass only if its payload differs from the last that has passed on its topic.
	Changes bool
	// Remember is how many topics or ids are remembered at least; 0 is 500,000.
	Remember int
}

// Sieve sifts messages. It is not safe for concurrent use.
type Sieve struct {
	options Options
	keys    keyer
	shown   *recent[last] // by topic
	ids     *recent[struct{}]
	dropped struct{ duplicates int }
}

// last is what passed last on a topic.
type last struct {
	payload key
	at      time.Time
}

// Sifted is what is known about a message that has passed.
type Sifted struct {
	// Vars are the variables of its topic in the order of the template.
	Vars []Var
}

// Var is a variable of a topic.
type Var struct{ Name, Value string }

// New returns a Sieve.
func New(o Options) *Sieve {
	n := o.Remember
	if n == 0 {
		n = generation
	}
	return &Sieve{options: o, keys: newKeyer(), shown: newRecent[last](n), ids: newRecent[struct{}](n)}
}

// Sift reports whether m passes, and what else is known about it.
func (s *Sieve) Sift(m message.Message) (Sifted, bool) {
	var known Sifted
	if s.options.Capture != nil {
		s.options.Capture.Captures(m.Topic, func(name, value string) { known.Vars = append(known.Vars, Var{name, value}) })
	}
	if s.options.Where != nil && !s.options.Where.Holds(m, varMap(known.Vars), m.Time) {
		return known, false
	}
	return known, !s.duplicate(m) && s.due(m)
}

func varMap(vars []Var) map[string]string {
	if len(vars) == 0 {
		return nil
	}
	all := make(map[string]string, len(vars))
	for _, v := range vars {
		all[v.Name] = v.Value
	}
	return all
}

// duplicate reports whether the id of m was seen on its topic, and remembers it.
func (s *Sieve) duplicate(m message.Message) bool {
	if s.options.Dedupe == "" || !message.IsJSON(m.Payload) {
		return false
	}
	id := gjson.GetBytes(m.Payload, s.options.Dedupe)
	if !id.Exists() || id.Type == gjson.Null {
		return false
	}
	k := s.keys.of(m.Topic, id.Type.String(), id.String())
	_, seen := s.ids.get(k)
	s.ids.set(k, struct{}{})
	if seen {
		s.dropped.duplicates++
	}
	return seen
}

// due reports whether it is time for another message of the topic, and whether this one differs from the last that passed.
func (s *Sieve) due(m message.Message) bool {
	if s.options.Every == 0 && !s.options.Changes {
		return true
	}
	of := s.keys.of(m.Topic)
	before, known := s.shown.get(of)
	if known && s.options.Every > 0 && m.Time.Sub(before.at) < s.options.Every {
		return false
	}
	is := last{at: m.Time}
	if s.options.Changes {
		is.payload = s.keys.of(string(m.Payload))
		if known && is.payload == before.payload {
			s.shown.set(of, before) // keeps it among the recent ones
			return false
		}
	}
	s.shown.set(of, is)
	return true
}

// Duplicates is how many messages did not pass because their ids were seen.
func (s *Sieve) Duplicates() int { return s.dropped.duplicates }

// Forgot says what was forgotten to keep memory bounded, "" for nothing.
func (s *Sieve) Forgot() string {
	switch {
	case s.ids.forgot:
		return fmt.Sprintf("only the last %d ids or more are remembered: a duplicate of an older one is shown again", s.ids.limit)
	case s.shown.forgot:
		return fmt.Sprintf("only the last %d topics or more are remembered: the next message on an older one is shown in any case", s.shown.limit)
	default:
		return ""
	}
}
