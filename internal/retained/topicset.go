package retained

import "hash/maphash"

// topicShards is into how many tables a topicSet is split, so that growing one needs little memory at a time.
const topicShards = 256

// topicSet remembers topics by 64-bit hashes: some 15 MB for a million of them, however long they are. Two topics share a
// hash once in 37 million sets of a million.
type topicSet struct {
	seed   maphash.Seed
	shards []shard // none before the first topic
}

// shard is an open-addressed table; a slot of 0 is free.
type shard struct {
	slots []uint64
	used  int
}

func newTopicSet() topicSet { return topicSet{seed: maphash.MakeSeed()} }

// add reports whether name is new.
func (s *topicSet) add(name string) bool {
	if s.shards == nil {
		s.shards = make([]shard, topicShards)
	}
	h := s.hash(name)
	t := &s.shards[h%topicShards]
	if t.used*5 >= len(t.slots)*4 {
		t.grow()
	}
	i := t.find(h)
	if t.slots[i] != 0 {
		return false
	}
	t.slots[i] = h
	t.used++
	return true
}

func (s *topicSet) has(name string) bool {
	if s.shards == nil {
		return false
	}
	h := s.hash(name)
	t := &s.shards[h%topicShards]
	return t.used > 0 && t.slots[t.find(h)] != 0
}

func (s *topicSet) hash(name string) uint64 {
	return max(1, maphash.String(s.seed, name))
}

// find returns the slot of h, or the free one where it belongs.
func (t *shard) find(h uint64) int {
	i := int(h / topicShards % uint64(len(t.slots)))
	for t.slots[i] != 0 && t.slots[i] != h {
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	return i
}

func (t *shard) grow() {
	old := t.slots
	t.slots = make([]uint64, max(16, len(old)*3/2))
	for _, h := range old {
		if h != 0 {
			t.slots[t.find(h)] = h
		}
	}
}
