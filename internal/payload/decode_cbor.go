package payload

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/x448/float16"

	"github.com/mqx-cli/mqx/internal/message"
)

// cborToJSON writes one CBOR data item (RFC 8949) as JSON: members in their order, byte strings as base64, big integers as
// numbers, undefined as null, other numbers than JSON has as strings, other tags as their content.
func cborToJSON(p []byte) ([]byte, error) {
	if err := cbor.Wellformed(p); err != nil {
		return nil, errors.New("not one well-formed CBOR data item")
	}
	w := cborWalk{in: p}
	if err := w.item(); err != nil {
		return nil, err
	}
	return w.out, nil
}

// cborWalk goes through what [cbor.Wellformed] has accepted, which bounds the depth, too.
type cborWalk struct {
	in  []byte
	at  int
	out []byte
}

const (
	cborIndefinite = 31
	cborBreak      = 0xff
)

// head reads the initial byte and the argument.
func (w *cborWalk) head() (major, info byte, argument uint64) {
	first := w.in[w.at]
	w.at++
	major, info = first&^31, first&31
	var wide [8]byte
	n := 0
	switch {
	case info < 24:
		return major, info, uint64(info)
	case info < 28:
		n = 1 << (info - 24)
	}
	copy(wide[8-n:], w.in[w.at:w.at+n])
	w.at += n
	return major, info, binary.BigEndian.Uint64(wide[:])
}

func (w *cborWalk) item() error {
	major, info, n := w.head()
	switch major {
	case cborUnsigned:
		w.out = strconv.AppendUint(w.out, n, 10)
	case cborNegative: // -1 - n
		w.out = new(big.Int).Not(new(big.Int).SetUint64(n)).Append(w.out, 10)
	case cborBytes, cborText:
		text := w.str(info, n)
		if major == cborBytes {
			text = base64.StdEncoding.AppendEncode(nil, text)
		} else if !utf8.Valid(text) {
			return errors.New("a text string that is not UTF-8")
		}
		w.out = message.AppendJSONString(w.out, text)
	case cborArray:
		return w.list('[', ']', info, n, w.item)
	case cborMap:
		return w.list('{', '}', info, n, w.member)
	case cborTag:
		return w.tagged(n)
	default:
		w.simple(info, n)
	}
	return nil
}

// str reads the content of a string, whose chunks follow when its length is not given.
func (w *cborWalk) str(info byte, n uint64) []byte {
	if info != cborIndefinite {
		w.at += int(n)
		return w.in[w.at-int(n) : w.at]
	}
	var all []byte
	for w.in[w.at] != cborBreak {
		_, info, n := w.head()
		all = append(all, w.str(info, n)...)
	}
	w.at++
	return all
}

func (w *cborWalk) list(opening, closing, info byte, n uint64, element func() error) error {
	w.out = append(w.out, opening)
	for i := uint64(0); ; i++ {
		if info == cborIndefinite && w.in[w.at] == cborBreak {
			w.at++
			break
		}
		if info != cborIndefinite && i == n {
			break
		}
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := element(); err != nil {
			return err
		}
	}
	w.out = append(w.out, closing)
	return nil
}

// member reads a key and a value. A key that is no text becomes the text of its JSON.
func (w *cborWalk) member() error {
	start := len(w.out)
	if err := w.item(); err != nil {
		return err
	}
	if w.out[start] != '"' {
		key := string(w.out[start:])
		w.out = message.AppendJSONString(w.out[:start], key)
	}
	w.out = append(w.out, ':')
	return w.item()
}

// tagged reads the content of a tag: 2 and 3 are big integers.
func (w *cborWalk) tagged(tag uint64) error {
	const positive, negative = 2, 3
	if (tag == positive || tag == negative) && w.in[w.at]&^31 == cborBytes {
		_, info, n := w.head()
		v := new(big.Int).SetBytes(w.str(info, n))
		if v.BitLen() > maxBigBits {
			return fmt.Errorf("an integer of %d bits", v.BitLen())
		}
		if tag == negative {
			v.Not(v)
		}
		w.out = v.Append(w.out, 10)
		return nil
	}
	return w.item()
}

// maxBigBits bounds an integer: to write one out takes more than linear time.
const maxBigBits = 4096

func (w *cborWalk) simple(info byte, n uint64) {
	switch info {
	case 20, 21:
		w.out = strconv.AppendBool(w.out, info == 21)
	case 25:
		w.out = AppendFloat(w.out, float64(float16.Frombits(uint16(n)).Float32()), 32)
	case 26:
		w.out = AppendFloat(w.out, float64(math.Float32frombits(uint32(n))), 32)
	case 27:
		w.out = AppendFloat(w.out, math.Float64frombits(n), 64)
	default: // null, undefined, and simple values without a meaning
		w.out = append(w.out, "null"...)
	}
}

// AppendFloat appends the shortest number in JSON that has the value of a float of 32 or 64 bits, or a string for what JSON has
// no number for: NaN, Infinity and -Infinity.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	format := byte('g')
	if abs := math.Abs(f); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		format = 'f'
	}
	return strconv.AppendFloat(dst, f, format, -1, bits)
}
