package message

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/mqx-cli/mqx/internal/wire"
)

// ParseJSON reads one line as [AppendJSON] writes it. Only "topic" is required. Without "encoding" a string payload is
// sent as its text and anything else as its JSON text. "time", "dup" and "subscription_identifiers" say how a message
// was delivered and are ignored, as are members that are not known (a capture may carry more); an unknown property is an
// error, because the message would be sent without it. The payload may refer to line.
func ParseJSON(line []byte) (Message, error) { return ParseJSONOver(line, Message{}) }

// ParseJSONOver is [ParseJSON] with defaults for what line does not say. defaults.Properties are not changed; a property
// in line replaces the same one in defaults.
func ParseJSONOver(line []byte, defaults Message) (Message, error) {
	p := parser{b: line, m: defaults}
	end, err := p.object(0, p.member)
	if err == nil && skipSpace(line, end) != len(line) {
		err = errors.New("text after the object")
	}
	if err == nil {
		err = p.finish()
	}
	if err != nil {
		return Message{}, fmt.Errorf("not a message: %w", err)
	}
	return p.m, nil
}

type parser struct {
	b        []byte
	m        Message
	payload  []byte // the raw value, nil when absent
	encoding string
	seen     uint8 // bits of the members that were read
	ownProps bool  // m.Properties is a copy and may be changed
}

// The bits of parser.seen.
const (
	seenTopic = 1 << iota
	seenQoS
	seenRetain
	seenPayload
	seenEncoding
	seenProperties
)

// object reads an object and calls member with each key and raw value.
func (p *parser) object(i int, member func(key string, raw []byte) error) (int, error) {
	i = skipSpace(p.b, i)
	if i >= len(p.b) {
		return i, errEnd
	}
	if p.b[i] != '{' {
		return i, fmt.Errorf("an object is expected, not %q", p.b[i])
	}
	i = skipSpace(p.b, i+1)
	for first := true; ; first = false {
		if i >= len(p.b) {
			return i, errEnd
		}
		if p.b[i] == '}' && first {
			return i + 1, nil
		}
		end, err := p.pair(i, member)
		if err != nil {
			return end, err
		}
		i = skipSpace(p.b, end)
		switch {
		case i >= len(p.b):
			return i, errEnd
		case p.b[i] == '}':
			return i + 1, nil
		case p.b[i] != ',':
			return i, p.at(i, unexpected(p.b, i))
		}
		i = skipSpace(p.b, i+1)
	}
}

func (p *parser) pair(i int, member func(key string, raw []byte) error) (int, error) {
	keyEnd, err := scanString(p.b, i)
	if err != nil {
		return keyEnd, p.at(keyEnd, err)
	}
	key, err := unquote(p.b[i:keyEnd])
	if err != nil {
		return i, p.at(i, err)
	}
	start, err := scanKey(p.b, i)
	if err != nil {
		return start, p.at(start, err)
	}
	end, err := scanValue(p.b, start)
	if err != nil {
		return end, p.at(end, err)
	}
	if err := member(key, p.b[start:end]); err != nil {
		return start, fmt.Errorf("%q: %w", key, err)
	}
	return end, nil
}

func (*parser) at(i int, err error) error { return fmt.Errorf("column %d: %w", i+1, err) }

func (p *parser) once(bit uint8) error {
	if p.seen&bit != 0 {
		return errors.New("given twice")
	}
	p.seen |= bit
	return nil
}

func (p *parser) member(key string, raw []byte) (err error) {
	bit := uint8(0)
	switch key {
	case "topic":
		bit = seenTopic
		p.m.Topic, err = stringValue(raw)
	case "qos":
		var n uint64
		bit = seenQoS
		n, err = uintValue(raw, 2)
		p.m.QoS = byte(n)
	case "retain":
		bit = seenRetain
		p.m.Retain, err = boolValue(raw)
	case "payload":
		bit = seenPayload
		p.payload = raw
	case "encoding":
		bit = seenEncoding
		p.encoding, err = stringValue(raw)
	case "properties":
		bit = seenProperties
		sub := parser{b: raw, m: p.m}
		_, err = sub.object(0, sub.property)
		p.m = sub.m
	}
	if err == nil && bit != 0 {
		err = p.once(bit)
	}
	return err
}

