package simulate

import (
	"cmp"
	"slices"
	"time"
)

// Counts are what became of messages.
type Counts struct {
	Sent       int `json:"sent"`
	Received   int `json:"received"`
	Lost       int `json:"lost"`
	Duplicated int `json:"duplicated"`
	Reordered  int `json:"reordered"`
	Late       int `json:"late"`
	Altered    int `json:"altered"`
	Misplaced  int `json:"misplaced"`
}

// Damage is how many messages did not come in once, in order, in time, as they were meant.
func (c *Counts) Damage() int {
	return c.Lost + c.Duplicated + c.Reordered + c.Late + c.Altered + c.Misplaced
}

// QoSCounts are the counts of one QoS.
type QoSCounts struct {
	QoS byte `json:"qos"`
	Counts
}

// FaultCounts are the counts of the messages that were due while a fault was going on at their device.
type FaultCounts struct {
	Fault string    `json:"fault"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Counts
}

// Example is a message that something became of.
type Example struct {
	What   Effect    `json:"what"`
	Device string    `json:"device"`
	Topic  string    `json:"topic"`
	QoS    byte      `json:"qos"`
	Due    time.Time `json:"due"`
	Faults []string  `json:"faults,omitempty"`
}

// Lost is the effect of a message that never came in, for whatever reason.
const Lost Effect = "lost"

// Verdict is what a comparison came to.
type Verdict struct {
	Counts
	// Unknown are messages that no entry tells of, Bad are lines that are no messages.
	Unknown int `json:"unknown"`
	Bad     int `json:"bad_lines,omitempty"`
	// Unexplained is the damage that the ledger does not tell of: what the way did, and not the simulation.
	Unexplained Counts `json:"unexplained"`
	// QoS has those that there are, Faults come in the order in which they began. Outside is what no fault was near.
	QoS      []QoSCounts   `json:"qos"`
	Faults   []FaultCounts `json:"faults"`
	Outside  Counts        `json:"outside"`
	Examples []Example     `json:"examples,omitempty"`
}

// Verdict ends the comparison.
func (v *Verification) Verdict() Verdict {
	v.settle()
	r := Verdict{Unknown: v.pairStrangers(), Bad: v.bad, QoS: []QoSCounts{}, Faults: []FaultCounts{}}
	for _, t := range v.topics {
		t.untangle()
		t.markReordered()
	}
	shown := map[Effect]int{}
	for _, e := range v.all {
		c := v.counts(e)
		r.add(c)
		r.Unexplained.add(e.unexplained(c))
		r.qos(e.QoS).add(c)
		if len(e.Faults) == 0 {
			r.Outside.add(c)
		}
		for _, name := range e.Faults {
			r.fault(name, e.Due).add(c)
		}
		for _, what := range c.effects() {
			if shown[what]++; shown[what] <= v.examples {
				r.Examples = append(r.Examples, Example{what, e.Device, e.Topic, e.QoS, e.Due, e.Faults})
			}
		}
	}
	slices.SortFunc(r.QoS, func(a, b QoSCounts) int { return cmp.Compare(a.QoS, b.QoS) })
	slices.SortStableFunc(r.Faults, func(a, b FaultCounts) int { return a.From.Compare(b.From) })
	return r
}

// counts is what became of one message.
func (v *Verification) counts(e *truth) Counts {
	c := Counts{Sent: 1}
	if e.seen == 0 {
		c.Lost = 1
		return c
	}
	c.Received, c.Duplicated = 1, e.seen-1
	if e.reordered {
		c.Reordered = 1
	}
	if v.lateAfter > 0 && !e.at.IsZero() && e.at.Sub(e.Due) >= v.lateAfter {
		c.Late = 1
	}
	if e.SentHash != "" || e.altered {
		c.Altered = 1
	}
	if e.SentTopic != "" {
		c.Misplaced = 1
	}
	return c
}

// unexplained is the damage to one message that its entry does not tell of.
func (e *truth) unexplained(c Counts) Counts {
	has := func(effect Effect) bool { return slices.Contains(e.Effects, effect) }
	if has(Dropped) {
		c.Lost = 0
	}
	c.Duplicated = max(0, c.Duplicated-e.Copies)
	if has(Reordered) {
		c.Reordered = 0
	}
	if has(Late) {
		c.Late = 0
	}
	if has(Altered) && !e.altered {
		c.Altered = 0
	}
	if has(Misplaced) {
		c.Misplaced = 0
	}
	return c
}

func (c *Counts) add(o Counts) {
	c.Sent += o.Sent
	c.Received += o.Received
	c.Lost += o.Lost
	c.Duplicated += o.Duplicated
	c.Reordered += o.Reordered
	c.Late += o.Late
	c.Altered += o.Altered
	c.Misplaced += o.Misplaced
}

// effects are those that were counted.
func (c *Counts) effects() []Effect {
	var all []Effect
	for _, one := range []struct {
		n    int
		what Effect
	}{
		{c.Lost, Lost}, {c.Duplicated, Duplicated}, {c.Reordered, Reordered}, {c.Late, Late}, {c.Altered, Altered}, {c.Misplaced, Misplaced},
	} {
		if one.n > 0 {
			all = append(all, one.what)
		}
	}
	return all
}

func (r *Verdict) qos(q byte) *Counts {
	for i := range r.QoS {
		if r.QoS[i].QoS == q {
			return &r.QoS[i].Counts
		}
	}
	r.QoS = append(r.QoS, QoSCounts{QoS: q})
	return &r.QoS[len(r.QoS)-1].Counts
}

// fault returns the counts of a fault, whose window is from the first to the last message that it was near.
func (r *Verdict) fault(name string, due time.Time) *Counts {
	for i := range r.Faults {
		f := &r.Faults[i]
		if f.Fault == name {
			if due.Before(f.From) {
				f.From = due
			}
			if due.After(f.To) {
				f.To = due
			}
			return &f.Counts
		}
	}
	r.Faults = append(r.Faults, FaultCounts{Fault: name, From: due, To: due})
	return &r.Faults[len(r.Faults)-1].Counts
}
