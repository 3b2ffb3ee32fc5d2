package wire

// Type returns a.Kind.
func (a *Ack) Type() Type { return a.Kind }

// Decode is [Decode] into a, which it overwrites, without allocation unless there are Properties.
func (a *Ack) Decode(v Version, first byte, body []byte) error {
	kind := Type(first >> 4)
	d := decoder{rest: body, packet: kind, v: v}
	*a = Ack{Kind: kind}
	d.flags(first, a.flags())
	a.PacketID = d.uint16("the Packet Identifier")
	// Reason Code and Properties are left out when the code is 0, the Properties when there are none (section 3.4.2).
	if v >= V5 && len(d.rest) > 0 {
		a.Code = ReasonCode(d.byte("the Reason Code"))
	}
	if v >= V5 && len(d.rest) > 0 {
		a.Properties = d.properties(kind)
	}
	return d.finish(a.fault(v))
}

// flags are the fixed header flags, which only PUBREL has [MQTT-3.6.1-1].
func (a *Ack) flags() byte {
	if a.Kind == PUBREL {
		return 2
	}
	return 0
}

func (a *Ack) fault(v Version) *Error {
	if a.Kind < PUBACK || a.Kind > PUBCOMP {
		return &Error{MalformedPacket, a.Kind, "it acknowledges nothing", "section 2.1.2"}
	}
	if a.PacketID == 0 {
		return identifierFault(a.Kind, v, 0)
	}
	if v < V5 {
		return nil
	}
	return codeFault(a.Kind, a.Code)
}

// Append appends the packet in its shortest form. Below MQTT 5 it says nothing but "received", so that any Reason Code but
// Success is an [*UnsupportedError].
func (a *Ack) Append(dst []byte, v Version) ([]byte, error) {
	e := newEncoder(dst, a.Kind, v, a.fault(v))
	e.uint16(a.PacketID)
	switch {
	case v < V5:
		if a.Code != Success {
			e.unsupported("the Reason Code " + a.Code.String())
		}
		e.properties(a.Properties, a.Kind)
	case !a.Properties.Empty():
		e.byte(byte(a.Code))
		e.properties(a.Properties, a.Kind)
	case a.Code != Success:
		e.byte(byte(a.Code))
	}
	return e.finish(a.flags())
}
