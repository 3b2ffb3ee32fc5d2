package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mqx-cli/mqx/internal/wire"
)

// PacketProperties are the MQTT 5 properties that --property gives to packets. A packet without any has nil.
type PacketProperties struct {
	Connect, Publish, Subscribe, Unsubscribe, Disconnect, Will *wire.Properties

	given []string // as the user wrote them
}

// Add sets one property: words are COMMAND NAME VALUE, or COMMAND user-property KEY VALUE. Names are the words of the
// specification with dashes: content-type.
func (p *PacketProperties) Add(words ...string) error {
	if len(words) < 3 {
		return errors.New("COMMAND NAME VALUE are expected")
	}
	packet, name := words[0], words[1]
	props, allowed, err := p.packet(packet)
	if err != nil {
		return err
	}
	id, err := propertyNamed(name)
	if err != nil {
		return err
	}
	if !slices.Contains(allowed, id) {
		return refusal(packet, name, id)
	}
	want := 3
	if id == wire.PropUserProperty {
		want = 4
	}
	if len(words) != want {
		return fmt.Errorf("%s takes %d words after %s", name, want-2, name)
	}
	*props = ensure(*props)
	if err := setProperty(*props, id, words[2:]); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p.given = append(p.given, "--property "+packet+" "+name)
	return nil
}

// AddUserProperty adds a User Property to the packet of a command.
func (p *PacketProperties) AddUserProperty(packet, key, value string) error {
	if err := p.Add(packet, "user-property", key, value); err != nil {
		return err
	}
	p.given[len(p.given)-1] = "--user-property"
	return nil
}

func (p *PacketProperties) packet(name string) (props **wire.Properties, allowed []wire.PropertyID, err error) {
	switch name {
	case "connect":
		return &p.Connect, []wire.PropertyID{
			wire.PropMaximumPacketSize, wire.PropReceiveMaximum, wire.PropRequestProblemInformation,
			wire.PropRequestResponseInformation, wire.PropSessionExpiryInterval, wire.PropUserProperty,
		}, nil
	case "publish":
		return &p.Publish, []wire.PropertyID{
			wire.PropContentType, wire.PropCorrelationData, wire.PropMessageExpiryInterval, wire.PropPayloadFormatIndicator,
			wire.PropResponseTopic, wire.PropUserProperty,
		}, nil
	case "subscribe":
		return &p.Subscribe, []wire.PropertyID{wire.PropSubscriptionIdentifier, wire.PropUserProperty}, nil
	case "unsubscribe":
		return &p.Unsubscribe, []wire.PropertyID{wire.PropUserProperty}, nil
	case "disconnect":
		return &p.Disconnect, []wire.PropertyID{wire.PropReasonString, wire.PropSessionExpiryInterval, wire.PropUserProperty}, nil
	case "will":
		return &p.Will, []wire.PropertyID{
			wire.PropContentType, wire.PropCorrelationData, wire.PropMessageExpiryInterval, wire.PropPayloadFormatIndicator,
			wire.PropResponseTopic, wire.PropUserProperty, wire.PropWillDelayInterval,
		}, nil
	default:
		return nil, nil, fmt.Errorf("%q is none of connect, publish, subscribe, unsubscribe, disconnect and will", name)
	}
}

func refusal(packet, name string, id wire.PropertyID) error {
	switch id {
	case wire.PropTopicAlias, wire.PropTopicAliasMaximum:
		return fmt.Errorf("%s is not set by hand: an alias stands for a topic on one connection only", name)
	case wire.PropSubscriptionIdentifier:
		return errors.New("subscription-identifier belongs to subscribe; a client must not publish one")
	default:
		return fmt.Errorf("%s is not a property of %s that can be set", name, packet)
	}
}

// propertyNamed finds a property by its name in the specification, in lower case and with dashes.
func propertyNamed(name string) (wire.PropertyID, error) {
	id, ok := wire.PropertyByName(name)
	if !ok {
		return 0, fmt.Errorf("no property is called %q; the names are those of MQTT 5 with dashes, like %s", name, wire.PropContentType.Name())
	}
	return id, nil
}

func setProperty(p *wire.Properties, id wire.PropertyID, values []string) error {
	value := values[0]
	switch id { //nolint:exhaustive // the other properties have one value of their own, below
	case wire.PropUserProperty:
		if err := errors.Join(validText(value), validText(values[1])); err != nil {
			return err
		}
		p.UserProperties = append(p.UserProperties, wire.UserProperty{Key: value, Value: values[1]})
		return nil
	case wire.PropSubscriptionIdentifier:
		n, err := number(value, 1, wire.MaxRemainingLength)
		p.SubscriptionIdentifiers = []uint32{n}
		return err
	}
	p.Set(id)
	switch id {
	case wire.PropContentType:
		p.ContentType = value
		return validText(value)
	case wire.PropResponseTopic:
		p.ResponseTopic = value
		return validText(value)
	case wire.PropReasonString:
		p.ReasonString = value
		return validText(value)
	case wire.PropCorrelationData:
		p.CorrelationData = []byte(value)
		if len(value) > wire.MaxString {
			return fmt.Errorf("longer than %d bytes", wire.MaxString)
		}
		return nil
	default:
		return setNumber(p, id, value)
	}
}

func setNumber(p *wire.Properties, id wire.PropertyID, value string) (err error) {
	var n uint32
	switch id {
	case wire.PropPayloadFormatIndicator:
		n, err = number(value, 0, 1)
		p.PayloadFormatIndicator = byte(n)
	case wire.PropRequestProblemInformation:
		n, err = number(value, 0, 1)
		p.RequestProblemInformation = byte(n)
	case wire.PropRequestResponseInformation:
		n, err = number(value, 0, 1)
		p.RequestResponseInformation = byte(n)
	case wire.PropReceiveMaximum:
		n, err = number(value, 1, 65535)
		p.ReceiveMaximum = uint16(n)
	case wire.PropMaximumPacketSize:
		p.MaximumPacketSize, err = number(value, 1, 1<<32-1)
	case wire.PropMessageExpiryInterval:
		p.MessageExpiryInterval, err = number(value, 0, 1<<32-1)
	case wire.PropSessionExpiryInterval:
		p.SessionExpiryInterval, err = number(value, 0, 1<<32-1)
	case wire.PropWillDelayInterval:
		p.WillDelayInterval, err = number(value, 0, 1<<32-1)
	default:
		err = errors.New("it cannot be set")
	}
	return err
}

func number(s string, least, most uint64) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a whole number from %d to %d", s, least, most)
	}
	return uint32(n), nil
}

// validText checks a UTF-8 Encoded String (MQTT 5, 1.5.4).
func validText(s string) error {
	switch {
	case len(s) > wire.MaxString:
		return fmt.Errorf("%d bytes, and MQTT allows %d", len(s), wire.MaxString)
	case !utf8.ValidString(s):
		return errors.New("not valid UTF-8 [MQTT-1.5.4-1]")
	case strings.ContainsRune(s, 0):
		return errors.New("holds U+0000 [MQTT-1.5.4-2]")
	}
	return nil
}
