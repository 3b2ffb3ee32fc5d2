package output

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// append appends the field of m.
func (p *part) append(dst []byte, m message.Message, safe bool) []byte {
	switch p.verb {
	case 'A', 'E', 'F', 'S':
		return p.pad(dst, p.number(m.Properties), true)
	case 'C', 'D', 'P', 'R':
		return p.text8(dst, propertyText(m.Properties, p.verb), safe)
	case 'I':
		return p.text8(dst, appendISO(nil, m.Time.Local()), safe)
	case 'U':
		return appendUnix(dst, m.Time)
	case 'j', 'J':
		return p.object(dst, m, safe)
	case 'd', 'f':
		return p.float(dst, m.Payload)
	case 'l':
		return p.pad(dst, strconv.AppendInt(nil, int64(len(m.Payload)), 10), true)
	case 'm':
		return p.pad(dst, strconv.AppendUint(nil, uint64(m.PacketID), 10), true)
	case 'p':
		return p.text8(dst, m.Payload, safe)
	case 'q':
		return append(dst, '0'+m.QoS)
	case 'r':
		return append(dst, '0'+flagBit(m.Retain))
	case 't':
		return p.text8(dst, []byte(m.Topic), safe)
	default: // x and X, as ParseFormat lets nothing else through
		return p.pad(dst, p.hex(m.Payload), true)
	}
}

func flagBit(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// pad appends text in a field of at least the given width.
func (p *part) pad(dst, text []byte, number bool) []byte {
	fill := p.width - len(text)
	if p.left {
		return appendRepeat(append(dst, text...), ' ', fill)
	}
	if p.zero && number {
		return append(appendRepeat(dst, '0', fill), text...)
	}
	return append(appendRepeat(dst, ' ', fill), text...)
}

func appendRepeat(dst []byte, c byte, n int) []byte {
	for ; n > 0; n-- {
		dst = append(dst, c)
	}
	return dst
}

// text8 appends text, cut to the precision where the language has a greatest width.
func (p *part) text8(dst, text []byte, safe bool) []byte {
	if p.precision >= 0 && p.precision < len(text) && p.verb != 'p' && p.verb != 'D' && p.verb != 'P' {
		text = text[:p.precision]
	}
	if safe {
		text = AppendEscaped(nil, text)
	}
	return p.pad(dst, text, p.verb == 'p')
}

func (p *part) object(dst []byte, m message.Message, safe bool) []byte {
	var embedded []byte
	if p.verb == 'J' {
		embedded = embeddable(m.Payload)
	}
	object := appendMosquittoJSON(nil, m, embedded)
	if safe {
		return appendSafeJSON(dst, object)
	}
	return append(dst, object...)
}

// number is the digits of a numeric property, nothing when it is absent.
func (p *part) number(props *wire.Properties) []byte {
	if props == nil {
		return nil
	}
	var n uint64
	switch {
	case p.verb == 'A' && props.Has(wire.PropTopicAlias):
		n = uint64(props.TopicAlias)
	case p.verb == 'E' && props.Has(wire.PropMessageExpiryInterval):
		n = uint64(props.MessageExpiryInterval)
	case p.verb == 'F' && props.Has(wire.PropPayloadFormatIndicator):
		n = uint64(props.PayloadFormatIndicator)
	case p.verb == 'S' && len(props.SubscriptionIdentifiers) > 0:
		n = uint64(props.SubscriptionIdentifiers[0])
	default:
		return nil
	}
	return strconv.AppendUint(nil, n, 10)
}

// propertyText is the text of a property, nothing when it is absent. User Properties are key:value, separated by spaces.
func propertyText(props *wire.Properties, verb byte) []byte {
	if props == nil {
		return nil
	}
	switch verb {
	case 'C':
		return []byte(props.ContentType)
	case 'D':
		return props.CorrelationData
	case 'R':
		return []byte(props.ResponseTopic)
	}
	var b []byte
	for i, u := range props.UserProperties {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(append(append(b, u.Key...), ':'), u.Value...)
	}
	return b
}

// hex is the payload in hexadecimal; with a precision in groups of so many digits.
func (p *part) hex(payload []byte) []byte {
	digits := "0123456789abcdef"
	if p.verb == 'X' {
		digits = "0123456789ABCDEF"
	}
	b := make([]byte, 0, 2*len(payload))
	for i, n := 0, 2*len(payload); i < n; i++ {
		if p.precision > 0 && p.separator != 0 && i > 0 && i%p.precision == 0 {
			b = append(b, p.separator)
		}
		nibble := payload[i/2] >> 4
		if i%2 == 1 {
			nibble = payload[i/2] & 15
		}
		b = append(b, digits[nibble])
	}
	return b
}

// float is the payload as an IEEE 754 number in the machine's byte order, nothing when its length does not fit.
func (p *part) float(dst, payload []byte) []byte {
	var v float64
	switch {
	case p.verb == 'f' && len(payload) == 4:
		v = float64(math.Float32frombits(binary.NativeEndian.Uint32(payload)))
	case p.verb == 'd' && len(payload) == 8:
		v = math.Float64frombits(binary.NativeEndian.Uint64(payload))
	default:
		return dst
	}
	precision := p.precision
	if precision < 0 {
		precision = 6 // what printf does
	}
	return p.pad(dst, strconv.AppendFloat(nil, v, 'f', precision, 64), true)
}
