package link

import (
	"bytes"
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
	longestDoubt   = 256 // samples
	gatherTime     = time.Millisecond
)

// Coming is what is known about the packets that the Server is going to send.
type Coming int

const (
	// Unknown is when the Server sends what it has.
	Unknown Coming = iota
	// Windowed is when it may send only so much before we have acknowledged it: how much, it does not say.
	Windowed
	// Awaited is when it sends few, and somebody waits for them.
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
	slept   time.Time     // when the last wait began
	gap     time.Duration // from packet to packet in the last sample
	reads   int           // those of the present sample
	since   time.Time     // the first of them
	before  int64         // packets that were complete then
	skip    int           // samples that decide nothing
	doubt   int           // how many those were at first
}

func (s *source) Read(p []byte) (int, error) {
	s.progress.Store(s.packets + s.seen/progressBytes)
	if s.coming != nil && !s.full && s.gather() {
		s.slept = time.Now()
		time.Sleep(gatherTime) //nolint:forbidigo // too short for anybody to end it
	}
	n, err := s.r.Read(p)
	if n == 0 {
		return n, err
	}
	if s.seen == 0 && !beginsAnswer(p[0]) {
		return 0, notMQTT(p[:n]) // at once: the rest of what looks like a packet may never come
	}
	s.at = time.Now()
	s.seen += int64(n)
	s.atNano.Store(s.at.UnixNano())
	s.full = n == len(p)
	return n, err
}

// beginsAnswer reports whether the first byte from a Server may be that of an answer to CONNECT. A DISCONNECT must not be one
// [MQTT-3.14.0-1], but it says why there is no other.
func beginsAnswer(first byte) bool {
	switch first {
	case byte(wire.CONNACK) << 4, byte(wire.AUTH) << 4, byte(wire.DISCONNECT) << 4:
		return true
	default:
		return false
	}
}

// gather reports whether to wait before the next read, after one or more of which all but the last had no room for more.
func (s *source) gather() bool {
	came := s.packets - s.counted
	s.counted = s.packets
	coming := s.coming()
	switch {
	case coming == Plenty:
		return came < severalPackets
	case coming == Awaited:
		s.gathers, s.reads = false, 0
	case s.gathers:
		s.gathers = came >= severalPackets && (coming == Unknown || s.asQuickly(came))
	default:
		s.sample()
	}
	return s.gathers
}

// asQuickly reports whether as many packets have come during the wait as would have without it. They have not when the Server had
// to wait for us; then samples decide nothing for some time, each time for longer.
func (s *source) asQuickly(came int64) bool {
	if 4*time.Duration(came)*s.gap >= 3*s.at.Sub(s.slept) {
		s.doubt = 0
		return true
	}
	s.doubt = min(max(1, 2*s.doubt), longestDoubt)
	s.skip = s.doubt
	return false
}

// sample decides after a number of reads whether it pays to wait.
func (s *source) sample() {
	switch {
	case s.reads == 0:
		s.reads, s.since, s.before = 1, s.at, s.packets
	case s.reads < sampleReads:
		s.reads++
	case s.skip > 0:
		s.reads = 0
		s.skip--
	default:
		s.reads = 0
		n := max(1, s.packets-s.before)
		s.gap = s.at.Sub(s.since) / time.Duration(n)
		s.gathers = n < sampleReads*severalPackets && s.gap < quick
	}
}

// notMQTT says what begins with these bytes.
func notMQTT(first []byte) error {
	const alert, major = 21, 3 // TLS 1.3, section 5.1
	switch {
	case len(first) > 1 && first[0] == alert && first[1] == major:
		return ErrSpeaksTLS
	case bytes.HasPrefix(first, []byte("HTTP/")):
		return ErrSpeaksHTTP
	default:
		return ErrNotMQTT
	}
}
