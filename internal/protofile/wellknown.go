package protofile

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mqx-cli/mqx/internal/message"
)

// wellKnown writes a type of google.protobuf that has a form of its own in JSON. It is not done for others.
func (d *decoder) wellKnown(m *messageType, all fields) (done bool, err error) {
	const first, second = 1, 2
	if m.byNumber[first] == nil { // Empty, or a file that has its own idea of these
		return false, nil
	}
	switch strings.TrimPrefix(m.name, "google.protobuf.") {
	case "Timestamp":
		return d.timestamp(int64(last(all[first]).number), int32(last(all[second]).number)), nil
	case "Duration":
		return d.duration(int64(last(all[first]).number), int32(last(all[second]).number)), nil
	case "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value", "BoolValue", "StringValue", "BytesValue",
		"Struct", "ListValue":
		return true, d.field(m.byNumber[first], all[first])
	case "Value":
		for number, values := range all { // the one member of its oneof
			return true, d.field(m.byNumber[number], values)
		}
		d.out = append(d.out, "null"...)
		return true, nil
	case "FieldMask":
		paths := make([][]byte, len(all[first]))
		for i, v := range all[first] {
			paths[i] = v.bytes
		}
		joined := bytes.Join(paths, []byte(","))
		if !utf8.Valid(joined) {
			return true, errText
		}
		d.out = message.AppendJSONString(d.out, joined)
		return true, nil
	case "Any":
		return d.any(string(last(all[first]).bytes), last(all[second]).bytes)
	default:
		return false, nil
	}
}

func last(values []value) value {
	if len(values) == 0 {
		return value{}
	}
	return values[len(values)-1]
}

// timestamp writes a time as RFC 3339. One that is out of range stays a message.
func (d *decoder) timestamp(seconds int64, nanos int32) bool {
	const first, end = -62135596800, 253402300800 // the years 1 to 9999
	if seconds < first || seconds >= end || nanos < 0 || int64(nanos) >= int64(time.Second) {
		return false
	}
	d.out = time.Unix(seconds, 0).UTC().AppendFormat(append(d.out, '"'), "2006-01-02T15:04:05")
	d.out = append(appendNanos(d.out, nanos), 'Z', '"')
	return true
}

// duration writes seconds with their decimals. Parts with different signs stay a message.
func (d *decoder) duration(seconds int64, nanos int32) bool {
	if seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0 || int64(max(nanos, -nanos)) >= int64(time.Second) || nanos == math.MinInt32 {
		return false
	}
	d.out = append(d.out, '"')
	if seconds == 0 && nanos < 0 {
		d.out = append(d.out, '-')
	}
	d.out = strconv.AppendInt(d.out, seconds, 10)
	d.out = append(appendNanos(d.out, max(nanos, -nanos)), 's', '"')
	return true
}

// appendNanos appends nanoseconds as none, three, six or nine decimals.
func appendNanos(dst []byte, nanos int32) []byte {
	if nanos == 0 {
		return dst
	}
	decimals := strconv.FormatInt(int64(time.Second)+int64(nanos), 10)[1:]
	for strings.HasSuffix(decimals, "000") {
		decimals = decimals[:len(decimals)-3]
	}
	return append(append(dst, '.'), decimals...)
}

// any writes a message that says of which type it is. One of an unknown type stays as it is.
func (d *decoder) any(url string, p []byte) (done bool, err error) {
	m := d.types[url[strings.LastIndexByte(url, '/')+1:]]
	if m == nil {
		return false, nil
	}
	d.out = append(d.out, `{"@type":`...)
	d.out = message.AppendJSONString(d.out, url)
	if m.pkg == "google.protobuf" {
		d.out = append(d.out, `,"value":`...)
		if err := d.message(m, p); err != nil {
			return true, err
		}
		d.out = append(d.out, '}')
		return true, nil
	}
	if d.depth++; d.depth > maxDepth {
		return true, errDeep
	}
	defer func() { d.depth-- }()
	all, err := d.collect(m, p)
	if err != nil {
		return true, err
	}
	err = d.members(m, all, 0)
	d.out = append(d.out, '}')
	return true, err
}
