package tally

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/profile"
)

// window is the time within which a state must come to hold. Without within it is the moment at which the run ended: after
// the last step of the timeline.
func (j *judge) window() (from, to time.Duration) {
	end := j.ran() + j.summary.Timeline.Step
	if j.e.Within == 0 {
		return end, end
	}
	return j.from, min(j.from+j.e.Within, end)
}

// connected judges how many devices are connected: that it holds once within the window.
func (j *judge) connected() {
	from, to := j.window()
	best, last := math.NaN(), 0.0
	var bestAt time.Duration
	held := false
	j.summary.Timeline.between(from, to, func(at time.Duration, number int64) bool {
		n := float64(number)
		last, held = n, j.e.Holds(n)
		if held || math.IsNaN(best) || math.Abs(n-j.e.Number) < math.Abs(best-j.e.Number) {
			best, bestAt = n, at
		}
		return !held
	})
	j.value(best)
	if held {
		return
	}
	j.failed("%s were connected after %s", count(last), Brief(min(to, j.ran())))
	if best != last {
		j.note(" the closest was %s after %s", count(best), Brief(bestAt))
	}
	if j.e.Number > float64(j.summary.Devices) {
		j.note(" the fleet has %s devices", count(float64(j.summary.Devices)))
	}
	j.short()
}

// presence judges whether devices were seen to come or go. All that the argument names must.
func (j *judge) presence() {
	var paths []string
	for path := range j.summary.Presence {
		if Names(j.e.Argument, path) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	if len(paths) == 0 {
		j.failed("there is no device %s", j.e.Argument)
		return
	}
	for _, path := range paths {
		changes := slices.Clone(j.summary.Presence[path])
		slices.SortStableFunc(changes, func(a, b PresenceChange) int { return int(math.Copysign(1, a.At-b.At)) })
		if why := j.comes(changes); why != "" {
			j.failed("%s%s", path, why)
		}
	}
	if len(j.verdict.Reasons) > 0 {
		j.mention("presence")
		j.short()
	}
}

// Names reports whether an argument of presence, the identifier of a device, its path or its base topic, means a path.
func Names(argument, path string) bool {
	return argument == path || strings.HasSuffix(path, "/"+argument) || strings.HasSuffix(argument, "/"+path)
}

// comes says why a device did not come to be as it was expected, which is empty when it did.
func (j *judge) comes(changes []PresenceChange) (why string) {
	from, to := j.window()
	word := func(online bool) string {
		if online {
			return "online"
		}
		return "offline"
	}
	holds := func(c PresenceChange) bool { return (word(c.Online) == j.e.Word) == (j.e.Operator == "==") }
	state := ""
	for i, c := range changes {
		at := seconds(c.At)
		until := profile.Never
		if i+1 < len(changes) {
			until = seconds(changes[i+1].At)
		}
		if at > to {
			break
		}
		state = fmt.Sprintf(" was %s from %s on", word(c.Online), Brief(at))
		if until >= from && (until > from || at == from) && holds(c) {
			return ""
		}
	}
	if state == "" {
		return " was not seen"
	}
	return state
}

// times judges how long things took.
func (j *judge) times(measure string) {
	var all Histogram
	for _, name := range measuresOf(j.e) {
		if !strings.HasPrefix(name, unconverged) {
			all.Add(j.of.Times[name])
		}
	}
	_, quantile := j.e.Measure()
	if quantile == 0 {
		quantile = 1
	}
	never := j.never(measure)
	if all.Count()+never == 0 {
		j.failed("%s", nothingMeasured(measure, j.e))
		j.short()
		return
	}
	rank := int64(math.Ceil(quantile * float64(all.Count()+never)))
	n := math.Inf(1)
	if rank <= all.Count() {
		n = all.at(rank).Seconds()
	}
	j.value(n)
	if j.e.Holds(n) {
		return
	}
	what := fmt.Sprintf("the %s", percentile(quantile))
	if math.IsInf(n, 1) {
		j.failed("%s has no end: %s", what, neverWords(measure, never, all.Count()+never))
	} else {
		j.failed("%s is %s of %s times", what, Brief(seconds(n)), count(float64(all.Count())))
	}
	if all.Count() > 0 {
		const half = 0.5
		j.note(" the median is %s, the longest %s", Brief(all.Quantile(half)), Brief(all.Max()))
	}
	j.short()
}

// never is how many things had not come to their end when it was over: unanswered messages, and desired states that waited
// longer than they should.
func (j *judge) never(measure string) int64 {
	switch measure {
	case PublishAck:
		var open int64
		for q := 1; q < len(j.of.QoS); q++ {
			if c := &j.of.QoS[q]; j.e.Counts(byte(q)) {
				open += c.Unanswered
			}
		}
		return open
	case "converge":
		h := j.of.Times[unconverged+j.e.Argument]
		return h.countFrom(seconds(j.e.Number))
	default:
		return 0
	}
}

func neverWords(measure string, never, of int64) string {
	if measure == PublishAck {
		return fmt.Sprintf("%s of %s messages were never acknowledged", count(float64(never)), count(float64(of)))
	}
	return fmt.Sprintf("%s of %s desired states were never reported", count(float64(never)), count(float64(of)))
}

func nothingMeasured(measure string, e *profile.Expectation) string {
	switch measure {
	case PublishAck:
		return "nothing was measured: no message at QoS 1 or 2 was sent"
	case "converge":
		return fmt.Sprintf("nothing was measured: nobody has set %s", e.Argument)
	case Connect:
		return "nothing was measured: no device has connected"
	default:
		return "nothing was measured: nothing was sent"
	}
}

// percentile is a quantile in words.
func percentile(q float64) string {
	const percent = 100
	if q == 1 {
		return "longest time"
	}
	return fmt.Sprintf("p%g", math.Round(q*percent*percent)/percent)
}

// count is a number without needless digits.
func count(n float64) string { return fmt.Sprintf("%g", n) }

// Brief is a duration without needless digits.
func Brief(d time.Duration) string {
	switch {
	case d >= time.Minute:
		d = d.Round(time.Second)
	case d >= time.Second:
		d = d.Round(10 * time.Millisecond)
	case d >= time.Millisecond:
		d = d.Round(10 * time.Microsecond)
	default:
		d = d.Round(time.Microsecond)
	}
	return duration.Text(d)
}
