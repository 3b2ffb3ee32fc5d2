package message

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/mqx-cli/mqx/internal/wire"
)

// AppendJSON appends m as one JSON object without a line feed. The payload is embedded as it came when it is JSON that
// fits on a line, else it is a string when it is UTF-8, else base64; [ParseJSON] gives the same bytes back.
func AppendJSON(dst []byte, m Message) []byte {
	dst = appendEnvelope(dst, m)
	dst = append(dst, `,"payload":`...)
	dst = appendPayload(dst, m.Payload)
	return appendRest(dst, m)
}

// AppendHead is [AppendJSON] without the payload, which is kept elsewhere. [ParseJSON] reads it.
func AppendHead(dst []byte, m Message) []byte { return appendRest(appendEnvelope(dst, m), m) }

// appendEnvelope appends what stands before the payload.
func appendEnvelope(dst []byte, m Message) []byte {
	dst = append(dst, '{')
	if !m.Time.IsZero() {
		dst = append(dst, `"time":"`...)
		dst = AppendTime(dst, m.Time)
		dst = append(dst, `",`...)
	}
	dst = append(dst, `"topic":`...)
	dst = AppendJSONString(dst, m.Topic)
	dst = append(dst, `,"qos":`...)
	dst = strconv.AppendUint(dst, uint64(m.QoS), 10)
	dst = append(dst, `,"retain":`...)
	dst = strconv.AppendBool(dst, m.Retain)
	dst = append(dst, `,"dup":`...)
	return strconv.AppendBool(dst, m.Dup)
}

// appendRest appends what stands behind the payload, and ends the object.
func appendRest(dst []byte, m Message) []byte {
	if hasJSONProperties(m.Properties) {
		dst = append(dst, `,"properties":`...)
		dst = appendProperties(dst, m.Properties)
	}
	return append(dst, '}')
}

// appendPayload appends the payload and the "encoding" member that tells how.
func appendPayload(dst, p []byte) []byte {
	switch {
	case IsLineJSON(p):
		dst = append(dst, p...)
		return append(dst, `,"encoding":"json"`...)
	case utf8.Valid(p):
		dst = AppendJSONString(dst, p)
		return append(dst, `,"encoding":"utf8"`...)
	default:
		dst = appendBase64(dst, p)
		return append(dst, `,"encoding":"base64"`...)
	}
}

// IsLineJSON reports whether p is one JSON value that can stand inside a line unchanged: no raw line break, no white
// space around it (which a reader would lose), not nested beyond what readers take.
func IsLineJSON(p []byte) bool {
	if len(p) == 0 {
		return false
	}
	if end, err := scanValue(p, 0); err != nil || end != len(p) {
		return false
	}
	return bytes.IndexByte(p, '\n') < 0 && bytes.IndexByte(p, '\r') < 0 && utf8.Valid(p)
}

// IsJSON reports whether p is one JSON value with nothing but white space around it.
func IsJSON(p []byte) bool {
	end, err := scanValue(p, skipSpace(p, 0))
	return err == nil && skipSpace(p, end) == len(p) && utf8.Valid(p)
}

func appendBase64(dst, p []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, p)
	return append(dst, '"')
}

// AppendJSONString appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func AppendJSONString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscaped(dst, c)
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// appendEscaped appends the escape for a byte that may not stand in a JSON string as it is.
func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if c >= utf8.RuneSelf {
		return append(dst, `\ufffd`...)
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// AppendTime appends t as RFC 3339 in UTC with microseconds, the form of every time in mqx's JSON.
func AppendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDigits(dst, year, 4)
	dst = append(dst, '-')
	dst = appendDigits(dst, int(month), 2)
	dst = append(dst, '-')
	dst = appendDigits(dst, day, 2)
	dst = append(dst, 'T')
	dst = appendDigits(dst, hour, 2)
	dst = append(dst, ':')
	dst = appendDigits(dst, minute, 2)
	dst = append(dst, ':')
	dst = appendDigits(dst, second, 2)
	dst = append(dst, '.')
	dst = appendDigits(dst, t.Nanosecond()/1000, 6)
	return append(dst, 'Z')
}

func appendDigits(dst []byte, n, width int) []byte {
	var buf [20]byte
	i := len(buf)
	for ; width > 0 || n > 0; width-- {
		i--
		buf[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, buf[i:]...)
}

// jsonProperties are the properties that the JSON form knows, besides those that count by their length.
func jsonProperties() [5]wire.PropertyID {
	return [...]wire.PropertyID{
		wire.PropContentType, wire.PropMessageExpiryInterval, wire.PropResponseTopic, wire.PropCorrelationData,
		wire.PropPayloadFormatIndicator,
	}
}

func hasJSONProperties(p *wire.Properties) bool {
	if p == nil {
		return false
	}
	if len(p.UserProperties) > 0 || len(p.SubscriptionIdentifiers) > 0 {
		return true
	}
	for _, id := range jsonProperties() {
		if p.Has(id) {
			return true
		}
	}
	return false
}

func appendProperties(dst []byte, p *wire.Properties) []byte {
	dst = append(dst, '{')
	if p.Has(wire.PropContentType) {
		dst = append(dst, `"content_type":`...)
		dst = append(AppendJSONString(dst, p.ContentType), ',')
	}
	if p.Has(wire.PropMessageExpiryInterval) {
		dst = append(dst, `"message_expiry_interval":`...)
		dst = append(strconv.AppendUint(dst, uint64(p.MessageExpiryInterval), 10), ',')
	}
	if p.Has(wire.PropResponseTopic) {
		dst = append(dst, `"response_topic":`...)
		dst = append(AppendJSONString(dst, p.ResponseTopic), ',')
	}
	if p.Has(wire.PropCorrelationData) {
		dst = append(dst, `"correlation_data":`...)
		dst = append(appendBase64(dst, p.CorrelationData), ',')
	}
	if len(p.UserProperties) > 0 {
		dst = append(dst, `"user_properties":[`...)
		for _, u := range p.UserProperties {
			dst = append(AppendJSONString(append(dst, '['), u.Key), ',')
			dst = append(AppendJSONString(dst, u.Value), ']', ',')
		}
		dst = append(dst[:len(dst)-1], ']', ',')
	}
	if len(p.SubscriptionIdentifiers) > 0 {
		dst = append(dst, `"subscription_identifiers":[`...)
		for _, id := range p.SubscriptionIdentifiers {
			dst = append(strconv.AppendUint(dst, uint64(id), 10), ',')
		}
		dst = append(dst[:len(dst)-1], ']', ',')
	}
	if p.Has(wire.PropPayloadFormatIndicator) {
		dst = append(dst, `"payload_format_indicator":`...)
		dst = append(strconv.AppendUint(dst, uint64(p.PayloadFormatIndicator), 10), ',')
	}
	dst[len(dst)-1] = '}' // the comma after the last member
	return dst
}
