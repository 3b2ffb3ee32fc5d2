package wire

import "fmt"

// The Connect Flags (section 3.1.2.3).
const (
	flagReserved   = 0x01
	flagCleanStart = 0x02
	flagWill       = 0x04
	flagWillQoS    = 0x18
	flagWillRetain = 0x20
	flagPassword   = 0x40
	flagUsername   = 0x80
)

// Type returns CONNECT.
func (*Connect) Type() Type { return CONNECT }

func (d *decoder) connect(first byte) (Packet, error) {
	d.v = V5 // for the statements in errors, until the packet says its own
	d.flags(first, 0)
	name := d.text("the Protocol Name")
	d.v = Version(d.byte("the Protocol Version"))
	if d.err == nil && d.v.protocolName() != name {
		d.fail(UnsupportedProtocolVersion, fmt.Sprintf("protocol %.20q level %d", name, byte(d.v)), "MQTT-3.1.2-2")
	}
	flags := d.byte("the Connect Flags")
	d.connectFlags(flags)
	c := &Connect{
		Version:    d.v,
		CleanStart: flags&flagCleanStart != 0,
		KeepAlive:  d.uint16("the Keep Alive"),
		Properties: d.properties(CONNECT),
		ClientID:   d.text("the Client Identifier"),
	}
	if flags&flagWill != 0 {
		c.Will = &Will{
			QoS:        flags & flagWillQoS >> 3,
			Retain:     flags&flagWillRetain != 0,
			Properties: d.properties(willOwner),
			Topic:      d.text("the Will Topic"),
			Payload:    d.binary("the Will Payload"),
		}
	}
	// MQTT 3.1, section 3.1: the Remaining Length takes precedence over the User Name and Password flags.
	short := d.v == V31 && len(d.rest) == 0
	if flags&flagUsername != 0 && !short {
		c.HasUsername, c.Username = true, d.text("the User Name")
		short = d.v == V31 && len(d.rest) == 0
	}
	if flags&flagPassword != 0 && !short {
		c.HasPassword, c.Password = true, d.binary("the Password")
	}
	if d.err != nil {
		return nil, d.err
	}
	return decoded(c, d.finish(c.fault()))
}

// protocolName is the Protocol Name that goes with the level. Levels with a top bit (bridges of Mosquitto) have none.
func (v Version) protocolName() string {
	switch v {
	case V31:
		return "MQIsdp"
	case V311, V5:
		return "MQTT"
	default:
		return "\x00" // not a name that validText lets through
	}
}

func (d *decoder) connectFlags(flags byte) {
	if flags&flagReserved != 0 && d.v >= V311 {
		d.malformed("the reserved Connect Flag is set", "MQTT-3.1.2-3")
	}
	switch will := flags & (flagWillQoS | flagWillRetain); {
	case flags&flagWill == 0 && will&flagWillQoS != 0:
		d.malformed("a Will QoS without a Will", pick(d.v, "MQTT-3.1.2-11", "MQTT-3.1.2-13"))
	case flags&flagWill == 0 && will != 0:
		d.malformed("Will Retain without a Will", pick(d.v, "MQTT-3.1.2-13", "MQTT-3.1.2-15"))
	case will&flagWillQoS == flagWillQoS:
		d.malformed("Will QoS 3", pick(d.v, "MQTT-3.1.2-12", "MQTT-3.1.2-14"))
	}
	if d.v < V5 && flags&flagPassword != 0 && flags&flagUsername == 0 {
		d.malformed("a Password without a User Name", "MQTT-3.1.2-22")
	}
}

// fault looks at what a decoded and an encoded CONNECT have in common.
func (c *Connect) fault() *Error {
	switch {
	case c.ClientID != "" || c.Version >= V5:
	case c.Version == V31:
		return &Error{ClientIdentifierNotValid, CONNECT, "empty Client Identifier", "MQTT 3.1, section 3.1"}
	case !c.CleanStart:
		return &Error{ClientIdentifierNotValid, CONNECT, "empty Client Identifier with Clean Session 0", "MQTT-3.1.3-8"}
	}
	if p := c.Properties; p.Has(PropAuthenticationData) && !p.Has(PropAuthenticationMethod) {
		return &Error{ProtocolError, CONNECT, "Authentication Data without a method", "section 3.1.2.11.10"}
	}
	w := c.Will
	if w == nil {
		return nil
	}
	switch {
	case w.QoS > 2:
		return &Error{MalformedPacket, CONNECT, fmt.Sprintf("Will QoS %d", w.QoS), pick(c.Version, "MQTT-3.1.2-12", "MQTT-3.1.2-14")}
	case w.Topic == "":
		return &Error{TopicNameInvalid, CONNECT, "empty Will Topic", "MQTT-4.7.3-1"}
	case hasWildcard(w.Topic):
		return &Error{TopicNameInvalid, CONNECT, fmt.Sprintf("wildcard in Will Topic %.64q", w.Topic), pick(c.Version, "MQTT-4.7.0-1", "MQTT-4.7.1-1")}
	}
	return nil
}

// Append appends the packet as c.Version encodes it; the version argument is ignored.
func (c *Connect) Append(dst []byte, _ Version) ([]byte, error) {
	e := newEncoder(dst, CONNECT, c.Version, c.fault())
	name := c.Version.protocolName()
	if !validText(name) {
		e.fail(UnsupportedProtocolVersion, fmt.Sprintf("protocol level %d", byte(c.Version)), "MQTT-3.1.2-2")
		return e.finish(0)
	}
	if c.HasPassword && !c.HasUsername && c.Version < V5 {
		e.unsupported("a Password without a User Name")
	}
	e.text("the Protocol Name", name)
	e.byte(byte(c.Version))
	e.byte(c.flags())
	e.uint16(c.KeepAlive)
	e.properties(c.Properties, CONNECT)
	e.text("the Client Identifier", c.ClientID)
	if w := c.Will; w != nil {
		e.properties(w.Properties, willOwner)
		e.text("the Will Topic", w.Topic)
		e.binary("the Will Payload", w.Payload)
	}
	if c.HasUsername {
		e.text("the User Name", c.Username)
	}
	if c.HasPassword {
		e.binary("the Password", c.Password)
	}
	return e.finish(0)
}

func (c *Connect) flags() byte {
	var flags byte
	if c.CleanStart {
		flags |= flagCleanStart
	}
	if w := c.Will; w != nil {
		flags |= flagWill | w.QoS<<3&flagWillQoS
		if w.Retain {
			flags |= flagWillRetain
		}
	}
	if c.HasPassword {
		flags |= flagPassword
	}
	if c.HasUsername {
		flags |= flagUsername
	}
	return flags
}
