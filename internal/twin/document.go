package twin

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/wire"
)

// State is the settings of a device: an object of [payload.Parse], with the literals of its numbers.
type State = map[string]any

// Layout says where a document keeps its revision.
type Layout string

// The layouts.
const (
	// Wrapped documents have the settings in the member "state", and "rev", "id" and others beside it.
	Wrapped Layout = "wrapped"
	// Inline documents have "_rev", "_id" and others among the settings.
	Inline Layout = "inline"
	// Bare documents are the settings alone. MQTT 5 writers keep revision and id in the User Properties mqx-rev and mqx-id.
	Bare Layout = "bare"
)

// The User Properties of bare documents.
const (
	revProperty         = "mqx-rev"
	idProperty          = "mqx-id"
	desiredRevProperty  = "mqx-desired-rev"
	desiredIDProperty   = "mqx-desired-id"
	defaultSchema       = "desired.v1"
	stateMember         = "state"
	timeLayout          = "2006-01-02T15:04:05.000Z07:00"
	maxExactFloat       = 1 << 53
	wholeNumberExpected = "is not a whole number"
)

// Desired is a desired document: what a device shall be like.
type Desired struct {
	Layout Layout
	// Rev is the revision; 0 when the document says none.
	Rev uint64
	// ID is what the document is called by whoever answers it; it may be empty, like all below.
	ID     string
	Schema string
	By     string
	// Base is the revision that the writer has changed.
	Base  uint64
	Time  time.Time
	State State

	more State // members of the envelope that mean nothing to us and stay
}

// DocumentError says why a payload is no document.
type DocumentError struct {
	Topic string
	Why   error
}

// Error names the topic.
func (e *DocumentError) Error() string { return fmt.Sprintf("%s: %v", e.Topic, e.Why) }

// Unwrap returns the cause.
func (e *DocumentError) Unwrap() error { return e.Why }

// ParseDesired reads a desired document of any layout. The error is a [*DocumentError].
func ParseDesired(m message.Message) (*Desired, error) {
	d, err := parseDesired(m)
	if err != nil {
		return nil, &DocumentError{m.Topic, err}
	}
	return d, nil
}

func parseDesired(m message.Message) (*Desired, error) {
	members, err := parseObject(m.Payload)
	if err != nil {
		return nil, err
	}
	d := &Desired{Layout: layoutOf(members), more: State{}}
	prefix := ""
	switch d.Layout {
	case Bare:
		d.State = members
		d.Rev, _ = strconv.ParseUint(userProperty(m.Properties, revProperty), 10, 64) // what is no number is no revision
		d.ID = userProperty(m.Properties, idProperty)
		return d, nil
	case Inline:
		prefix = "_"
		d.State = State{}
	case Wrapped:
		d.State, _ = members[stateMember].(State) // layoutOf has looked
	}
	for name, value := range members {
		known, err := d.take(prefix, name, value)
		switch {
		case err != nil:
			return nil, err
		case known, d.Layout == Wrapped && name == stateMember:
		case d.Layout == Wrapped:
			d.more[name] = value
		default:
			d.State[name] = value
		}
	}
	return d, nil
}

// layoutOf recognises a layout. A bare document may have a setting called state: only beside members of an envelope, or
// alone, it is the envelope's.
func layoutOf(members State) Layout {
	if _, ok := members[stateMember].(State); ok {
		if len(members) == 1 {
			return Wrapped
		}
		for _, name := range []string{"rev", "id", "schema", "ts", "base", "by", "desired_rev", "desired_id", "acks", "boot"} {
			if _, ok := members[name]; ok {
				return Wrapped
			}
		}
	}
	for _, name := range []string{"_rev", "_id"} {
		if _, ok := members[name]; ok {
			return Inline
		}
	}
	return Bare
}

// take reads a member of the envelope, if it is one. A null says nothing.
func (d *Desired) take(prefix, name string, value any) (known bool, err error) {
	switch name {
	case prefix + "rev":
		d.Rev, err = wholeNumber(value)
	case prefix + "base":
		d.Base, err = wholeNumber(value)
	case prefix + "id":
		d.ID, err = text(value)
	case prefix + "schema":
		d.Schema, err = text(value)
	case prefix + "by":
		d.By, err = text(value)
	case prefix + "ts":
		d.Time, _ = payload.TimeOf(value) // for people and ageing: what is no time is unknown
	default:
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%q %w", name, err)
	}
	return true, nil
}

func text(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", fmt.Errorf("is of type %s, not a string", payload.TypeOf(value))
	}
}

// wholeNumber takes 18 and 18.0, which is how some languages write it.
func wholeNumber(value any) (uint64, error) {
	if value == nil {
		return 0, nil
	}
	literal, ok := value.(json.Number)
	if !ok {
		return 0, fmt.Errorf("is of type %s, not a number", payload.TypeOf(value))
	}
	if n, err := strconv.ParseUint(string(literal), 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(string(literal), 64)
	if err != nil || f < 0 || f > maxExactFloat || f != float64(uint64(f)) {
		return 0, fmt.Errorf("is %.40s, which "+wholeNumberExpected, literal)
	}
	return uint64(f), nil
}

func userProperty(p *wire.Properties, key string) string {
	if p == nil {
		return ""
	}
	for _, u := range p.UserProperties {
		if u.Key == key {
			return u.Value
		}
	}
	return ""
}

// Encode returns the payload of d: one line, the envelope first. It is never empty.
func (d *Desired) Encode() []byte {
	if d.Layout == Bare {
		return payload.AppendValue(nil, d.State)
	}
	prefix := ""
	if d.Layout == Inline {
		prefix = "_"
	}
	dst := []byte{'{'}
	member := func(name string, value any) {
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(message.AppendJSONString(dst, prefix+name), ':')
		dst = payload.AppendValue(dst, value)
	}
	number := func(n uint64) json.Number { return json.Number(strconv.FormatUint(n, 10)) }
	if d.Schema != "" {
		member("schema", d.Schema)
	}
	if d.Rev > 0 {
		member("rev", number(d.Rev))
	}
	if d.ID != "" {
		member("id", d.ID)
	}
	if d.Base > 0 {
		member("base", number(d.Base))
	}
	if !d.Time.IsZero() {
		member("ts", d.Time.UTC().Format(timeLayout))
	}
	if d.By != "" {
		member("by", d.By)
	}
	prefix = ""
	rest := d.more
	if d.Layout == Inline {
		rest = d.State
	}
	inner := payload.AppendValue(nil, rest)
	if len(rest) > 0 {
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(dst, inner[1:len(inner)-1]...)
	}
	if d.Layout == Wrapped {
		member(stateMember, d.State)
	}
	return append(dst, '}')
}

// properties are what a bare document says outside of its payload; those of other layouts say everything in it.
func (d *Desired) properties() []wire.UserProperty {
	if d.Layout != Bare {
		return nil
	}
	return []wire.UserProperty{{Key: revProperty, Value: strconv.FormatUint(d.Rev, 10)}, {Key: idProperty, Value: d.ID}}
}
