// Package sparkplug reads payloads of Sparkplug B (Eclipse Sparkplug 3.0, chapter 6) and writes them as JSON on one line,
// with the names that the specification uses in its examples: timestamp, metrics, name, alias, dataType, value, seq.
//
// Start with [New] and call [Decoder.Decode] for every message in the order of arrival: births tell which metrics the aliases
// of later messages stand for. Numbers are exact, also unsigned ones of 64 bits. Payloads are hostile input: what is remembered
// of births, the depth of a payload and the size of its JSON are bounded.
package sparkplug

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

// Namespace is the level that every topic of Sparkplug B begins with (section 4.1).
const Namespace = "spBv1.0"

// maxDepth is how deep templates and property sets may be nested.
const maxDepth = 32

// ErrMalformed says that a payload is not one of Sparkplug B.
var ErrMalformed = errors.New("the payload is not one of Sparkplug B")

var (
	errDeep  = fmt.Errorf("nested deeper than %d levels", maxDepth)
	errLarge = fmt.Errorf("larger than %d MiB as JSON", payload.MaxInflated>>20)
	errText  = errors.New("a string that is not UTF-8")
)

// IsTopic reports whether a topic is one of Sparkplug B.
func IsTopic(name string) bool { return strings.HasPrefix(name, Namespace+"/") }

// place is where a message belongs.
type place struct {
	kind   string // NBIRTH, DDATA, STATE…, empty for a topic of another shape
	node   string // what tells Edge Nodes apart
	device string // empty for the Edge Node itself
}

// placeOf reads {…/}spBv1.0/GROUP/KIND/NODE{/DEVICE}. Levels before the namespace are allowed, because captures are replayed
// below other roots.
func placeOf(name string) place {
	if !IsTopic(name) {
		at := strings.Index(name, "/"+Namespace+"/")
		if at < 0 {
			return place{node: name}
		}
		name = name[at+1:]
	}
	levels := strings.Split(name, "/")
	switch {
	case levels[1] == "STATE": // STATE is no group (section 4.2.1)
		return place{kind: "STATE"}
	case len(levels) < 4:
		return place{node: name}
	}
	p := place{kind: levels[2], node: levels[1] + "/" + levels[3]}
	if len(levels) > 4 {
		p.device = strings.Join(levels[4:], "/")
	}
	return p
}

// Decoder reads the payloads of a stream. It is not safe for concurrent use.
type Decoder struct {
	births   births
	unborn   int
	examples string
}

// New returns a Decoder that knows no births.
func New() *Decoder { return &Decoder{births: newBirths(maxRemembered)} }

// Unborn is how many messages had metrics with an alias and no name, whose birth was not seen, and the first topic of them.
func (d *Decoder) Unborn() (messages int, first string) { return d.unborn, d.examples }

// Decode returns the payload of a message as JSON. STATE of a host application is JSON already, and stays as it is. An error
// is [ErrMalformed], or says what in the payload cannot be shown.
func (d *Decoder) Decode(name string, p []byte) ([]byte, error) {
	at := placeOf(name)
	if at.kind == "STATE" {
		return state(p)
	}
	w := writer{known: d.births.of(at)}
	if at.kind == "NBIRTH" || at.kind == "DBIRTH" {
		w.born = newTable()
	}
	if err := w.payload(p, false); err != nil {
		return nil, err
	}
	if w.born != nil {
		d.births.learn(at, w.born)
	}
	if w.unnamed {
		if d.unborn++; d.unborn == 1 {
			d.examples = name
		}
	}
	return w.out, nil
}

// state takes the JSON of Sparkplug 3.0 and the words of 2.2.
func state(p []byte) ([]byte, error) {
	if text := string(p); message.IsJSON(p) || text == "ONLINE" || text == "OFFLINE" || text == "" {
		return p, nil
	}
	return nil, errors.New("STATE is not JSON")
}

// EachField calls fn with the fields of a protobuf message: bytes is nil but for strings, byte strings and messages, and
// number holds the bits of everything else. Groups are left out. The error is [ErrMalformed] or what fn returned.
func EachField(p []byte, fn func(field protowire.Number, number uint64, bytes []byte) error) error {
	return eachTyped(p, func(field protowire.Number, _ protowire.Type, number uint64, bytes []byte) error {
		return fn(field, number, bytes)
	})
}

