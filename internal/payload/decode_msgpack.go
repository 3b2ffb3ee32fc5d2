package payload

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"github.com/mqx-cli/mqx/internal/message"
)

// maxMsgPackDepth bounds how deep containers nest.
const maxMsgPackDepth = 256

// msgpackToJSON writes one MessagePack object as JSON: members in their order, binary data as base64, timestamps as RFC 3339,
// other extensions as {"ext":TYPE,"data":HEX}.
func msgpackToJSON(p []byte) ([]byte, error) {
	if len(p) == 0 {
		return nil, errors.New("not MessagePack: there is nothing in it")
	}
	r := bytes.NewReader(p)
	w := msgpackWalk{in: msgpack.NewDecoder(r), whole: p, left: r}
	if err := w.value(0); err != nil {
		return nil, fmt.Errorf("not MessagePack: %w", err)
	}
	if r.Len() > 0 {
		return nil, fmt.Errorf("not MessagePack: %d bytes follow the first value", r.Len())
	}
	return w.out, nil
}

type msgpackWalk struct {
	in    *msgpack.Decoder
	whole []byte
	left  *bytes.Reader // what in has not read
	out   []byte
}

func (w *msgpackWalk) value(depth int) error {
	if depth > maxMsgPackDepth {
		return errors.New("nested too deep")
	}
	c, err := w.in.PeekCode()
	switch {
	case err != nil, !w.hasAll(c):
		return errors.New("it ends early")
	case msgpcode.IsFixedMap(c), c == msgpcode.Map16, c == msgpcode.Map32:
		return w.members(depth)
	case msgpcode.IsFixedArray(c), c == msgpcode.Array16, c == msgpcode.Array32:
		return w.elements(depth)
	case msgpcode.IsString(c):
		return w.text()
	case msgpcode.IsBin(c):
		b, err := w.in.DecodeBytes()
		w.out = message.AppendJSONString(w.out, base64.StdEncoding.EncodeToString(b))
		return err
	case msgpcode.IsExt(c):
		return w.extension()
	default:
		return w.scalar(c)
	}
}

// hasAll reports whether a string, binary data or an extension is there as long as it says: the decoder would make room for
// gigabytes first.
func (w *msgpackWalk) hasAll(c byte) bool {
	var digits int
	switch c {
	case msgpcode.Str8, msgpcode.Bin8, msgpcode.Ext8:
		digits = 1
	case msgpcode.Str16, msgpcode.Bin16, msgpcode.Ext16:
		digits = 2
	case msgpcode.Str32, msgpcode.Bin32, msgpcode.Ext32:
		digits = 4
	default:
		return true
	}
	rest := w.whole[len(w.whole)-w.left.Len():]
	if len(rest) < 1+digits {
		return false
	}
	var size uint64
	for _, b := range rest[1 : 1+digits] {
		size = size<<8 | uint64(b)
	}
	return size <= uint64(len(rest)-1-digits)
}

func (w *msgpackWalk) scalar(c byte) error {
	switch c {
	case msgpcode.Nil:
		w.out = append(w.out, "null"...)
		return w.in.DecodeNil()
	case msgpcode.True, msgpcode.False:
		v, err := w.in.DecodeBool()
		w.out = strconv.AppendBool(w.out, v)
		return err
	case msgpcode.Float:
		v, err := w.in.DecodeFloat32()
		w.out = AppendFloat(w.out, float64(v), 32)
		return err
	case msgpcode.Double:
		v, err := w.in.DecodeFloat64()
		w.out = AppendFloat(w.out, v, 64)
		return err
	case msgpcode.Uint8, msgpcode.Uint16, msgpcode.Uint32, msgpcode.Uint64:
		v, err := w.in.DecodeUint64()
		w.out = strconv.AppendUint(w.out, v, 10)
		return err
	default:
		v, err := w.in.DecodeInt64()
		w.out = strconv.AppendInt(w.out, v, 10)
		return err
	}
}

func (w *msgpackWalk) text() error {
	s, err := w.in.DecodeString()
	if err == nil && !utf8.ValidString(s) {
		err = errors.New("a string that is not UTF-8")
	}
	w.out = message.AppendJSONString(w.out, s)
	return err
}

func (w *msgpackWalk) elements(depth int) error {
	n, err := w.in.DecodeArrayLen()
	w.out = append(w.out, '[')
	for i := 0; i < n && err == nil; i++ {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		err = w.value(depth + 1)
	}
	w.out = append(w.out, ']')
	return err
}

// members reads an object. A key that is no text becomes the text of its JSON.
func (w *msgpackWalk) members(depth int) error {
	n, err := w.in.DecodeMapLen()
	w.out = append(w.out, '{')
	for i := 0; i < n && err == nil; i++ {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		start := len(w.out)
		if err = w.value(depth + 1); err != nil {
			break
		}
		if w.out[start] != '"' {
			key := string(w.out[start:])
			w.out = message.AppendJSONString(w.out[:start], key)
		}
		w.out = append(w.out, ':')
		err = w.value(depth + 1)
	}
	w.out = append(w.out, '}')
	return err
}

// extension reads a timestamp, which has the type -1, or another extension.
func (w *msgpackWalk) extension() error {
	id, n, err := w.in.DecodeExtHeader()
	if err != nil {
		return err
	}
	if n > w.left.Len() {
		return errors.New("it ends early")
	}
	data := make([]byte, n)
	if err := w.in.ReadFull(data); err != nil {
		return errors.New("it ends early")
	}
	if at, ok := msgpackTime(data); ok && id == -1 {
		w.out = message.AppendJSONString(w.out, at.Format(time.RFC3339Nano))
		return nil
	}
	w.out = fmt.Appendf(w.out, `{"ext":%d,"data":"%s"}`, id, hex.EncodeToString(data))
	return nil
}

// msgpackTime reads the three forms of a timestamp.
func msgpackTime(data []byte) (time.Time, bool) {
	switch len(data) {
	case 4:
		return time.Unix(int64(binary.BigEndian.Uint32(data)), 0).UTC(), true
	case 8:
		v := binary.BigEndian.Uint64(data)
		return time.Unix(int64(v&(1<<34-1)), int64(v>>34)).UTC(), true
	case 12:
		at := time.Unix(int64(binary.BigEndian.Uint64(data[4:])), int64(binary.BigEndian.Uint32(data))).UTC()
		return at, at.Year() >= 0 && at.Year() <= 9999
	default:
		return time.Time{}, false
	}
}
