package mosquitto

import (
	"strconv"
	"strings"

	"github.com/mqx-cli/mqx/internal/wire"
)

// propertyWords counts the values of -D: COMMAND NAME VALUE, or COMMAND user-property KEY VALUE.
func propertyWords(rest []string) int {
	n := 3
	if len(rest) > 1 && rest[1] == "user-property" {
		n = 4
	}
	if len(rest) < n {
		return 0
	}
	return n
}

// target is a packet that -D gives properties to.
type target struct {
	props **wire.Properties
	allow func(wire.PropertyID) bool
}

// target returns what a word after -D names. The acknowledgements are words too, whose properties nobody can set.
func (p *parser) target(command string) (t target, known bool) {
	in := func(kind wire.Type, props **wire.Properties) (target, bool) {
		return target{props, func(id wire.PropertyID) bool { return id.ValidIn(kind) }}, true
	}
	switch command {
	case "connect":
		return in(wire.CONNECT, &p.Connect)
	case "publish":
		return in(wire.PUBLISH, &p.Publish)
	case "subscribe":
		return in(wire.SUBSCRIBE, &p.Subscribe)
	case "unsubscribe":
		return in(wire.UNSUBSCRIBE, &p.Unsubscribe)
	case "disconnect":
		return in(wire.DISCONNECT, &p.Disconnect)
	case "will":
		return target{&p.Will, wire.PropertyID.ValidInWill}, true
	case "connack":
		return in(wire.CONNACK, nil)
	case "auth":
		return in(wire.AUTH, nil)
	case "puback":
		return in(wire.PUBACK, nil)
	case "pubrec":
		return in(wire.PUBREC, nil)
	case "pubrel":
		return in(wire.PUBREL, nil)
	case "pubcomp":
		return in(wire.PUBCOMP, nil)
	default:
		return target{}, false
	}
}

// addProperty is -D.
func (p *parser) addProperty(words []string) *End {
	command, name := words[0], words[1]
	t, known := p.target(strings.ToLower(command))
	if !known {
		return p.usage("Error: Invalid command given in --property argument.\n\n")
	}
	id, known := wire.PropertyByName(strings.ToLower(name))
	if !known {
		return p.usage("Error: Invalid property name given in --property argument.\n\n")
	}
	switch {
	case strings.EqualFold(command, "connack"): // without a word of its own
		return p.usage("")
	case !t.allow(id):
		return p.usage("Error: " + name + " property not allowed for " + command + " in --property argument.\n\n")
	case t.props == nil, t.props == &p.Publish && id == wire.PropSubscriptionIdentifier:
		return p.usage("Error: " + name + " property not supported for " + command + " in --property argument.\n\n")
	}
	if *t.props == nil {
		*t.props = &wire.Properties{}
	}
	p.Version = wire.V5
	return p.assign(*t.props, property{id: id, name: name, command: strings.ToLower(command)}, words[2:])
}

// property is one that is being set.
type property struct {
	id            wire.PropertyID
	name, command string
}

// assign sets a property. One that is there twice is refused when the command line is checked as a whole.
func (p *parser) assign(props *wire.Properties, q property, values []string) *End {
	if q.id == wire.PropUserProperty {
		if !isText(values[0]) || !isText(values[1]) {
			return p.usage("Error adding property " + q.name + " 7\n")
		}
		props.UserProperties = append(props.UserProperties, wire.UserProperty{Key: values[0], Value: values[1]})
		return nil
	}
	if props.Has(q.id) {
		p.duplicates = append(p.duplicates, q.command)
	}
	if field := textOf(props, q.id); field != nil {
		if !isText(values[0]) {
			return p.usage("Error adding property " + q.name + " 6\n")
		}
		*field = values[0]
		props.Set(q.id)
		return nil
	}
	switch q.id {
	case wire.PropCorrelationData:
		props.CorrelationData = []byte(values[0])
		props.Set(q.id)
		return nil
	case wire.PropAuthenticationData:
		props.AuthenticationData = []byte(values[0])
		props.Set(q.id)
		return nil
	default:
		return p.assignNumber(props, q, values[0])
	}
}

func textOf(props *wire.Properties, id wire.PropertyID) *string {
	switch id {
	case wire.PropContentType:
		return &props.ContentType
	case wire.PropResponseTopic:
		return &props.ResponseTopic
	case wire.PropReasonString:
		return &props.ReasonString
	case wire.PropServerReference:
		return &props.ServerReference
	case wire.PropAuthenticationMethod:
		return &props.AuthenticationMethod
	default:
		return nil
	}
}

// assignNumber sets a property that is a number. A Property may hold what the specification forbids, which is refused when
// the command line is checked as a whole.
func (p *parser) assignNumber(props *wire.Properties, q property, value string) *End {
	n, _ := integer(value, 10)
	most, set := number(props, q.id)
	if q.id == wire.PropSubscriptionIdentifier && n > most && n <= forever {
		return p.usage("Error adding property " + q.name + " 4\n")
	}
	if n < 0 || n > most {
		return p.usage("Error: Property value (" + strconv.FormatInt(n, 10) + ") out of range for property " + q.name + ".\n\n")
	}
	set(uint32(n))
	props.Set(q.id)
	return nil
}

// number returns the largest value of a property, and what sets it.
func number(props *wire.Properties, id wire.PropertyID) (most int64, set func(uint32)) {
	const mostByte, most16, most32 = 1<<8 - 1, 1<<16 - 1, 1<<32 - 1
	switch id {
	case wire.PropPayloadFormatIndicator:
		return mostByte, func(n uint32) { props.PayloadFormatIndicator = byte(n) }
	case wire.PropRequestProblemInformation:
		return mostByte, func(n uint32) { props.RequestProblemInformation = byte(n) }
	case wire.PropRequestResponseInformation:
		return mostByte, func(n uint32) { props.RequestResponseInformation = byte(n) }
	case wire.PropReceiveMaximum:
		return most16, func(n uint32) { props.ReceiveMaximum = uint16(n) }
	case wire.PropTopicAliasMaximum:
		return most16, func(n uint32) { props.TopicAliasMaximum = uint16(n) }
	case wire.PropTopicAlias:
		return most16, func(n uint32) { props.TopicAlias = uint16(n) }
	case wire.PropMaximumPacketSize:
		return most32, func(n uint32) { props.MaximumPacketSize = n }
	case wire.PropMessageExpiryInterval:
		return most32, func(n uint32) { props.MessageExpiryInterval = n }
	case wire.PropSessionExpiryInterval:
		return most32, func(n uint32) { props.SessionExpiryInterval = n }
	case wire.PropWillDelayInterval:
		return most32, func(n uint32) { props.WillDelayInterval = n }
	default: // the Subscription Identifier, as no other property of a number can be set
		return wire.MaxRemainingLength, func(n uint32) { props.SubscriptionIdentifiers = []uint32{n} }
	}
}
