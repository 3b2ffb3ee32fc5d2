package tally

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// longest is the longest time that a Histogram tells from others: what takes longer counts as this long.
	longest = 24 * time.Hour
	// digits are the significant digits of a Histogram: a quantile is at most a thousandth too large.
	digits = 3
)

// Histogram holds how long things took, in microseconds, so that histograms of several processes can be added. The zero
// Histogram is empty. It is not safe for concurrent use.
type Histogram struct {
	h        *hdrhistogram.Histogram // nil while nothing was recorded
	max, sum time.Duration           // as they were
}

// Record adds a time. A negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	d = min(max(d, 0), longest)
	if h.h == nil {
		h.h = emptyHistogram()
	}
	_ = h.h.RecordValue(d.Microseconds()) // it is in range
	h.max = max(h.max, d)
	h.sum += d
}

func emptyHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longest.Microseconds(), digits)
}

// Count is how many times were recorded.
func (h *Histogram) Count() int64 {
	if h == nil || h.h == nil {
		return 0
	}
	return h.h.TotalCount()
}

// Max is the longest time.
func (h *Histogram) Max() time.Duration { return h.max }

// Sum is all times together.
func (h *Histogram) Sum() time.Duration { return h.sum }

// Quantile is the time within which a part of all things were done: 0.99 of them. 1 is the longest.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return h.at(int64(math.Ceil(q * float64(h.Count()))))
}

// at is the time of the one that comes at a place, counted from 1, when all are sorted.
func (h *Histogram) at(rank int64) time.Duration {
	const percent = 100
	n := h.Count()
	rank = min(max(rank, 1), n)
	// Half a place less keeps the library from rounding up to the next one.
	v := h.h.ValueAtPercentile(percent * (float64(rank) - 0.5) / float64(n))
	return min(time.Duration(v)*time.Microsecond, h.max)
}

// countFrom is how many times are as long as d or longer.
func (h *Histogram) countFrom(d time.Duration) int64 {
	n := int64(0)
	if h.Count() == 0 {
		return 0
	}
	for _, bar := range h.h.Distribution() {
		if bar.Count > 0 && bar.To >= d.Microseconds() {
			n += bar.Count
		}
	}
	return n
}

// Add adds what another Histogram holds.
func (h *Histogram) Add(o *Histogram) {
	if o.Count() == 0 {
		return
	}
	if h.h == nil {
		h.h = emptyHistogram()
	}
	h.h.Merge(o.h)
	h.max = max(h.max, o.max)
	h.sum += o.sum
}

// Clone is a copy.
func (h *Histogram) Clone() *Histogram {
	c := &Histogram{}
	c.Add(h)
	return c
}

// histogramText is a Histogram as it is written. The quantiles are for people; what counts is hdr, the library's compressed
// form in base64, which other HDR tools read.
type histogramText struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_s"`
	P95   float64 `json:"p95_s"`
	P99   float64 `json:"p99_s"`
	Max   float64 `json:"max_s"`
	Sum   float64 `json:"sum_s"`
	HDR   string  `json:"hdr,omitempty"`
}

// MarshalJSON writes the Histogram with its quantiles in seconds.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	const half, most, nearlyAll = 0.5, 0.95, 0.99
	text := histogramText{
		Count: h.Count(), P50: h.Quantile(half).Seconds(), P95: h.Quantile(most).Seconds(), P99: h.Quantile(nearlyAll).Seconds(),
		Max: h.max.Seconds(), Sum: h.sum.Seconds(),
	}
	if h.Count() > 0 {
		coded, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			return nil, err
		}
		text.HDR = string(coded)
	}
	return json.Marshal(text)
}

// errHistogram says that a histogram is none.
var errHistogram = errors.New("a histogram cannot be read")

// UnmarshalJSON reads what MarshalJSON writes.
func (h *Histogram) UnmarshalJSON(body []byte) error {
	var text histogramText
	if err := json.Unmarshal(body, &text); err != nil {
		return err
	}
	*h = Histogram{}
	if text.HDR == "" {
		if text.Count != 0 {
			return fmt.Errorf("%w: it has no hdr", errHistogram)
		}
		return nil
	}
	const longestText = 4 << 20
	if len(text.HDR) > longestText {
		return fmt.Errorf("%w: %d bytes", errHistogram, len(text.HDR))
	}
	read, err := hdrhistogram.Decode([]byte(text.HDR))
	if err != nil {
		return fmt.Errorf("%w: %w", errHistogram, err)
	}
	h.h = emptyHistogram()
	if left := h.h.Merge(read); left > 0 || h.h.TotalCount() != text.Count {
		return fmt.Errorf("%w: it holds %d times, and says %d", errHistogram, h.h.TotalCount(), text.Count)
	}
	h.max, h.sum = seconds(text.Max), seconds(text.Sum)
	return nil
}

// seconds is a number of seconds as a Duration, at most what that can hold.
func seconds(s float64) time.Duration {
	d := s * float64(time.Second)
	switch {
	case !(d > 0):
		return 0
	case d >= float64(profileNever):
		return profileNever
	default:
		return time.Duration(math.Round(d))
	}
}

// recentTimes are those of the last half to whole minute.
type recentTimes struct {
	before, now Histogram
	since       time.Time
	count       int64 // of all times, and their sum
	sum         time.Duration
}

// half of what recentTimes hold.
const recentHalf = 30 * time.Second

func (t *recentTimes) record(d time.Duration) {
	t.turn(time.Now())
	t.now.Record(d)
	t.count++
	t.sum += d
}

// turn forgets what is too old.
func (t *recentTimes) turn(now time.Time) {
	switch age := now.Sub(t.since); {
	case age < recentHalf:
	case age < 2*recentHalf:
		t.before, t.now, t.since = t.now, Histogram{}, now
	default:
		t.before, t.now, t.since = Histogram{}, Histogram{}, now
	}
}
