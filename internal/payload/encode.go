package payload

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/message"
)

// Encoding is a form in which a payload travels.
type Encoding string

// The encodings. The zero Encoding leaves a payload as it is.
const (
	CBOR    Encoding = "cbor"    // of a JSON text (RFC 8949)
	MsgPack Encoding = "msgpack" // of a JSON text
	Gzip    Encoding = "gzip"    // of any payload
)

// Encodings returns all encodings.
func Encodings() []Encoding { return []Encoding{CBOR, MsgPack, Gzip} }

// Encode returns a payload in another form. Members of objects keep their order. An error wraps [ErrNotJSON] where a JSON
// text is needed, or says which value has no place in the form: none is changed to fit.
func (e Encoding) Encode(p []byte) ([]byte, error) {
	switch e {
	case CBOR:
		return encodeJSON(p, cborForm{})
	case MsgPack:
		return encodeJSON(p, msgpackForm{})
	case Gzip:
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write(p)
		err = errors.Join(err, w.Close())
		return b.Bytes(), err
	default:
		return p, nil
	}
}

// binaryForm appends the values of JSON in a binary form. What is not in JSON (byte strings, tags) is not in it.
type binaryForm interface {
	name() string
	null(dst []byte) []byte
	boolean(dst []byte, b bool) []byte
	integer(dst []byte, n *big.Int) ([]byte, error)
	float(dst []byte, f float64) []byte
	text(dst []byte, s string) []byte
	array(dst []byte, n int) []byte
	object(dst []byte, n int) []byte
}

func encodeJSON(p []byte, form binaryForm) ([]byte, error) {
	if !message.IsJSON(p) {
		return nil, notJSON(p)
	}
	return appendBinary(make([]byte, 0, len(p)), gjson.ParseBytes(p), form)
}

func appendBinary(dst []byte, v gjson.Result, form binaryForm) ([]byte, error) {
	switch {
	case v.Type == gjson.Null:
		return form.null(dst), nil
	case v.Type == gjson.True, v.Type == gjson.False:
		return form.boolean(dst, v.Type == gjson.True), nil
	case v.Type == gjson.String:
		return form.text(dst, v.Str), nil
	case v.Type == gjson.Number:
		return appendBinaryNumber(dst, v.Raw, form)
	case v.IsArray():
		return appendBinaryArray(dst, v, form)
	default:
		return appendBinaryObject(dst, v, form)
	}
}

func appendBinaryArray(dst []byte, v gjson.Result, form binaryForm) ([]byte, error) {
	n := 0
	v.ForEach(func(_, _ gjson.Result) bool { n++; return true })
	dst = form.array(dst, n)
	var err error
	v.ForEach(func(_, e gjson.Result) bool {
		dst, err = appendBinary(dst, e, form)
		return err == nil
	})
	return dst, err
}

func appendBinaryObject(dst []byte, v gjson.Result, form binaryForm) ([]byte, error) {
	seen := map[string]bool{}
	n, twice := 0, ""
	v.ForEach(func(key, _ gjson.Result) bool {
		if seen[key.Str] {
			twice = key.Raw
		}
		seen[key.Str] = true
		n++
		return true
	})
	if twice != "" {
		return nil, fmt.Errorf("the member %s is there twice, which %s does not allow", twice, form.name())
	}
	dst = form.object(dst, n)
	var err error
	v.ForEach(func(key, e gjson.Result) bool {
		dst, err = appendBinary(form.text(dst, key.Str), e, form)
		return err == nil
	})
	return dst, err
}

// maxInteger bounds the digits of an integer that is worth building.
const maxInteger = 1000

// appendBinaryNumber makes an integer of a literal without fraction and exponent, and a floating-point number of the others.
func appendBinaryNumber(dst []byte, literal string, form binaryForm) ([]byte, error) {
	if !strings.ContainsAny(literal, ".eE") && literal != "-0" && len(literal) <= maxInteger {
		n, ok := new(big.Int).SetString(literal, 10)
		if !ok {
			return nil, fmt.Errorf("%q is not a number", literal)
		}
		return form.integer(dst, n)
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return nil, fmt.Errorf("the number %.40s is too large for %s", literal, form.name())
	}
	return form.float(dst, f), nil
}

// exactFloat32 reports whether a float32 holds f exactly.
func exactFloat32(f float64) bool { return float64(float32(f)) == f }

// The major types of CBOR (RFC 8949, 3.1), in the bits where they stand.
const (
	cborUnsigned = 0 << 5
	cborNegative = 1 << 5
	cborBytes    = 2 << 5
	cborText     = 3 << 5
	cborArray    = 4 << 5
	cborMap      = 5 << 5
	cborTag      = 6 << 5
	cborSimple   = 7 << 5
)

// cborForm is CBOR (RFC 8949), with definite lengths and the shortest heads.
type cborForm struct{}

func (cborForm) name() string { return "CBOR" }

// head appends a major type with its argument.
func (cborForm) head(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, major|27), n)
	}
}

func (cborForm) null(dst []byte) []byte { return append(dst, cborSimple|22) }

func (cborForm) boolean(dst []byte, b bool) []byte {
	if b {
		return append(dst, cborSimple|21)
	}
	return append(dst, cborSimple|20)
}

// integer appends n; beyond 64 bits as a bignum (3.4.3).
func (c cborForm) integer(dst []byte, n *big.Int) ([]byte, error) {
	major, tag := byte(cborUnsigned), uint64(2)
	if n.Sign() < 0 {
		major, tag = cborNegative, 3
		n = new(big.Int).Not(n) // -1-n
	}
	if n.IsUint64() {
		return c.head(dst, major, n.Uint64()), nil
	}
	digits := n.Bytes()
	dst = c.head(c.head(dst, cborTag, tag), cborBytes, uint64(len(digits)))
	return append(dst, digits...), nil
}

func (cborForm) float(dst []byte, f float64) []byte {
	if exactFloat32(f) {
		return binary.BigEndian.AppendUint32(append(dst, cborSimple|26), math.Float32bits(float32(f)))
	}
	return binary.BigEndian.AppendUint64(append(dst, cborSimple|27), math.Float64bits(f))
}

func (c cborForm) text(dst []byte, s string) []byte {
	return append(c.head(dst, cborText, uint64(len(s))), s...)
}

func (c cborForm) array(dst []byte, n int) []byte  { return c.head(dst, cborArray, uint64(n)) }
func (c cborForm) object(dst []byte, n int) []byte { return c.head(dst, cborMap, uint64(n)) }
