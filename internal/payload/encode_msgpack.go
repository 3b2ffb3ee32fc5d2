package payload

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
)

// msgpackForm is MessagePack, in its shortest formats.
type msgpackForm struct{}

func (msgpackForm) name() string { return "MessagePack" }

func (msgpackForm) null(dst []byte) []byte { return append(dst, 0xc0) }

func (msgpackForm) boolean(dst []byte, b bool) []byte {
	if b {
		return append(dst, 0xc3)
	}
	return append(dst, 0xc2)
}

// integer appends n. MessagePack has none beyond 64 bits.
func (m msgpackForm) integer(dst []byte, n *big.Int) ([]byte, error) {
	switch {
	case n.Sign() >= 0 && n.IsUint64():
		return m.unsigned(dst, n.Uint64()), nil
	case n.IsInt64():
		return m.negative(dst, n.Int64()), nil
	default:
		return nil, fmt.Errorf("the number %.40s is too large for MessagePack", n)
	}
}

func (msgpackForm) unsigned(dst []byte, n uint64) []byte {
	switch {
	case n < 0x80:
		return append(dst, byte(n))
	case n <= math.MaxUint8:
		return append(dst, 0xcc, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 0xcf), n)
	}
}

func (msgpackForm) negative(dst []byte, n int64) []byte {
	switch {
	case n >= -32:
		return append(dst, byte(n))
	case n >= math.MinInt8:
		return append(dst, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(n))
	}
}

func (msgpackForm) float(dst []byte, f float64) []byte {
	if exactFloat32(f) {
		return binary.BigEndian.AppendUint32(append(dst, 0xca), math.Float32bits(float32(f)))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(f))
}

func (m msgpackForm) text(dst []byte, s string) []byte {
	if n := len(s); n > 31 && n <= math.MaxUint8 {
		dst = append(dst, 0xd9, byte(n))
	} else {
		dst = m.head(dst, 0xa0, 31, 0xda, n)
	}
	return append(dst, s...)
}

func (m msgpackForm) array(dst []byte, n int) []byte  { return m.head(dst, 0x90, 15, 0xdc, n) }
func (m msgpackForm) object(dst []byte, n int) []byte { return m.head(dst, 0x80, 15, 0xde, n) }

// head appends the format of something with n parts: fix holds up to most of them, wide is the format with 16 bits, and the
// one after it that with 32, which is more than a payload can have.
func (msgpackForm) head(dst []byte, fix byte, most int, wide byte, n int) []byte {
	switch {
	case n <= most:
		return append(dst, fix|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, wide), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(dst, wide+1), uint32(n))
	}
}
