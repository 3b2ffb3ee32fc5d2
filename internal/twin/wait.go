package twin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// OfflinePolicy says what to do about devices that are offline.
type OfflinePolicy string

// The policies.
const (
	// WaitOffline waits: the device may come back.
	WaitOffline OfflinePolicy = "wait"
	// FailOffline gives up.
	FailOffline OfflinePolicy = "fail"
	// SkipOffline goes on without the device: it sees the document when it comes back.
	SkipOffline OfflinePolicy = "skip"
)

// WaitOptions say what to wait for.
type WaitOptions struct {
	Policy Policy // default: Auto
	// Skew is how far clocks may be apart, for the evidence of time.
	Skew time.Duration
	// Stable is how long a device must stay converged.
	Stable    time.Duration
	IfOffline OfflinePolicy
	// Grace is how long an offline is doubted: a late Will Message is contradicted by what the device publishes.
	Grace time.Duration
	// Rev, when not 0, is the lowest revision to wait for; ID, when not empty, that of the document.
	Rev uint64
	ID  string
	// Deadline ends the wait; zero is none.
	Deadline time.Time
	// Done, when set, is told of each device that is decided.
	Done func(Result)
	// Enough, when set, ends the wait early. It is asked after each device that is decided.
	Enough func() bool
}

// request is the last document that we have published for a device.
type request struct {
	at    time.Time
	edits []Edit
}

// published notes a document of ours.
func (t *Twin) published(edits []Edit, at time.Time) { t.request = &request{at, edits} }

// waiting is the wait for one device.
type waiting struct {
	twin   *Twin
	start  time.Time
	result Result
	done   bool

	target *Desired
	edits  []Edit    // what must still hold when somebody else writes
	since  time.Time // when the target was published, as far as we know
	ours   bool      // by us
	now    *Version  // the desired document that was looked at

	delta   []Leaf
	matched time.Time // since when the device has converged
	flaps   int
	due     time.Time // when to look again without a message
}

// Wait waits until devices have applied what is desired. The reads must have asked for everything. Results are in the order
// of twins. An error ends all: the session is lost, or ctx.
func (g *Group) Wait(ctx context.Context, twins []*Twin, o WaitOptions) ([]Result, error) {
	o.Policy = cmp.Or(o.Policy, Auto)
	start := time.Now()
	work := make([]*waiting, len(twins))
	byTwin := make(map[*Twin]*waiting, len(twins))
	for i, t := range twins {
		work[i] = &waiting{twin: t, start: start, since: start, result: Result{Device: t.Device, Topic: t.topics.Desired}}
		if t.request != nil {
			work[i].start, work[i].since, work[i].ours = t.request.at, t.request.at, true
			work[i].edits = t.request.edits
		}
		byTwin[t] = work[i]
	}
	loop := &waitLoop{group: g, options: o, work: work, byTwin: byTwin, open: len(work)}
	err := loop.run(ctx)
	results := make([]Result, len(work))
	for i, w := range work {
		if !w.done {
			loop.expire(w, err)
		}
		results[i] = w.result
	}
	return results, err
}

type waitLoop struct {
	group   *Group
	options WaitOptions
	work    []*waiting
	byTwin  map[*Twin]*waiting
	open    int
	stopped bool // by WaitOptions.Enough
}

// errWaitOver ends the wait at its deadline.
var errWaitOver = errors.New("the wait is over")

func (l *waitLoop) run(ctx context.Context) error {
	l.group.touched = map[*Twin]struct{}{}
	defer func() { l.group.touched = nil }()
	for _, w := range l.work {
		l.look(w, time.Now())
	}
	next := l.nextDue()
	for l.open > 0 {
		if l.stopped = l.options.Enough != nil && l.options.Enough(); l.stopped {
			return nil
		}
		err := l.receive(ctx, next)
		if errors.Is(err, errWaitOver) {
			return nil
		} else if err != nil {
			return err
		}
		next = l.lookAgain(next)
	}
	return nil
}

