package sift

import "hash/maphash"

// generation is how many keys are remembered at least when more were seen. Twice as many take some 100 MB.
const generation = 500_000

// key stands for a text of any length. Two texts have the same key once in 2^128 times.
type key [2]uint64

// keyer makes keys.
type keyer [2]maphash.Seed

func newKeyer() keyer { return keyer{maphash.MakeSeed(), maphash.MakeSeed()} }

// of returns the key of the parts, which are told apart.
func (k *keyer) of(parts ...string) key {
	var sum key
	for i := range sum {
		var h maphash.Hash
		h.SetSeed(k[i])
		for _, part := range parts {
			_, _ = h.WriteString(part) // a hash takes everything
			_ = h.WriteByte(separator) // no UTF-8 text has this byte
		}
		sum[i] = h.Sum64()
	}
	return sum
}

const separator = 0xff

// recent is a map in bounded memory: of its last entries it has those of the last generation at least, and up to two.
type recent[V any] struct {
	limit    int
	now, old map[key]V
	forgot   bool // entries were dropped
}

func newRecent[V any](limit int) *recent[V] { return &recent[V]{limit: limit, now: map[key]V{}} }

func (r *recent[V]) get(k key) (V, bool) {
	v, ok := r.now[k]
	if ok {
		return v, true
	}
	v, ok = r.old[k]
	return v, ok
}

func (r *recent[V]) set(k key, v V) {
	if len(r.now) >= r.limit {
		if _, there := r.now[k]; !there {
			r.forgot = r.forgot || len(r.old) > 0
			r.old, r.now = r.now, map[key]V{}
		}
	}
	r.now[k] = v
}
