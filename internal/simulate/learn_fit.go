package simulate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/duration"
)

// schedule says in the words of a profile when a signal is measured.
func (s *learnedSignal) schedule() string {
	if s.alternates() {
		return "on_change: true"
	}
	times := s.times
	if len(times) == 0 || s.whole != nil {
		times = s.arrived
	}
	var gaps []float64
	for i := 1; i < len(times); i++ {
		if gap := times[i].Sub(times[i-1]).Seconds(); gap > 0 {
			gaps = append(gaps, gap)
		}
	}
	if len(gaps) == 0 {
		return "every: 1m"
	}
	slices.Sort(gaps)
	at := func(part float64) float64 { return gaps[int(part*float64(len(gaps)-1))] }
	middle := at(0.5)
	if low, high := at(0.1), at(0.9); high-low > middle {
		return fmt.Sprintf("every: %q", "~"+inSeconds(mean(gaps)))
	}
	text := "every: " + inSeconds(middle)
	if jitter := (at(0.9) - at(0.1)) / 2; jitter > middle/50 {
		text += ", jitter: " + inSeconds(jitter)
	}
	return text
}

// alternates reports whether words come only when they change.
func (s *learnedSignal) alternates() bool {
	for i := range s.values {
		_, isNumber := asNumber(s.values[i])
		_, isPlace := s.values[i].(Position)
		if isNumber || isPlace || i > 0 && s.values[i] == s.values[i-1] {
			return false
		}
	}
	return len(s.values) > 2
}

// inSeconds is a number of seconds as a duration, to three digits or so.
func inSeconds(s float64) string {
	step := time.Millisecond
	switch {
	case s >= 100:
		step = time.Second
	case s >= 1:
		step = 10 * time.Millisecond
	}
	return duration.Text(max(time.Millisecond, time.Duration(s*float64(time.Second)).Round(step)))
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, n := range list {
		sum += n
	}
	return sum / float64(len(list))
}

// value says in the words of a profile how a signal's values come about.
func (s *learnedSignal) value(names *anonymiser) string {
	var numbers []float64
	var places []Position
	for _, v := range s.values {
		switch v := v.(type) {
		case float64:
			numbers = append(numbers, v)
		case Position:
			places = append(places, v)
		}
	}
	switch {
	case len(s.values) == 0:
		return s.bytes()
	case len(numbers) == len(s.values):
		return s.numbers(numbers)
	case len(places) == len(s.values):
		return s.track(places, names)
	default:
		return s.words(names)
	}
}

// bytes are as many as were seen, of what could not be understood.
func (s *learnedSignal) bytes() string {
	const (
		around  = len(`{"v":""}`)
		largest = 1 << 20
	)
	size := func(n int) int { return min(largest, max(1, (n-around)*3/4)) } // in base64 they are more
	if low, high := size(s.shortest), size(s.longest); low != high {
		return fmt.Sprintf("{ blob: { size: %d..%d } } # bytes: what it says was not understood", low, high)
	}
	return fmt.Sprintf("{ blob: { size: %d } } # bytes: what it says was not understood", size(s.longest))
}

// numbers fits a constant, a counter, a season of the day, a walk or independent values, in this order.
func (s *learnedSignal) numbers(all []float64) string {
	low, high := slices.Min(all), slices.Max(all)
	digits := digitsOf(all)
	round := fmt.Sprintf(", round: %d", digits)
	if low == high {
		return numberText(low)
	}
	if rate, ok := s.grows(all); ok {
		return fmt.Sprintf("{ counter: { start: %s, per_hour: %s }%s }", numberText(all[0]), numberText(rounded(rate, 4)), round)
	}
	bounds := fmt.Sprintf("clamp: [%s, %s]", numberText(decimals(low, digits)), numberText(decimals(high, digits)))
	if text, ok := s.daily(all); ok {
		return fmt.Sprintf("{ %s, %s%s }", text, bounds, round)
	}
	average := mean(all)
	var spread, step, together float64
	for i, n := range all {
		spread += (n - average) * (n - average)
		if i > 0 {
			step += (n - all[i-1]) * (n - all[i-1])
			together += (n - average) * (all[i-1] - average)
		}
	}
	correlation := together / spread
	deviation := math.Sqrt(spread / float64(len(all)))
	const walks = 0.4 // neighbours that have that much in common
	if len(all) < 5 || correlation < walks {
		return fmt.Sprintf("{ gauss: { mean: %s, sd: %s }, %s%s }", numberText(rounded(average, 4)), numberText(rounded(deviation, 3)), bounds, round)
	}
	// A step is even between -step and step, whose mean square is a third of step's square.
	far := math.Sqrt(3 * step / float64(len(all)-1))
	revert := ""
	if part := 1 - correlation; part > 0.01 {
		revert = fmt.Sprintf(", mean: %s, revert: %s", numberText(rounded(average, 4)), numberText(rounded(part, 2)))
	}
	return fmt.Sprintf("{ walk: { start: %s, step: %s, min: %s, max: %s%s }%s }",
		numberText(all[0]), numberText(rounded(far, 3)), numberText(low), numberText(high), revert, round)
}

