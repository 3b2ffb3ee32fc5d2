package sparkplug

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mqx-cli/mqx/internal/message"
)

// metric is a metric as it came (section 6.4.2).
type metric struct {
	name                  string
	alias                 uint64
	hasName, hasAlias     bool
	timestamp             *uint64
	dataType              dataType
	historical, transient bool
	null                  bool
	metadata, properties  []byte
	value                 scalar
}

// The fields of a metric.
const (
	metricName protowire.Number = iota + 1
	metricAlias
	metricTimestamp
	metricDataType
	metricIsHistorical
	metricIsTransient
	metricIsNull
	metricMetadata
	metricProperties
	metricValues // int_value, and after it the others
)

// valueFields are the fields of the value of a metric, by how far they are behind int_value.
func valueFields(offset protowire.Number) valueKind {
	kinds := [...]valueKind{
		kindInt, kindLong, kindFloat, kindDouble, kindBoolean, kindString, kindBytes, kindDataSet, kindTemplate, kindExtension,
	}
	if offset < 0 || int(offset) >= len(kinds) {
		return 0
	}
	return kinds[offset]
}

func readMetric(p []byte) (metric, error) {
	var m metric
	err := eachTyped(p, func(field protowire.Number, kind protowire.Type, number uint64, bytes []byte) error {
		isText := field == metricName || field == metricMetadata || field == metricProperties
		switch {
		case field >= metricValues:
			v, err := readScalar(valueFields(field-metricValues), kind, number, bytes)
			if v.kind != 0 {
				m.value = v
			}
			return err
		case isText && kind != protowire.BytesType, !isText && kind != protowire.VarintType:
			return ErrMalformed
		case isText && !utf8.Valid(bytes) && field == metricName:
			return errText
		}
		m.set(field, number, bytes)
		return nil
	})
	return m, err
}

// set takes a field that is no value.
func (m *metric) set(field protowire.Number, number uint64, bytes []byte) {
	switch field {
	case metricName:
		m.name, m.hasName = string(bytes), true
	case metricAlias:
		m.alias, m.hasAlias = number, true
	case metricTimestamp:
		m.timestamp = &number
	case metricDataType:
		m.dataType = dataType(uint32(number))
	case metricIsHistorical:
		m.historical = number != 0
	case metricIsTransient:
		m.transient = number != 0
	case metricIsNull:
		m.null = number != 0
	case metricMetadata:
		m.metadata = append(m.metadata, bytes...) // protobuf merges messages that come twice
	case metricProperties:
		m.properties = append(m.properties, bytes...)
	default: // of third parties
	}
}

// metric writes a metric. What it does not say itself is what its birth has said.
func (w *writer) metric(p []byte) error {
	m, err := readMetric(p)
	if err != nil {
		return err
	}
	w.complete(&m)
	w.out = append(w.out, '{')
	start := len(w.out)
	if m.hasName {
		w.out = message.AppendJSONString(append(w.out, `,"name":`...), m.name)
	}
	if m.hasAlias {
		w.out = strconv.AppendUint(append(w.out, `,"alias":`...), m.alias, 10)
	}
	if m.timestamp != nil {
		w.out = strconv.AppendUint(append(w.out, `,"timestamp":`...), *m.timestamp, 10)
	}
	if m.dataType != 0 {
		w.out = m.dataType.append(append(w.out, `,"dataType":`...))
	}
	if m.historical {
		w.out = append(w.out, `,"isHistorical":true`...)
	}
	if m.transient {
		w.out = append(w.out, `,"isTransient":true`...)
	}
	if m.metadata != nil {
		if err := w.metadata(m.metadata); err != nil {
			return err
		}
	}
	if m.properties != nil {
		w.out = append(w.out, `,"properties":`...)
		if err := w.propertySet(m.properties); err != nil {
			return err
		}
	}
	if err := w.member(`,"value":`, m.dataType, m.value, m.null); err != nil {
		return err
	}
	w.close(start)
	return w.bounded()
}

// complete takes name and type from the birth, and remembers them when this is one. Only metrics of the payload itself have
// aliases, not those of a template (section 6.4.2).
func (w *writer) complete(m *metric) {
	if w.depth > 0 {
		return
	}
	if w.born != nil {
		w.born.add(*m)
		return
	}
	if !m.hasName && m.hasAlias {
		birth, known := w.known.alias(m.alias)
		if known {
			m.name, m.hasName = birth.name, true
			if m.dataType == 0 {
				m.dataType = birth.dataType
			}
			return
		}
		w.unnamed = true
	}
	if m.dataType == 0 && m.hasName {
		m.dataType = w.known.typeOf(m.name)
	}
}

// close ends an object that began at start, whose members have commas before them.
func (w *writer) close(start int) {
	if len(w.out) > start {
		w.out = append(w.out[:start], w.out[start+1:]...)
	}
	w.out = append(w.out, '}')
}

// member writes a value after the beginning of a member: null when it says so, nothing when there is none.
func (w *writer) member(key string, t dataType, v scalar, null bool) error {
	switch {
	case null:
		w.out = append(append(w.out, key...), "null"...)
		return nil
	case v.kind == 0:
		return nil
	}
	w.out = append(w.out, key...)
	return w.scalar(t, v)
}

func (w *writer) text(key string, s []byte) error {
	if !utf8.Valid(s) {
		return errText
	}
	w.out = message.AppendJSONString(append(w.out, key...), s)
	return nil
}

func (w *writer) base64(key string, b []byte) {
	w.out = append(append(w.out, key...), '"')
	w.out = append(base64.StdEncoding.AppendEncode(w.out, b), '"')
}

// metadata writes MetaData (section 6.4.7).
func (w *writer) metadata(p []byte) error {
	names := [...]string{1: "isMultiPart", "contentType", "size", "seq", "fileName", "fileType", "md5", "description"}
	w.out = append(w.out, `,"metadata":{`...)
	start := len(w.out)
	err := eachTyped(p, func(field protowire.Number, kind protowire.Type, number uint64, bytes []byte) error {
		if int(field) >= len(names) {
			return nil
		}
		key := `,"` + names[field] + `":`
		switch {
		case kind == protowire.BytesType:
			return w.text(key, bytes)
		case field == 1:
			w.out = strconv.AppendBool(append(w.out, key...), number != 0)
		default:
			w.out = strconv.AppendUint(append(w.out, key...), number, 10)
		}
		return nil
	})
	w.close(start)
	return err
}
