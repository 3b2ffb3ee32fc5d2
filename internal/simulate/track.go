package simulate

import (
	"math"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
)

// track is somebody who moves along points.
type track struct {
	points []profile.Point // each with the time at which it is passed
	loop   bool
	born   time.Duration
	at     int
}

func newTrack(from *profile.Track, born time.Duration) *track {
	t := &track{points: from.Points, loop: from.Loop, born: born}
	if from.Speed > 0 {
		t.points = timed(from.Points, from.Speed)
	}
	return t
}

// timed gives points the times at which somebody passes them who goes at a speed in metres a second.
func timed(points []profile.Point, speed float64) []profile.Point {
	all := make([]profile.Point, len(points))
	at := 0.0 // seconds
	for i, p := range points {
		if i > 0 {
			at += distance(points[i-1], p) / speed
		}
		all[i] = p
		all[i].At = microseconds(float64(at * float64(time.Second)))
	}
	return all
}

// distance is the way between two points in metres, as if the earth were flat between them: for tracks, whose points are
// close together, that is as good as their coordinates.
func distance(a, b profile.Point) float64 {
	const metres = 40_075_016.7 / 360 // in a degree
	north := b.Lat - a.Lat
	east := float64((b.Lon - a.Lon) * cosTurns((a.Lat+b.Lat)/720))
	return float64(metres * math.Sqrt(fma(north, north, float64(east*east))))
}

func (t *track) next(m *moment) any {
	age := m.now - t.born
	last := len(t.points) - 1
	if length := t.points[last].At; t.loop && length > 0 {
		if age %= length; age < t.points[t.at].At {
			t.at = 0
		}
	}
	for t.at < last-1 && t.points[t.at+1].At <= age {
		t.at++
	}
	a, b := t.points[t.at], t.points[t.at+1]
	part := 1.0
	if b.At > a.At {
		part = max(0, min(1, float64(age-a.At)/float64(b.At-a.At)))
	}
	between := func(x, y float64) float64 { return decimals(fma(y-x, part, x), 6) }
	return Position{between(a.Lat, b.Lat), between(a.Lon, b.Lon), decimals(fma(b.Alt-a.Alt, part, a.Alt), 1), a.HasAlt && b.HasAlt}
}

// decimals rounds to a number of digits behind the point.
func decimals(x float64, digits int) float64 {
	factor := 1.0
	for range digits {
		factor *= 10
	}
	if scaled := float64(x * factor); math.Abs(scaled) < 1<<52 {
		return math.Round(scaled) / factor
	}
	return x
}
