package publish

import (
	"context"
	"time"
)

// leastPause is the shortest pause worth a timer; shorter ones add up until they are.
const leastPause = time.Millisecond

// pacer spreads messages evenly over time, without drift: a message that was late does not delay the next.
type pacer struct {
	interval float64 // nanoseconds, 0: no limit
	start    time.Time
	n        int
}

func newPacer(rate float64) *pacer {
	p := &pacer{}
	if rate > 0 {
		p.interval = float64(time.Second) / rate
	}
	return p
}

// wait returns when the next message is due.
func (p *pacer) wait(ctx context.Context) error {
	if p.interval == 0 {
		return nil
	}
	if p.n == 0 {
		p.start = time.Now()
	}
	due := p.start.Add(time.Duration(float64(p.n) * p.interval))
	p.n++
	if d := time.Until(due); d >= leastPause {
		return pause(ctx, d)
	}
	return nil
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
