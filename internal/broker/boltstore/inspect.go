package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
	"strings"
)

// The library trusts its pages: what is wrong with one ends the program, or is written into the next. So we go through the
// file by ourselves before. This is the layout of go.etcd.io/bbolt, whose numbers are in the order of bytes of the machine:
//
//	page        id 8, flags 2, count 2, overflow 4 (how many pages more it takes), then
//	  meta      magic 4, version 4, page size 4, flags 4, root page 8, sequence 8, free list 8, high water mark 8,
//	            transaction 8, checksum 8 (FNV-1a of the bytes before)
//	  branch    for each child: position of the key from here 4, size of the key 4, page 8
//	  leaf      for each element: flags 4 (1: it is a bucket), position from here 4, size of the key 4, size of the value 4
//	bucket      root page 8 (0: the page follows here), sequence 8
const (
	pageSize         = 4096 // of all our files
	pageHeaderSize   = 16
	metaSize         = 56 // before its checksum
	branchSize       = 16
	leafSize         = 16
	bucketHeaderSize = 16

	flagBranch, flagLeaf, flagMeta = 1, 2, 4

	bucketElement = 1

	metaMagic, metaVersion = 0xED0CDAED, 2
	noFreeList             = math.MaxUint64
)

// errFormat says that the bucket has the name of another format.
var errFormat = errors.New("another format")

// inspectFile checks the structure of a file.
func inspectFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", name)
	}
	switch err := inspect(f, info.Size()); {
	case errors.Is(err, errFormat):
		return ErrNewer
	case err != nil:
		return &DamagedError{File: name, What: err.Error()}
	default:
		return nil
	}
}

// inspector goes through the pages of a file.
type inspector struct {
	file io.ReaderAt
	size uint64   // of the file
	high uint64   // pages from here on are not in use
	seen []uint64 // a bit for each page
	last []byte   // the last key in the tree that is gone through
}

// inspect returns what is wrong with the structure of the file, or [errFormat].
func inspect(file io.ReaderAt, size int64) error {
	in := &inspector{file: file, size: uint64(size)}
	root, err := in.metas()
	if err != nil {
		return err
	}
	in.seen = make([]uint64, in.high/64+1)
	var records bucket
	found := 0
	err = in.tree(root, span{}, func(name []byte, flags uint32, value []byte) error {
		if flags != bucketElement || len(value) < bucketHeaderSize {
			return errors.New("there is something beside the records")
		}
		if string(name) != bucketName {
			return otherBucket(string(name))
		}
		found++
		records = bucket{root: binary.NativeEndian.Uint64(value), inline: value[bucketHeaderSize:]}

		return nil
	})
	if err != nil {
		return err
	}
	if found != 1 {
		return errors.New("there are no records")
	}
	in.last = nil
	record := func(_ []byte, flags uint32, _ []byte) error {
		if flags != 0 {
			return errors.New("a record is marked as something else")
		}

		return nil
	}
	if records.root == 0 {
		return in.leaf(page{number: 0, data: records.inline}, span{}, record)
	}

	return in.tree(records.root, span{}, record)
}

// otherBucket is about a bucket that is not ours.
func otherBucket(name string) error {
	number, ok := strings.CutPrefix(name, bucketPrefix)
	if ok && number != "" && strings.Trim(number, "0123456789") == "" {
		return errFormat
	}

	return errors.New("it is not a file of this broker")
}

type bucket struct {
	root   uint64
	inline []byte
}

// metas checks both headers, and returns the root of the newer one. A header takes part of a sector, so a write that was
// interrupted leaves the old one or the new one. One that is neither hides the last transaction.
func (in *inspector) metas() (root uint64, err error) {
	if in.size < 2*pageSize {
		return 0, errors.New("its beginning is missing")
	}
	var newest, list uint64
	for number := range uint64(2) {
		p, err := in.read(number, 0)
		if err != nil {
			return 0, err
		}
		if p.flags() != flagMeta || p.id() != number {
			return 0, fmt.Errorf("header %d is none", number)
		}
		m := p.data[pageHeaderSize:]
		sum := fnv.New64a()
		sum.Write(m[:metaSize])
		if binary.NativeEndian.Uint32(m) != metaMagic || sum.Sum64() != binary.NativeEndian.Uint64(m[metaSize:]) {
			return 0, fmt.Errorf("header %d is not as it was written", number)
		}
		if v := binary.NativeEndian.Uint32(m[4:]); v != metaVersion {
			return 0, errFormat
		}
		if binary.NativeEndian.Uint32(m[8:]) != pageSize {
			return 0, errors.New("its pages have another size")
		}
		if t := binary.NativeEndian.Uint64(m[48:]); t >= newest {
			newest, root = t, binary.NativeEndian.Uint64(m[16:])
			list, in.high = binary.NativeEndian.Uint64(m[32:]), binary.NativeEndian.Uint64(m[40:])
		}
	}
	if list != noFreeList {
		return 0, errors.New("another program has written to it")
	}
	if in.high > in.size/pageSize {
		return 0, fmt.Errorf("%d bytes are missing at its end", in.high*pageSize-in.size)
	}

	return root, nil
}

