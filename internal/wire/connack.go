package wire

import "fmt"

// Type returns CONNACK.
func (*Connack) Type() Type { return CONNACK }

func (d *decoder) connack(first byte) (Packet, error) {
	d.flags(first, 0)
	c := &Connack{}
	// MQTT 3.1 has a reserved byte where later versions have the Connect Acknowledge Flags.
	flags := d.byte("the Connect Acknowledge Flags")
	if d.v >= V311 {
		c.SessionPresent = flags&1 != 0
		if flags > 1 {
			d.malformed(fmt.Sprintf("Connect Acknowledge Flags 0x%02X", flags), pick(d.v, "MQTT-3.2.2-1", "section 3.2.2.1"))
		}
	}
	code := d.byte("the Reason Code")
	c.Code = ReasonCode(code)
	if d.v < V5 {
		var known bool
		if c.Code, known = fromReturnCode(code); !known {
			d.fail(ProtocolError, fmt.Sprintf("Connect Return code %d", code), "section 3.2.2.3")
		}
	}
	c.Properties = d.properties(CONNACK)
	return decoded(c, d.finish(c.fault(d.v)))
}

// returnCodes are the Reason Codes that stand for the Connect Return codes of MQTT 3.1.1 (section 3.2.2.3).
func returnCodes() [6]ReasonCode {
	return [6]ReasonCode{
		Success, UnsupportedProtocolVersion, ClientIdentifierNotValid, ServerUnavailable, BadUserNameOrPassword, NotAuthorized,
	}
}

func fromReturnCode(n byte) (ReasonCode, bool) {
	codes := returnCodes()
	if int(n) >= len(codes) {
		return 0, false
	}
	return codes[n], true
}

func toReturnCode(c ReasonCode) (byte, bool) {
	for n, code := range returnCodes() {
		if code == c {
			return byte(n), true
		}
	}
	return 0, false
}

func (c *Connack) fault(v Version) *Error {
	if c.SessionPresent && c.Code != Success {
		return &Error{
			ProtocolError, CONNACK, "Session Present in a refusal",
			pick(v, "MQTT-3.2.2-6", "MQTT-3.2.2-4"),
		}
	}
	return codeFault(CONNACK, c.Code)
}

// Append appends the packet. Below MQTT 5 only the five refusals of [Connack] can be said; any other Reason Code is an
// [*UnsupportedError], and the connection is to be closed without a CONNACK. MQTT 3.1 does not say Session Present, so it
// is left out there.
func (c *Connack) Append(dst []byte, v Version) ([]byte, error) {
	e := newEncoder(dst, CONNACK, v, c.fault(v))
	if c.SessionPresent && v >= V311 {
		e.byte(1)
	} else {
		e.byte(0)
	}
	code := byte(c.Code)
	if v < V5 {
		var known bool
		if code, known = toReturnCode(c.Code); !known {
			e.unsupported("the Reason Code " + c.Code.String())
		}
	}
	e.byte(code)
	e.properties(c.Properties, CONNACK)
	return e.finish(0)
}