// lookAgain looks at devices that were heard, and at all that are due. It returns when the next one is.
func (l *waitLoop) lookAgain(next time.Time) time.Time {
	now := time.Now()
	for t := range l.group.touched {
		if w := l.byTwin[t]; w != nil && !w.done {
			l.look(w, now)
			next = earlier(next, w.due)
		}
	}
	clear(l.group.touched)
	if next.IsZero() || now.Before(next) {
		return next
	}
	for _, w := range l.work {
		if !w.done && !w.due.IsZero() && !now.Before(w.due) {
			l.look(w, now)
		}
	}
	return l.nextDue()
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (l *waitLoop) nextDue() time.Time {
	var next time.Time
	for _, w := range l.work {
		if !w.done {
			next = earlier(next, w.due)
		}
	}
	return next
}

// receive takes what has come, or waits for a message or until something is due.
func (l *waitLoop) receive(ctx context.Context, due time.Time) error {
	s := l.group.session
	if s.Ready() == 0 {
		s.AckReceived()
	}
	until := earlier(due, l.options.Deadline)
	bounded := ctx
	if !until.IsZero() {
		var cancel context.CancelFunc
		bounded, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	_, err := s.Recv(bounded)
	switch {
	case err == nil, ctx.Err() == nil && bounded.Err() != nil:
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		return err
	}
	if !l.options.Deadline.IsZero() && !time.Now().Before(l.options.Deadline) {
		return errWaitOver
	}
	return nil
}

// look decides about a device if it can.
func (l *waitLoop) look(w *waiting, now time.Time) {
	w.due = time.Time{}
	outcome, why := l.evaluate(w, now)
	if outcome == "" {
		return
	}
	l.finish(w, outcome, why)
}

func (l *waitLoop) finish(w *waiting, outcome Outcome, why error) {
	w.done = true
	l.open--
	w.result.Outcome, w.result.Why, w.result.Took = outcome, why, time.Since(w.start)
	w.result.Leaves = mismatches(w.delta)
	if w.target != nil {
		w.result.Rev, w.result.ID = w.target.Rev, w.target.ID
	}
	w.result.Warnings = append(w.result.Warnings, w.warnings()...)
	if l.options.Done != nil {
		l.options.Done(w.result)
	}
}

// expire is for a device that was not decided in time.
func (l *waitLoop) expire(w *waiting, err error) {
	why := w.why(time.Now())
	switch {
	case err != nil:
		l.finish(w, TimedOut, err)
	case l.stopped:
		l.finish(w, TimedOut, errors.New("the run was stopped while it was waited for"))
	case w.twin.ReportedErr != nil:
		l.finish(w, BadData, why)
	case w.twin.Offline(), w.twin.Reported == nil && !w.twin.presence.seen():
		l.finish(w, Offline, why)
	default:
		l.finish(w, TimedOut, why)
	}
}

func (w *waiting) warnings() []string {
	var list []string
	if w.twin.presence.contradicts() {
		list = append(list, "its status says offline, and it publishes")
	}
	if w.twin.partial {
		list = append(list, "it reports only parts of its state (S005): whoever comes later sees the last part alone")
	}
	if w.flaps > 0 {
		list = append(list, fmt.Sprintf("it had converged and went back %d times", w.flaps))
	}
	return list
}

// evaluate returns what is known about a device, "" for nothing final. It sets w.due when time alone may change that.
func (l *waitLoop) evaluate(w *waiting, now time.Time) (Outcome, error) {
	if outcome, why, decided := l.aim(w); decided {
		return outcome, why
	}
	if w.target == nil {
		return l.absent(w, now)
	}
	if w.twin.Reported != nil {
		if outcome, why := l.compare(w, now); outcome != "" || !w.matched.IsZero() {
			return outcome, why
		}
	}
	return l.absent(w, now)
}

// aim follows what is desired. It is decided when there is nothing to wait for, or something else.
func (l *waitLoop) aim(w *waiting) (outcome Outcome, why error, decided bool) {
	d := w.twin.Desired
	if d == w.now && w.target != nil {
		return "", nil, false
	}
	first := w.target == nil
	w.now = d
	switch {
	case d == nil && first && l.options.Rev > 0:
		return "", nil, false
	case d == nil && first:
		return Missing, errors.New("nothing is desired"), true
	case d == nil:
		return Superseded, errors.New("the desired document was cleared"), true
	case d.Err != nil && first:
		return BadData, d.Err, true
	case d.Err != nil:
		return Superseded, d.Err, true
	case l.options.ID != "" && d.Doc.ID != l.options.ID && first:
		return Superseded, fmt.Errorf("%s is desired, with another id", describe(d.Doc)), true
	case d.Doc.Rev < l.options.Rev && first:
		return "", nil, false
	}
	if first && w.edits == nil {
		leaves(d.Doc.State, func(pointer string, value any) bool {
			w.edits = append(w.edits, Edit{Pointer: pointer, Value: value})
			return true
		})
	}
	if !first {
		if !holds(d.Doc.State, w.edits) {
			return Superseded, fmt.Errorf("%s asks for something else", describe(d.Doc)), true
		}
		if !d.Message.Retain && d.Doc.Rev != w.target.Rev {
			w.since, w.ours = d.Message.Time, true
		}
	}
	w.target = d.Doc
	return "", nil, false
}

// compare holds the last report against the target.
func (l *waitLoop) compare(w *waiting, now time.Time) (Outcome, error) {
	t := w.twin
	told := t.told
	w.delta = Delta(w.target.State, &told, l.group.options.Tolerance)
	evidence := w.find(l.options.Policy, l.options.Skew)
	if evidence == "" || Drifts(w.delta) {
		if !w.matched.IsZero() {
			w.matched = time.Time{}
			w.flaps++
		}
		if evidence == ByAck || evidence == ByLive {
			if err := rejection(w.delta, w.edits); err != nil {
				return Rejected, err
			}
		}
		return "", nil
	}
	w.result.Evidence = evidence
	if w.matched.IsZero() {
		w.matched = now
	}
	if now.Sub(w.matched) < l.options.Stable {
		w.due = w.matched.Add(l.options.Stable)
		return "", nil
	}
	return Converged, nil
}

// absent applies the policy for devices that are offline.
func (l *waitLoop) absent(w *waiting, now time.Time) (Outcome, error) {
	if l.options.IfOffline == WaitOffline || l.options.IfOffline == "" || !w.twin.Offline() {
		return "", nil
	}
	doubtUntil := w.start
	if w.twin.presence.since.After(doubtUntil) {
		doubtUntil = w.twin.presence.since
	}
	doubtUntil = doubtUntil.Add(l.options.Grace)
	if now.Before(doubtUntil) {
		w.due = doubtUntil
		return "", nil
	}
	if l.options.IfOffline == SkipOffline {
		return Skipped, errors.New("offline: it sees the document when it comes back")
	}
	return Offline, w.why(now)
}
