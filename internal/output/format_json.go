package output

import (
	"strconv"
	"unicode/utf8"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// embeddable is a payload that can stand in a line of JSON byte for byte, nil for another.
func embeddable(payload []byte) []byte {
	if message.IsLineJSON(payload) {
		return payload
	}
	return nil
}

// appendMosquittoJSON appends the object of %j and %J, with mosquitto's keys in mosquitto's order. The payload stands in it
// as the JSON that embedded is, or as a string, so that the object always is valid.
func appendMosquittoJSON(dst []byte, m message.Message, embedded []byte) []byte {
	dst = append(dst, `{"tst":"`...)
	dst = append(dst, m.Time.Local().Format("2006-01-02T15:04:05.000000-0700")...)
	dst = append(dst, `","topic":`...)
	dst = message.AppendJSONString(dst, m.Topic)
	dst = append(dst, `,"qos":`...)
	dst = append(dst, '0'+m.QoS)
	dst = append(dst, `,"retain":`...)
	dst = strconv.AppendBool(dst, m.Retain)
	dst = append(dst, `,"payloadlen":`...)
	dst = strconv.AppendInt(dst, int64(len(m.Payload)), 10)
	if m.QoS > 0 {
		dst = append(dst, `,"mid":`...)
		dst = strconv.AppendUint(dst, uint64(m.PacketID), 10)
	}
	if !m.Properties.Empty() {
		dst = append(dst, `,"properties":`...)
		dst = appendMosquittoProperties(dst, m.Properties)
	}
	dst = append(dst, `,"payload":`...)
	switch {
	case len(embedded) > 0:
		dst = append(dst, embedded...)
	case len(m.Payload) == 0:
		dst = append(dst, "null"...)
	default:
		dst = appendBinaryString(dst, m.Payload)
	}
	return append(dst, '}')
}

// appendBinaryString appends a payload as a JSON string. Bytes that are not UTF-8 become the character of the same
// number, which a reader can undo, unlike a replacement character.
func appendBinaryString(dst, b []byte) []byte {
	if utf8.Valid(b) {
		return message.AppendJSONString(dst, b)
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return message.AppendJSONString(dst, string(runes))
}

func appendMosquittoProperties(dst []byte, p *wire.Properties) []byte {
	dst = append(dst, '{')
	number := func(id wire.PropertyID, key string, n uint64) {
		if p.Has(id) {
			dst = append(append(append(dst, '"'), key...), `":`...)
			dst = append(strconv.AppendUint(dst, n, 10), ',')
		}
	}
	text := func(id wire.PropertyID, key string, s []byte) {
		if p.Has(id) {
			dst = append(append(append(dst, '"'), key...), `":`...)
			dst = append(appendBinaryString(dst, s), ',')
		}
	}
	number(wire.PropPayloadFormatIndicator, "payload-format-indicator", uint64(p.PayloadFormatIndicator))
	number(wire.PropMessageExpiryInterval, "message-expiry-interval", uint64(p.MessageExpiryInterval))
	text(wire.PropContentType, "content-type", []byte(p.ContentType))
	text(wire.PropResponseTopic, "response-topic", []byte(p.ResponseTopic))
	text(wire.PropCorrelationData, "correlation-data", p.CorrelationData)
	if p.Has(wire.PropSubscriptionIdentifier) {
		number(wire.PropSubscriptionIdentifier, "subscription-identifier", uint64(p.SubscriptionIdentifiers[0]))
	}
	number(wire.PropTopicAlias, "topic-alias", uint64(p.TopicAlias))
	if len(p.UserProperties) > 0 {
		dst = append(dst, `"user-properties":[`...)
		for _, u := range p.UserProperties {
			dst = append(message.AppendJSONString(append(dst, '{'), u.Key), ':')
			dst = append(message.AppendJSONString(dst, u.Value), '}', ',')
		}
		dst = append(dst[:len(dst)-1], ']', ',')
	}
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}')
}
