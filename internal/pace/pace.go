// Package pace spreads events evenly over time: see [New].
package pace

import "time"

// leastPause is the shortest pause worth a timer; shorter ones add up until they are.
const leastPause = time.Millisecond

// Pacer spreads events evenly over time, without drift: one that was late does not delay the next. It belongs to one
// goroutine.
type Pacer struct {
	interval float64 // nanoseconds, 0: no limit
	start    time.Time
	n        int
}

// New returns a Pacer for rate events a second; 0 or less is no limit.
func New(rate float64) *Pacer {
	p := &Pacer{}
	if rate > 0 {
		p.interval = float64(time.Second) / rate
	}
	return p
}

// Next counts an event and returns how long to wait before it.
func (p *Pacer) Next() time.Duration {
	if p.interval == 0 {
		return 0
	}
	if p.n == 0 {
		p.start = time.Now()
	}
	due := p.start.Add(time.Duration(float64(p.n) * p.interval))
	p.n++
	if d := time.Until(due); d >= leastPause {
		return d
	}
	return 0
}
