package wire

import (
	"fmt"
	"slices"
)

// Type returns SUBSCRIBE.
func (*Subscribe) Type() Type { return SUBSCRIBE }

// The Subscription Options (section 3.8.3.1).
const (
	optionQoS               = 0x03
	optionNoLocal           = 0x04
	optionRetainAsPublished = 0x08
	optionRetainHandling    = 0x30
	optionReserved          = 0xC0
)

func (d *decoder) subscribe(first byte) (Packet, error) {
	d.flags(first, 2)
	s := &Subscribe{PacketID: d.uint16("the Packet Identifier"), Properties: d.properties(SUBSCRIBE)}
	for len(d.rest) > 0 {
		filter := d.text("the Topic Filter")
		options := d.byte("the Subscription Options")
		reserved := byte(optionReserved)
		if d.v < V5 {
			reserved = ^byte(optionQoS)
		}
		if options&reserved != 0 {
			d.malformed(fmt.Sprintf("Subscription Options 0x%02X", options), pick(d.v, "MQTT-3.8.3-5", "MQTT-3-8.3-4"))
		}
		s.Subscriptions = append(s.Subscriptions, Subscription{
			Filter:            filter,
			QoS:               options & optionQoS,
			NoLocal:           options&optionNoLocal != 0,
			RetainAsPublished: options&optionRetainAsPublished != 0,
			RetainHandling:    options & optionRetainHandling >> 4,
		})
	}
	return decoded(s, d.finish(s.fault(d.v)))
}

func (s *Subscribe) fault(v Version) *Error {
	if fault := identifierFault(SUBSCRIBE, v, s.PacketID); fault != nil {
		return fault
	}
	if len(s.Subscriptions) == 0 {
		return &Error{ProtocolError, SUBSCRIBE, "no Topic Filter", pick(v, "MQTT-3.8.3-2", "MQTT-3.8.3-3")}
	}
	for i := range s.Subscriptions {
		if fault := s.Subscriptions[i].fault(v); fault != nil {
			return fault
		}
	}
	return nil
}

func (s *Subscription) fault(v Version) *Error {
	switch {
	case s.Filter == "":
		return &Error{MalformedPacket, SUBSCRIBE, "empty Topic Filter", "MQTT-4.7.3-1"}
	case s.QoS > 2 && v < V5:
		return &Error{MalformedPacket, SUBSCRIBE, fmt.Sprintf("QoS %d", s.QoS), "MQTT-3-8.3-4"}
	case s.QoS > 2:
		return &Error{ProtocolError, SUBSCRIBE, fmt.Sprintf("QoS %d", s.QoS), "section 3.8.3.1"}
	case s.RetainHandling > 2:
		return &Error{ProtocolError, SUBSCRIBE, fmt.Sprintf("Retain Handling %d", s.RetainHandling), "section 3.8.3.1"}
	case s.NoLocal && isShared(s.Filter):
		return &Error{ProtocolError, SUBSCRIBE, "No Local on a Shared Subscription", "MQTT-3.8.3-4"}
	default:
		return nil
	}
}

// options returns the Subscription Options, or what the version has no words for.
func (s *Subscription) options(v Version) (options byte, unsupported string) {
	options = s.QoS | s.RetainHandling<<4
	if s.NoLocal {
		options |= optionNoLocal
	}
	if s.RetainAsPublished {
		options |= optionRetainAsPublished
	}
	switch {
	case v >= V5:
		return options, ""
	case s.NoLocal:
		return 0, "No Local"
	case s.RetainAsPublished:
		return 0, "Retain As Published"
	case s.RetainHandling != 0:
		return 0, "Retain Handling"
	default:
		return options, ""
	}
}

// Append appends the packet. Below MQTT 5 a Subscription has no option but its QoS.
func (s *Subscribe) Append(dst []byte, v Version) ([]byte, error) {
	e := newEncoder(dst, SUBSCRIBE, v, s.fault(v))
	e.uint16(s.PacketID)
	e.properties(s.Properties, SUBSCRIBE)
	for i := range s.Subscriptions {
		options, unsupported := s.Subscriptions[i].options(v)
		if unsupported != "" {
			e.unsupported(unsupported)
		}
		e.text("the Topic Filter", s.Subscriptions[i].Filter)
		e.byte(options)
	}
	return e.finish(2)
}

// Type returns UNSUBSCRIBE.
func (*Unsubscribe) Type() Type { return UNSUBSCRIBE }

func (d *decoder) unsubscribe(first byte) (Packet, error) {
	d.flags(first, 2)
	u := &Unsubscribe{PacketID: d.uint16("the Packet Identifier"), Properties: d.properties(UNSUBSCRIBE)}
	for len(d.rest) > 0 {
		u.Filters = append(u.Filters, d.text("the Topic Filter"))
	}
	return decoded(u, d.finish(u.fault(d.v)))
}

func (u *Unsubscribe) fault(v Version) *Error {
	if fault := identifierFault(UNSUBSCRIBE, v, u.PacketID); fault != nil {
		return fault
	}
	if len(u.Filters) == 0 {
		return &Error{ProtocolError, UNSUBSCRIBE, "no Topic Filter", "MQTT-3.10.3-2"}
	}
	if slices.Contains(u.Filters, "") {
		return &Error{MalformedPacket, UNSUBSCRIBE, "empty Topic Filter", "MQTT-4.7.3-1"}
	}
	return nil
}

// Append appends the packet.
func (u *Unsubscribe) Append(dst []byte, v Version) ([]byte, error) {
	e := newEncoder(dst, UNSUBSCRIBE, v, u.fault(v))
	e.uint16(u.PacketID)
	e.properties(u.Properties, UNSUBSCRIBE)
	for _, filter := range u.Filters {
		e.text("the Topic Filter", filter)
	}
	return e.finish(2)
}
