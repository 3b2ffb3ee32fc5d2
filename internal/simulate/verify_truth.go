package simulate

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// truth is an entry of a ledger with what came of it, in few bytes.
type truth struct {
	hash      uint64 // of the payload as it was sent
	due, sent int64  // Unix time in microseconds
	seen      uint32 // how often it came in
	arrival   uint32 // as the how manieth it came in first
	faults    uint32 // a list
	device    uint32 // names
	topic     uint32
	copies    uint32 // on purpose
	seq       uint32
	qos       byte
	effects   byte // what was done on purpose
	marks     byte // what was found
	resent    byte // how often it went out once more, 255 for more; whether the first got through nobody knows
}

// times is how often the message was sent.
func (t *truth) times() int { return 1 + int(t.copies) + int(t.resent) }

// The marks.
const (
	sentAltered byte = 1 << iota
	sentMisplaced
	cameAltered // on the way, and not by its device
	cameReordered
	cameLate
)

// effectBit is the bit of an effect; 0 for one that is not known.
func effectBit(e Effect) byte {
	for i, known := range [...]Effect{Dropped, Duplicated, Late, Reordered, Altered, Misplaced} {
		if e == known {
			return 1 << i
		}
	}
	return 0
}

const droppedBit byte = 1

func (t *truth) has(e Effect) bool { return t.effects&effectBit(e) != 0 }

// truths are all of them, in pieces: a list that grows would be copied, and twice there.
type truths struct {
	pieces [][]truth
	n      uint32
}

const truthsInPiece = 1 << 14

func (a *truths) add(t truth) uint32 {
	if a.n%truthsInPiece == 0 {
		a.pieces = append(a.pieces, make([]truth, 0, truthsInPiece))
	}
	last := &a.pieces[len(a.pieces)-1]
	*last = append(*last, t)
	a.n++
	return a.n - 1
}

func (a *truths) at(i uint32) *truth { return &a.pieces[i/truthsInPiece][i%truthsInPiece] }

// names gives texts numbers.
type names struct {
	numbers map[string]uint32
	texts   []string
}

func newNames() names { return names{numbers: map[string]uint32{}} }

func (n *names) number(text string) uint32 {
	if i, ok := n.numbers[text]; ok {
		return i
	}
	i := uint32(len(n.texts))
	text = strings.Clone(text) // not the whole line with it
	n.texts = append(n.texts, text)
	n.numbers[text] = i
	return i
}

func (n *names) known(text string) (uint32, bool) {
	i, ok := n.numbers[text]
	return i, ok
}

// lists gives lists of texts numbers; 0 is the empty one.
type lists struct {
	numbers map[string]uint32
	all     [][]string
}

func newLists() lists { return lists{numbers: map[string]uint32{"": 0}, all: [][]string{nil}} }

func (l *lists) number(list []string) uint32 {
	if len(list) == 0 {
		return 0
	}
	key := strings.Join(list, "\x00")
	if i, ok := l.numbers[key]; ok {
		return i
	}
	i := uint32(len(l.all))
	copied := make([]string, len(list))
	for j := range list {
		copied[j] = strings.Clone(list[j])
	}
	l.all = append(l.all, copied)
	l.numbers[key] = i
	return i
}

// hashOf tells payloads apart.
func hashOf(p []byte) uint64 {
	sum := sha256.Sum256(p)
	return binary.BigEndian.Uint64(sum[:])
}

// hashNumber reads a hash as it stands in a ledger.
func hashNumber(text string) uint64 {
	n, _ := strconv.ParseUint(text, 16, 64) // checked when the entry was read
	return n
}

func timeOf(t int64) time.Time { return time.UnixMicro(t).UTC() }
