package wire

// Type returns PINGREQ.
func (*Pingreq) Type() Type { return PINGREQ }

// Append appends the packet.
func (*Pingreq) Append(dst []byte, _ Version) ([]byte, error) {
	return AppendHeader(dst, byte(PINGREQ)<<4, 0), nil
}

// Type returns PINGRESP.
func (*Pingresp) Type() Type { return PINGRESP }

// Append appends the packet.
func (*Pingresp) Append(dst []byte, _ Version) ([]byte, error) {
	return AppendHeader(dst, byte(PINGRESP)<<4, 0), nil
}

// Type returns DISCONNECT.
func (*Disconnect) Type() Type { return DISCONNECT }

func (d *decoder) disconnect(first byte) (Packet, error) {
	d.flags(first, 0)
	p := &Disconnect{}
	// Reason Code and Properties are left out when the code is 0, the Properties when there are none (section 3.14.2).
	if d.v >= V5 && len(d.rest) > 0 {
		p.Code = ReasonCode(d.byte("the Reason Code"))
	}
	if d.v >= V5 && len(d.rest) > 0 {
		p.Properties = d.properties(DISCONNECT)
	}
	return decoded(p, d.finish(codeFault(DISCONNECT, p.Code)))
}

// Append appends the packet in its shortest form. Below MQTT 5 DISCONNECT is the Client's normal end and has no body: any
// Reason Code but Success is an [*UnsupportedError], and the connection is to be closed without a DISCONNECT.
func (d *Disconnect) Append(dst []byte, v Version) ([]byte, error) {
	e := newEncoder(dst, DISCONNECT, v, codeFault(DISCONNECT, d.Code))
	switch {
	case v < V5:
		if d.Code != Success {
			e.unsupported("the Reason Code " + d.Code.String())
		}
		e.properties(d.Properties, DISCONNECT)
	case !d.Properties.Empty():
		e.byte(byte(d.Code))
		e.properties(d.Properties, DISCONNECT)
	case d.Code != Success:
		e.byte(byte(d.Code))
	}
	return e.finish(0)
}

// Type returns AUTH.
func (*Auth) Type() Type { return AUTH }

func (d *decoder) auth(first byte) (Packet, error) {
	if d.v < V5 {
		d.fail(ProtocolError, "MQTT "+d.v.String()+" has no such packet", "section 2.2.1")
	}
	d.flags(first, 0)
	p := &Auth{}
	// Unlike in DISCONNECT, Reason Code and Property Length are left out together or not at all (section 3.15.2.1).
	if len(d.rest) > 0 {
		p.Code = ReasonCode(d.byte("the Reason Code"))
		p.Properties = d.properties(AUTH)
	}
	return decoded(p, d.finish(p.fault()))
}

func (a *Auth) fault() *Error {
	if fault := codeFault(AUTH, a.Code); fault != nil {
		return fault
	}
	// Section 3.15.2.2.2 wants a method in each AUTH, section 3.15.2.1 lets one be empty.
	if a.Properties.Has(PropAuthenticationMethod) || a.Code == Success && a.Properties.Empty() {
		return nil
	}
	return &Error{ProtocolError, AUTH, "no Authentication Method", "section 3.15.2.2.2"}
}

// Append appends the packet. Below MQTT 5 there is none and it is an [*UnsupportedError].
func (a *Auth) Append(dst []byte, v Version) ([]byte, error) {
	e := newEncoder(dst, AUTH, v, a.fault())
	if v < V5 {
		e.unsupported("")
	}
	if a.Code != Success || !a.Properties.Empty() {
		e.byte(byte(a.Code))
		e.properties(a.Properties, AUTH)
	}
	return e.finish(0)
}
