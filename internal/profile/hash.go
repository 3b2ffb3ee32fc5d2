package profile

import (
	"crypto/sha256"
	"encoding/binary"
)

// Hash mixes a seed with names. It is the same on every machine and in every version: all that looks like chance hangs
// on it.
func Hash(seed uint64, names ...string) uint64 {
	first, _ := Seeds(seed, names...)
	return first
}

// Seeds is [Hash] with twice as many bits, for a generator.
func Seeds(seed uint64, names ...string) (uint64, uint64) {
	text := binary.BigEndian.AppendUint64(nil, seed)
	for _, name := range names {
		text = binary.AppendUvarint(text, uint64(len(name))) // so that "ab","c" is not "a","bc"
		text = append(text, name...)
	}
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])
}