// grows reports whether values only grow, and by how much in an hour.
func (s *learnedSignal) grows(all []float64) (perHour float64, ok bool) {
	hours := s.times[len(s.times)-1].Sub(s.times[0]).Hours()
	if len(all) < 5 || hours <= 0 || !slices.IsSorted(all) {
		return 0, false
	}
	return (all[len(all)-1] - all[0]) / hours, true
}

// daily fits a sine with a period of a day, where it explains most of what is seen in a day or more.
func (s *learnedSignal) daily(all []float64) (string, bool) {
	const day = 24 * time.Hour
	// Whole days only: a part of one would tilt the mean.
	days := s.times[len(s.times)-1].Sub(s.times[0]).Truncate(day)
	for days > 0 && s.times[len(all)-1].Sub(s.times[0]) > days {
		all = all[:len(all)-1]
	}
	if len(all) < 24 || days < day {
		return "", false
	}
	average := mean(all)
	var cosine, sine, before, after float64
	for i, n := range all {
		angle := 2 * math.Pi * float64(s.times[i].UnixNano()%int64(day)) / float64(day)
		cosine += (n - average) * math.Cos(angle) * 2 / float64(len(all))
		sine += (n - average) * math.Sin(angle) * 2 / float64(len(all))
	}
	for i, n := range all {
		angle := 2 * math.Pi * float64(s.times[i].UnixNano()%int64(day)) / float64(day)
		rest := n - average - cosine*math.Cos(angle) - sine*math.Sin(angle)
		before += (n - average) * (n - average)
		after += rest * rest
	}
	const explained = 0.5
	if after > explained*before {
		return "", false
	}
	peak := math.Mod(math.Atan2(sine, cosine)/(2*math.Pi)+1, 1) * float64(day)
	return fmt.Sprintf("season: { period: 24h, amplitude: %s, mean: %s, peak: %s }, noise: { gauss: %s }",
		numberText(rounded(math.Hypot(cosine, sine), 3)), numberText(rounded(average, 4)),
		time.Duration(peak).Round(time.Minute), numberText(rounded(math.Sqrt(after/float64(len(all))), 3))), true
}

// track repeats a journey with its mean speed.
func (s *learnedSignal) track(places []Position, names *anonymiser) string {
	const most = 200
	length, seconds := 0.0, s.times[len(s.times)-1].Sub(s.times[0]).Seconds()
	for i := 1; i < len(places); i++ {
		length += distance(pointOf(places[i-1]), pointOf(places[i]))
	}
	if length == 0 || seconds <= 0 {
		places = []Position{places[0], {Lat: places[0].Lat + 1e-5, Lon: places[0].Lon}}
		length, seconds = 1, 3600
	}
	var points []string
	for i := 0; i < len(places); i += 1 + len(places)/most {
		lat, lon := names.place(places[i])
		point := fmt.Sprintf("[%s, %s]", numberText(rounded(lat, 8)), numberText(rounded(lon, 8)))
		if len(points) == 0 || points[len(points)-1] != point {
			points = append(points, point)
		}
	}
	if len(points) < 2 {
		points = append(points, points[0])
	}
	return fmt.Sprintf("{ track: [%s], speed: %sm/s, loop: true }", strings.Join(points, ", "), numberText(max(0.01, rounded(length/seconds, 3))))
}

