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
	// Unexplained is the damage that the ledger does not tell of, here as everywhere.
	Unexplained Counts `json:"unexplained"`
}

// FaultCounts are the counts of the messages that were due while a fault was going on at their device.
type FaultCounts struct {
	Fault string    `json:"fault"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Counts
	Unexplained Counts `json:"unexplained"`
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
	// QoS has those that there are, Faults come in the order in which they began. Outside is what no fault was near,
	// OutsideUnexplained the damage to that which the ledger does not tell of.
	QoS                []QoSCounts   `json:"qos"`
	Faults             []FaultCounts `json:"faults"`
	Outside            Counts        `json:"outside"`
	OutsideUnexplained Counts        `json:"outside_unexplained"`
	Examples           []Example     `json:"examples,omitempty"`
}

// Verdict ends the comparison.
func (v *Verification) Verdict() Verdict {
	v.settle()
	r := Verdict{Unknown: v.pairStrangers(), Bad: v.bad, QoS: []QoSCounts{}, Faults: []FaultCounts{}}
	for _, a := range v.arrivals {
		v.untangle(a)
		v.markReordered(a)
	}
	faults := map[string]int{}
	shown := map[Effect]int{}
	for i := range v.all.n {
		e := v.all.at(i)
		c := e.counts()
		list := v.lists.all[e.faults]
		r.count(e, c, list, faults)
		if c.Damage() == 0 {
			continue
		}
		for _, what := range c.effects() {
			if shown[what]++; shown[what] <= v.examples {
				r.Examples = append(r.Examples, Example{what, v.topics.texts[e.device], v.topics.texts[e.topic], e.qos, timeOf(e.due), list})
			}
		}
	}
	slices.SortFunc(r.QoS, func(a, b QoSCounts) int { return cmp.Compare(a.QoS, b.QoS) })
	slices.SortStableFunc(r.Faults, func(a, b FaultCounts) int { return a.From.Compare(b.From) })
	return r
}

// count adds one message to everything that it counts for. Known are the places of the faults.
func (r *Verdict) count(e *truth, c Counts, list []string, known map[string]int) {
	unexplained := e.unexplained(c)
	r.add(c)
	r.Unexplained.add(unexplained)
	q := r.qos(e.qos)
	q.add(c)
	q.Unexplained.add(unexplained)
	if len(list) == 0 {
		r.Outside.add(c)
		r.OutsideUnexplained.add(unexplained)
	}
	for _, name := range list {
		f := r.fault(known, name, timeOf(e.due))
		f.add(c)
		f.Unexplained.add(unexplained)
	}
}

// counts is what became of one message.
func (t *truth) counts() Counts {
	c := Counts{Sent: 1}
	if t.seen == 0 {
		c.Lost = 1
		return c
	}
	c.Received, c.Duplicated = 1, int(t.seen)-1
	for _, found := range []struct {
		marks byte
		count *int
	}{{cameReordered, &c.Reordered}, {cameLate, &c.Late}, {sentAltered | cameAltered, &c.Altered}, {sentMisplaced, &c.Misplaced}} {
		if t.marks&found.marks != 0 {
			*found.count = 1
		}
	}
	return c
}

// unexplained is the damage to one message that its entry does not tell of.
func (t *truth) unexplained(c Counts) Counts {
	if t.has(Dropped) {
		c.Lost = 0
	}
	c.Duplicated = max(0, c.Duplicated-t.times()+1)
	if t.has(Reordered) {
		c.Reordered = 0
	}
	if t.has(Late) {
		c.Late = 0
	}
	if t.has(Altered) && t.marks&cameAltered == 0 {
		c.Altered = 0
	}
	if t.has(Misplaced) {
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

func (r *Verdict) qos(q byte) *QoSCounts {
	for i := range r.QoS {
		if r.QoS[i].QoS == q {
			return &r.QoS[i]
		}
	}
	r.QoS = append(r.QoS, QoSCounts{QoS: q})
	return &r.QoS[len(r.QoS)-1]
}

// fault returns the counts of a fault, whose window is from the first to the last message that it was near. Known are the
// places of those that there are.
func (r *Verdict) fault(known map[string]int, name string, due time.Time) *FaultCounts {
	i, ok := known[name]
	if !ok {
		i = len(r.Faults)
		known[name] = i
		r.Faults = append(r.Faults, FaultCounts{Fault: name, From: due, To: due})
	}
	f := &r.Faults[i]
	if due.Before(f.From) {
		f.From = due
	}
	if due.After(f.To) {
		f.To = due
	}
	return f
}