type page struct {
	number uint64
	data   []byte
}

func (p page) id() uint64       { return binary.NativeEndian.Uint64(p.data) }
func (p page) flags() uint16    { return binary.NativeEndian.Uint16(p.data[8:]) }
func (p page) count() int       { return int(binary.NativeEndian.Uint16(p.data[10:])) }
func (p page) overflow() uint64 { return uint64(binary.NativeEndian.Uint32(p.data[12:])) }

func (p page) errorf(format string, args ...any) error {
	return fmt.Errorf("page %d: "+format, append([]any{p.number}, args...)...)
}

// read reads a page and as many more.
func (in *inspector) read(number, more uint64) (page, error) {
	data := make([]byte, (more+1)*pageSize)
	_, err := in.file.ReadAt(data, int64(number*pageSize))

	return page{number, data}, err
}

// use reads a page of a tree, which may be part of one tree only.
func (in *inspector) use(number uint64) (page, error) {
	if number < 2 || number >= in.high {
		return page{}, fmt.Errorf("page %d is not in use", number)
	}
	p, err := in.read(number, 0)
	if err != nil {
		return p, err
	}
	more := p.overflow()
	if p.id() != number || number+more >= in.high {
		return p, p.errorf("it is another page")
	}
	for n := number; n <= number+more; n++ {
		if in.seen[n/64]>>(n%64)&1 != 0 {
			return p, p.errorf("it is used twice")
		}
		in.seen[n/64] |= 1 << (n % 64)
	}
	if more == 0 {
		return p, nil
	}

	return in.read(number, more)
}

// span is where the keys of a page must be: from low on, and before high; nil: there is no limit.
type span struct{ low, high []byte }

func (s span) holds(name []byte) bool {
	return (s.low == nil || bytes.Compare(name, s.low) >= 0) && (s.high == nil || bytes.Compare(name, s.high) < 0)
}

// tree goes through a page and those below it.
func (in *inspector) tree(number uint64, s span, visit func(name []byte, flags uint32, value []byte) error) error {
	p, err := in.use(number)
	if err != nil {
		return err
	}
	if p.flags() != flagBranch {
		return in.leaf(p, s, visit)
	}
	count := p.count()
	if count == 0 || pageHeaderSize+count*branchSize > len(p.data) {
		return p.errorf("its count is wrong")
	}
	names := make([][]byte, count)
	for i := range count {
		at := pageHeaderSize + i*branchSize
		var ok bool
		names[i], _, ok = cut(p.data, at, binary.NativeEndian.Uint32(p.data[at:]), binary.NativeEndian.Uint32(p.data[at+4:]), 0)
		if !ok || !s.holds(names[i]) || i > 0 && bytes.Compare(names[i-1], names[i]) >= 0 {
			return p.errorf("key %d is wrong", i)
		}
	}
	for i := range count {
		below := span{names[i], s.high}
		if i+1 < count {
			below.high = names[i+1]
		}
		child := binary.NativeEndian.Uint64(p.data[pageHeaderSize+i*branchSize+8:])
		if err := in.tree(child, below, visit); err != nil {
			return err
		}
	}

	return nil
}

// leaf goes through the elements of a page.
func (in *inspector) leaf(p page, s span, visit func(name []byte, flags uint32, value []byte) error) error {
	if len(p.data) < pageHeaderSize || p.flags() != flagLeaf {
		return p.errorf("it is of the wrong kind")
	}
	count := p.count()
	if pageHeaderSize+count*leafSize > len(p.data) {
		return p.errorf("its count is wrong")
	}
	for i := range count {
		at := pageHeaderSize + i*leafSize
		field := func(n int) uint32 { return binary.NativeEndian.Uint32(p.data[at+n:]) }
		name, value, ok := cut(p.data, at, field(4), field(8), field(12))
		if !ok || !s.holds(name) || in.last != nil && bytes.Compare(in.last, name) >= 0 {
			return p.errorf("key %d is wrong", i)
		}
		in.last = name
		if err := visit(name, field(0), value); err != nil {
			return err
		}
	}

	return nil
}

// cut takes a key and what follows it out of a page. The position counts from at.
func cut(data []byte, at int, position, size, after uint32) (name, value []byte, ok bool) {
	begin := uint64(at) + uint64(position)
	middle := begin + uint64(size)
	end := middle + uint64(after)
	if end > uint64(len(data)) {
		return nil, nil, false
	}

	return data[begin:middle], data[middle:end], true
}