// course is how words follow each other.
type course struct {
	counts  map[string]int
	values  map[string]any // one for each word
	next    map[string]map[string]int
	stay    map[string]time.Duration
	changes int
}

func (s *learnedSignal) course(names *anonymiser) *course {
	c := &course{counts: map[string]int{}, values: map[string]any{}, next: map[string]map[string]int{}, stay: map[string]time.Duration{}}
	for i, v := range s.values {
		word := names.word(v)
		c.counts[word]++
		c.values[word] = v
		if i == 0 {
			continue
		}
		before := names.word(s.values[i-1])
		c.stay[before] += s.times[i].Sub(s.times[i-1])
		if word == before {
			continue
		}
		c.changes++
		if c.next[before] == nil {
			c.next[before] = map[string]int{}
		}
		c.next[before][word]++
	}
	return c
}

// words fits states that last, or independent choices.
func (s *learnedSignal) words(names *anonymiser) string {
	c := s.course(names)
	const most = 30
	first := names.word(s.values[0])
	if len(c.counts) == 1 || len(c.counts) > most {
		return "{ constant: " + names.written(s.values[0]) + " }"
	}
	if c.changes*2 > len(s.values) && !s.alternates() {
		return "{ pick: " + c.picks(names) + " }"
	}
	order := slices.DeleteFunc(slices.Sorted(maps.Keys(c.counts)), func(w string) bool { return w == first })
	var list []string
	c.leave(first, append(order, first))
	for _, word := range append([]string{first}, order...) {
		list = append(list, c.state(word, names))
	}
	return "{ states: { " + strings.Join(list, ", ") + " } }"
}

// picks is a choice by weight: a mapping, or a list where a key would be taken for something else than a text.
func (c *course) picks(names *anonymiser) string {
	total, plain := 0, true
	for word, n := range c.counts {
		_, isText := c.values[word].(string)
		_, err := strconv.ParseFloat(word, 64)
		total, plain = total+n, plain && isText && err != nil
	}
	if plain {
		return weighted(c.counts)
	}
	const longest = 50
	var list []string
	for _, word := range slices.Sorted(maps.Keys(c.counts)) {
		for range max(1, c.counts[word]*min(total, longest)/total) {
			list = append(list, names.written(c.values[word]))
		}
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// leave lets states end that were not seen to end: the last one goes on with the first, or another.
func (c *course) leave(first string, all []string) {
	for _, word := range all {
		if c.next[word] != nil {
			continue
		}
		to := first
		if word == first {
			to = all[0]
		}
		c.next[word] = map[string]int{to: 1}
	}
}

// state is one word with how long it stays and what comes next.
func (c *course) state(word string, names *anonymiser) string {
	times := 0
	for _, n := range c.next[word] {
		times += n
	}
	lasts := max(time.Second, c.stay[word]/time.Duration(max(1, times)))
	if c.stay[word] == 0 {
		lasts = time.Minute // it came last
	}
	text := fmt.Sprintf("%s: { stay: %q", quoted(word), "~"+inSeconds(lasts.Seconds()))
	if times > 0 {
		text += ", next: " + weighted(c.next[word])
	}
	if _, isText := c.values[word].(string); !isText {
		text += ", value: " + names.written(c.values[word])
	}
	return text + " }"
}

func weighted(counts map[string]int) string {
	var list []string
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%s: %d", quoted(word), counts[word]))
	}
	return "{ " + strings.Join(list, ", ") + " }"
}

// digitsOf is how many digits behind the point values have, at most six.
func digitsOf(all []float64) int {
	const most = 6
	for digits := range most {
		if !slices.ContainsFunc(all, func(n float64) bool { return math.Abs(decimals(n, digits)-n) > 1e-9 }) {
			return digits
		}
	}
	return most
}

// rounded keeps so many digits that count.
func rounded(n float64, digits int) float64 {
	if n == 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0
	}
	places := digits - 1 - int(math.Floor(math.Log10(math.Abs(n))))
	if places < 0 {
		return math.Round(n)
	}
	return decimals(n, min(places, 9))
}