func eachTyped(p []byte, fn func(field protowire.Number, kind protowire.Type, number uint64, bytes []byte) error) error {
	for len(p) > 0 {
		field, kind, n := protowire.ConsumeTag(p)
		if n < 0 {
			return ErrMalformed
		}
		p = p[n:]
		length := protowire.ConsumeFieldValue(field, kind, p)
		if length < 0 {
			return ErrMalformed
		}
		var number uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			number, _ = protowire.ConsumeVarint(p)
		case protowire.Fixed32Type:
			narrow, _ := protowire.ConsumeFixed32(p)
			number = uint64(narrow)
		case protowire.Fixed64Type:
			number, _ = protowire.ConsumeFixed64(p)
		case protowire.BytesType:
			bytes, _ = protowire.ConsumeBytes(p)
			bytes = slices.Clip(bytes)
		default:
			p = p[length:]
			continue
		}
		if err := fn(field, kind, number, bytes); err != nil {
			return err
		}
		p = p[length:]
	}
	return nil
}

// The fields of a payload.
const (
	payloadTimestamp protowire.Number = iota + 1
	payloadMetrics
	payloadSeq
	payloadUUID
	payloadBody
)

// compressed is the uuid of a payload whose body is another one, compressed.
const compressed = "SPBV1.0_COMPRESSED"

// writer writes one payload as JSON.
type writer struct {
	out     []byte
	known   *known
	born    *table // of a birth
	unnamed bool   // there was an alias that stands for nothing known
	depth   int
}

// head are the fields of a payload that are no metrics.
type head struct {
	timestamp, seq *uint64
	uuid, body     []byte
}

func readHead(p []byte) (head, error) {
	var h head
	err := eachTyped(p, func(field protowire.Number, kind protowire.Type, number uint64, bytes []byte) error {
		isText := field == payloadMetrics || field == payloadUUID || field == payloadBody
		if field <= payloadBody && isText != (kind == protowire.BytesType) {
			return ErrMalformed
		}
		switch field {
		case payloadTimestamp:
			h.timestamp = &number
		case payloadSeq:
			h.seq = &number
		case payloadUUID:
			h.uuid = bytes
		case payloadBody:
			h.body = bytes
		default: // metrics, and what third parties add
		}
		return nil
	})
	return h, err
}

// payload writes a payload; unpacked says that it was the body of a compressed one.
func (w *writer) payload(p []byte, unpacked bool) error {
	h, err := readHead(p)
	switch {
	case err != nil:
		return err
	case string(h.uuid) == compressed && !unpacked:
		return w.unpack(p, h.body)
	}
	w.out = append(w.out, '{')
	if h.timestamp != nil {
		w.out = append(strconv.AppendUint(append(w.out, `"timestamp":`...), *h.timestamp, 10), ',')
	}
	w.out = append(w.out, `"metrics":`...)
	if err := w.metrics(p, payloadMetrics); err != nil {
		return err
	}
	if h.seq != nil {
		w.out = strconv.AppendUint(append(w.out, `,"seq":`...), *h.seq, 10)
	}
	if len(h.uuid) > 0 {
		if err := w.text(`,"uuid":`, h.uuid); err != nil {
			return err
		}
	}
	if h.body != nil {
		w.base64(`,"body":`, h.body)
	}
	w.out = append(w.out, '}')
	return w.bounded()
}

// unpack writes the payload in the body of a compressed one. The metric "algorithm" names GZIP or DEFLATE.
func (w *writer) unpack(p, body []byte) error {
	algorithm := "GZIP"
	err := EachField(p, func(field protowire.Number, _ uint64, bytes []byte) error {
		if field != payloadMetrics {
			return nil
		}
		m, err := readMetric(bytes)
		if m.name == "algorithm" && m.value.kind == kindString {
			algorithm = string(m.value.bytes)
		}
		return err
	})
	if err != nil {
		return err
	}
	var plain []byte
	switch algorithm {
	case "GZIP":
		plain, _, err = payload.DecodeGzip.Decode(body, "")
	case "DEFLATE":
		plain, err = inflate(body)
	default:
		err = fmt.Errorf("compressed with %q", algorithm)
	}
	if err != nil {
		return fmt.Errorf("the compressed payload: %w", err)
	}
	return w.payload(plain, true)
}

func inflate(p []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(p))
	if err != nil {
		return nil, errors.New("not DEFLATE")
	}
	return payload.Inflate(r)
}

// metrics writes the metrics in the given field of a message as an array.
func (w *writer) metrics(p []byte, in protowire.Number) error {
	w.out = append(w.out, '[')
	first := true
	err := EachField(p, func(field protowire.Number, _ uint64, bytes []byte) error {
		if field != in {
			return nil
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		return w.metric(bytes)
	})
	w.out = append(w.out, ']')
	return err
}

func (w *writer) bounded() error {
	if len(w.out) > payload.MaxInflated {
		return errLarge
	}
	return nil
}
