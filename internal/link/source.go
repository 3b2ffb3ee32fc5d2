package link

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// progressBytes is how much of a packet counts as progress before it is complete: a large one may take longer than a Keep
// Alive on a slow link, and nothing can overtake it.
const progressBytes = 1 << 10

// A Server that writes each packet on its own, as Mosquitto does, wakes us for each of them. That costs 6 µs of CPU time a
// message, ten times what the message itself does, and the Server pays as well. So when reads bring less than severalPackets
// each, and yet packets come quickly, reading waits for gatherTime before the next read, for as long as that brings several.
const (
	severalPackets = 16
	quick          = 25 * time.Microsecond // from packet to packet
	sampleReads    = 8
	gatherTime     = time.Millisecond
)

// Coming is what is known about the packets that the Server is going to send.
type Coming int

const (
	// Unknown is when the Server sends what it has.
	Unknown Coming = iota
	// Awaited is when the Server sends no more than a few before we have answered them, or somebody waits for each of them.
	Awaited
	// Plenty is when there are so many that the Server is busy for more than a millisecond.
	Plenty
)

// source stamps each read with its time. What is not atomic belongs to the read loop.
type source struct {
	r        io.Reader
	at       time.Time // of the last read
	seen     int64     // bytes
	packets  int64     // complete ones
	atNano   atomic.Int64
	progress atomic.Int64

	coming  func() Coming // nil: reading never waits
	full    bool          // the last read had no room for more
	counted int64         // packets that were complete before it
	gathers bool          // it pays to wait
	reads   int           // those of a sample
	since   time.Time     // the first of them
	before  int64         // packets that were complete then
}

func (s *source) Read(p []byte) (int, error) {
	s.progress.Store(s.packets + s.seen/progressBytes)
	if s.coming != nil && !s.full && s.gather() {
		time.Sleep(gatherTime) //nolint:forbidigo // too short for anybody to end it
	}
	n, err := s.r.Read(p)
	if n == 0 {
		return n, err
	}
	if s.seen == 0 && p[0] != byte(wire.CONNACK)<<4 && p[0] != byte(wire.AUTH)<<4 {
		err = ErrNotMQTT // at once: the rest of what looks like a packet may never come
	}
	s.at = time.Now()
	s.seen += int64(n)
	s.atNano.Store(s.at.UnixNano())
	s.full = n == len(p)
	return n, err
}

// gather reports whether to wait before the next read, after one or more of which all but the last had no room for more.
func (s *source) gather() bool {
	came := s.packets - s.counted
	s.counted = s.packets
	switch s.coming() {
	case Plenty:
		return came < severalPackets
	case Awaited:
		s.gathers, s.reads = false, 0
	default:
		s.judge(came)
	}
	return s.gathers
}

// judge decides whether it pays to wait: after each wait, and without one by samples.
func (s *source) judge(came int64) {
	switch {
	case s.gathers:
		s.gathers = came >= severalPackets
	case s.reads == 0:
		s.reads, s.since, s.before = 1, s.at, s.packets
	case s.reads < sampleReads:
		s.reads++
	default:
		n := s.packets - s.before
		s.gathers = n < sampleReads*severalPackets && s.at.Sub(s.since) < time.Duration(n)*quick
		s.reads = 0
	}
}
