package topic

import (
	"slices"
	"strings"
)

// Store keeps a value for each of many Topic Names and finds those that a filter matches: the Retained Messages of a
// broker, the topics of a capture.
//
// The zero Store is empty and ready. It is not safe for concurrent use: callers lock, and functions given to Match,
// MatchFrom and Walk must not change the Store. It keeps the name strings that it is given.
//
// Names are kept in byte order in blocks and not in a tree of levels. So a name costs its text, a string header and the
// value, whatever its levels; a listing has an order, and can go on from any name without the Store remembering it; and
// a filter with wildcards is answered by leaping from one possible name to the next.
type Store[V any] struct {
	blocks [][]entry[V] // none is empty
	n      int
}

type entry[V any] struct {
	name  string
	value V
}

// maxBlock bounds what an insertion must move. A block is split when full, and joined with a neighbour when both together
// fill half of one.
const maxBlock = 128

// Len returns the number of names.
func (s *Store[V]) Len() int { return s.n }

// Get returns the value of name.
func (s *Store[V]) Get(name string) (V, bool) {
	if p := s.seek(name); s.has(p) && s.at(p).name == name {
		return s.at(p).value, true
	}
	var none V

	return none, false
}

// Set gives name the value v. A name that is there already keeps its first string.
func (s *Store[V]) Set(name string, v V) {
	p := s.seek(name)
	if s.has(p) && s.at(p).name == name {
		s.at(p).value = v

		return
	}
	s.n++
	if p.entry == 0 && p.block > 0 { // between two blocks: the left one can take it too
		p = position{p.block - 1, len(s.blocks[p.block-1])}
	}
	if p.block == len(s.blocks) {
		s.blocks = append(s.blocks, nil)
	}
	if len(s.blocks[p.block]) == maxBlock {
		p = s.split(p)
	}
	s.blocks[p.block] = slices.Insert(s.blocks[p.block], p.entry, entry[V]{name, v})
}

// Delete removes name and reports whether it was there.
func (s *Store[V]) Delete(name string) bool {
	p := s.seek(name)
	if !s.has(p) || s.at(p).name != name {
		return false
	}
	s.n--
	s.blocks[p.block] = slices.Delete(s.blocks[p.block], p.entry, p.entry+1)
	s.join(p.block)

	return true
}

// Match calls fn with every name that the bare filter matches, in byte order, until fn returns false.
func (s *Store[V]) Match(filter string, fn func(name string, v V) bool) {
	s.scan(filter, "", s.n, fn)
}

// MatchFrom is Match in portions, for a caller who must not hold its lock for as long as a million names take. It looks at
// no more than limit names (but at one at least) behind after, which is empty at first, and calls fn with those that filter
// matches. It returns the after of the next call, and whether there may be more:
//
//	for after, more := "", true; more; {
//		mu.Lock()
//		after, more = store.MatchFrom(filter, after, 256, collect)
//		mu.Unlock()
//		send(collected)
//	}
//
// The Store may change between calls: a name that is there all the time is visited once, one that comes or goes
// meanwhile at most once as long as it stays. When fn returns false, the next call goes on behind that name.
func (s *Store[V]) MatchFrom(filter, after string, limit int, fn func(name string, v V) bool) (next string, more bool) {
	return s.scan(filter, after, max(1, limit), fn)
}

// Walk calls fn with every name, in byte order, until fn returns false. Unlike Match with #, it shows $ names.
func (s *Store[V]) Walk(fn func(name string, v V) bool) {
	for _, block := range s.blocks {
		for i := range block {
			if !fn(block[i].name, block[i].value) {
				return
			}
		}
	}
}

func (s *Store[V]) scan(filter, after string, limit int, fn func(name string, v V) bool) (string, bool) {
	if filter == "" {
		return after, false
	}
	l := newLeaper(filter)
	p := s.seekAfter(after, l.start())
	for ; s.has(p); limit-- {
		if limit <= 0 {
			return after, true
		}
		e := s.at(p)
		if !strings.HasPrefix(e.name, l.fixed) {
			// In byte order all names with the prefix are neighbours, and these were the last.
			return after, false
		}
		after = e.name
		switch l.look(e.name) {
		case hit:
			if !fn(e.name, e.value) {
				return after, true
			}
			p = s.next(p)
		case miss:
			p = s.next(p)
		case leap:
			p = s.leapTo(p, l.target)
		default:
			return after, false
		}
	}

	return after, false
}

// seekAfter returns the first position behind the name after and not before the name start.
func (s *Store[V]) seekAfter(after, start string) position {
	if after == "" || after < start {
		return s.seek(start)
	}
	p := s.seek(after)
	if s.has(p) && s.at(p).name == after {
		p = s.next(p)
	}

	return p
}

// leapTo returns the first position from p on whose name is not less than target. That is often close by.
func (s *Store[V]) leapTo(p position, target []byte) position {
	const steps = 4
	for range steps {
		p = s.next(p)
		if !s.has(p) || s.at(p).name >= string(target) {
			return p
		}
	}

	return search(s.blocks, target)
}

// position is a place in the blocks.
type position struct{ block, entry int }

func (s *Store[V]) has(p position) bool { return p.block < len(s.blocks) }

func (s *Store[V]) at(p position) *entry[V] { return &s.blocks[p.block][p.entry] }

func (s *Store[V]) next(p position) position {
	if p.entry+1 < len(s.blocks[p.block]) {
		return position{p.block, p.entry + 1}
	}

	return position{p.block + 1, 0}
}

func (s *Store[V]) seek(name string) position { return search(s.blocks, name) }

// search returns the position of the first name that is not less than key.
func search[V any, K string | []byte](blocks [][]entry[V], key K) position {
	lo, hi := 0, len(blocks) // the first block that begins behind key
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); blocks[mid][0].name > string(key) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == 0 {
		return position{0, 0}
	}
	block, b := blocks[lo-1], lo-1
	lo, hi = 0, len(block)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); block[mid].name < string(key) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(block) {
		return position{b + 1, 0}
	}

	return position{b, lo}
}

// split makes room in the full block of p and returns where p is then. At the very end it only opens a new block, so that
// names which come in order fill theirs.
func (s *Store[V]) split(p position) position {
	cut := maxBlock / 2
	if p.block == len(s.blocks)-1 && p.entry == maxBlock {
		cut = maxBlock
	}
	left := s.blocks[p.block]
	right := append(make([]entry[V], 0, maxBlock), left[cut:]...)
	clear(left[cut:])
	s.blocks[p.block] = left[:cut]
	s.blocks = slices.Insert(s.blocks, p.block+1, right)
	if p.entry >= cut {
		return position{p.block + 1, p.entry - cut}
	}

	return p
}

// join drops block b when it is empty, or joins it with a neighbour when both are small.
func (s *Store[V]) join(b int) {
	if len(s.blocks[b]) == 0 {
		s.blocks = slices.Delete(s.blocks, b, b+1)

		return
	}
	for _, left := range [...]int{b - 1, b} {
		if left < 0 || left+1 >= len(s.blocks) || len(s.blocks[left])+len(s.blocks[left+1]) > maxBlock/2 {
			continue
		}
		s.blocks[left] = append(s.blocks[left], s.blocks[left+1]...)
		s.blocks = slices.Delete(s.blocks, left+1, left+2)

		return
	}
}