func (p *parser) property(key string, raw []byte) (err error) {
	if !p.ownProps {
		p.ownProps = true
		p.m.Properties = copyProperties(p.m.Properties)
	}
	props := p.m.Properties
	var n uint64
	switch key {
	case "content_type":
		props.Set(wire.PropContentType)
		props.ContentType, err = stringValue(raw)
	case "message_expiry_interval":
		props.Set(wire.PropMessageExpiryInterval)
		n, err = uintValue(raw, 1<<32-1)
		props.MessageExpiryInterval = uint32(n)
	case "response_topic":
		props.Set(wire.PropResponseTopic)
		props.ResponseTopic, err = stringValue(raw)
	case "correlation_data":
		props.Set(wire.PropCorrelationData)
		props.CorrelationData, err = base64Value(raw)
	case "user_properties":
		props.UserProperties, err = pairsValue(raw)
	case "payload_format_indicator":
		props.Set(wire.PropPayloadFormatIndicator)
		n, err = uintValue(raw, 1)
		props.PayloadFormatIndicator = byte(n)
	case "subscription_identifiers": // set by the Server alone (MQTT 5, 3.3.2.3.8)
	default:
		err = errors.New("unknown property")
	}
	return err
}

func copyProperties(p *wire.Properties) *wire.Properties {
	if p == nil {
		return &wire.Properties{}
	}
	c := *p
	return &c
}

// finish decodes the payload, which needs "encoding" whatever their order.
func (p *parser) finish() (err error) {
	if p.m.Topic == "" {
		return errors.New(`"topic" is missing`)
	}
	if p.m.Properties.Empty() {
		p.m.Properties = nil
	}
	if p.payload == nil {
		if p.encoding != "" {
			return errors.New(`"encoding" without "payload"`)
		}
		return nil
	}
	switch p.encoding {
	case "json":
		p.m.Payload = p.payload
	case "utf8":
		p.m.Payload, err = textValue(p.payload)
	case "base64":
		p.m.Payload, err = base64Value(p.payload)
	case "":
		if p.m.Payload = p.payload; p.payload[0] == '"' {
			p.m.Payload, err = textValue(p.payload)
		}
	default:
		return fmt.Errorf(`"encoding": %q is none of json, utf8 and base64`, p.encoding)
	}
	if err != nil {
		return fmt.Errorf(`"payload": %w`, err)
	}
	return nil
}

func stringValue(raw []byte) (string, error) {
	if raw[0] != '"' {
		return "", errors.New("a string is expected")
	}
	return unquote(raw)
}

func textValue(raw []byte) ([]byte, error) {
	s, err := stringValue(raw)
	return []byte(s), err
}

func base64Value(raw []byte) ([]byte, error) {
	s, err := stringValue(raw)
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64")
	}
	return b, nil
}

func boolValue(raw []byte) (bool, error) {
	switch string(raw) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("true or false is expected")
}

func uintValue(raw []byte, most uint64) (uint64, error) {
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil || n > most {
		return 0, fmt.Errorf("a whole number from 0 to %d is expected", most)
	}
	return n, nil
}

// pairsValue reads [["key","value"],…].
func pairsValue(raw []byte) ([]wire.UserProperty, error) {
	var pairs []wire.UserProperty
	err := elements(raw, func(pair []byte) error {
		var words []string
		err := elements(pair, func(word []byte) error {
			s, err := stringValue(word)
			words = append(words, s)
			return err
		})
		if err == nil && len(words) != 2 {
			err = errors.New(`pairs like ["key","value"] are expected`)
		}
		if err == nil {
			pairs = append(pairs, wire.UserProperty{Key: words[0], Value: words[1]})
		}
		return err
	})
	return pairs, err
}

// elements calls each with every element of an array that scanValue has accepted.
func elements(raw []byte, each func([]byte) error) error {
	if raw[0] != '[' {
		return errors.New(`pairs like [["key","value"]] are expected`)
	}
	for i := skipSpace(raw, 1); raw[i] != ']'; {
		end, err := scanValue(raw, i)
		if err != nil {
			return err
		}
		if err := each(raw[i:end]); err != nil {
			return err
		}
		if i = skipSpace(raw, end); raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
	return nil
}
