package commands

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/topic"
)

// repeated is a flag that may be given several times. In the environment it takes a value a line.
type repeated interface{ SetLine(line string) error }

// durationFlag takes 90s, 1m30s or a bare number of seconds.
type durationFlag struct{ d *time.Duration }

// Set parses a duration.
func (f durationFlag) Set(s string) error {
	d, err := duration.Parse(s)
	if err != nil {
		return err
	}
	*f.d = d
	return nil
}

// String returns the value.
func (f durationFlag) String() string {
	if f.d == nil || *f.d == 0 {
		return ""
	}
	return f.d.String()
}

// Type names the value in help.
func (durationFlag) Type() string { return "duration" }

// secondsFlag takes a duration of whole seconds up to a limit; forever, when allowed, is the limit itself.
type secondsFlag struct {
	set     func(uint32)
	text    string
	most    uint32
	forever bool
}

// Set parses seconds.
func (f *secondsFlag) Set(s string) error {
	if f.forever && (s == "forever" || s == "never" || s == "-1") {
		f.text = "forever"
		f.set(f.most)
		return nil
	}
	d, err := duration.Parse(s)
	if err != nil {
		return err
	}
	if d%time.Second != 0 || d/time.Second > time.Duration(f.most) {
		return fmt.Errorf("%q is not whole seconds up to %d", s, f.most)
	}
	f.text = s
	f.set(uint32(d / time.Second))
	return nil
}

// String returns the value.
func (f *secondsFlag) String() string { return f.text }

// Type names the value in help.
func (f *secondsFlag) Type() string {
	if f.forever {
		return "duration|forever"
	}
	return "duration"
}

// qosFlag takes 0, 1 or 2.
type qosFlag struct{ q *byte }

// Set parses a QoS.
func (f qosFlag) Set(s string) error {
	switch s {
	case "0", "1", "2":
		*f.q = s[0] - '0'
		return nil
	default:
		return errors.New("0, 1 or 2 is expected")
	}
}

// String returns the value.
func (f qosFlag) String() string {
	if f.q == nil {
		return ""
	}
	return string('0' + rune(*f.q))
}

// Type names the value in help.
func (qosFlag) Type() string { return "0|1|2" }

// topicsFlag takes a Topic Name, repeatedly.
type topicsFlag struct{ list *[]string }

// Set checks and adds a Topic Name.
func (f topicsFlag) Set(s string) error {
	if _, err := topic.ParseName(s); err != nil {
		return err
	}
	*f.list = append(*f.list, s)
	return nil
}

// SetLine adds a Topic Name from the environment.
func (f topicsFlag) SetLine(s string) error { return f.Set(s) }

// String returns the value.
func (f topicsFlag) String() string { return joined(f.list) }

// Type names the value in help.
func (topicsFlag) Type() string { return "topic" }

// filtersFlag takes a Topic Filter, repeatedly.
type filtersFlag struct{ list *[]topic.Filter }

// Set checks and adds a Topic Filter.
func (f filtersFlag) Set(s string) error {
	filter, err := topic.ParseFilter(s)
	if err != nil {
		return err
	}
	*f.list = append(*f.list, filter)
	return nil
}

// SetLine adds a Topic Filter from the environment.
func (f filtersFlag) SetLine(s string) error { return f.Set(s) }

// String returns the value.
func (f filtersFlag) String() string {
	if f.list == nil {
		return ""
	}
	var words []string
	for _, filter := range *f.list {
		words = append(words, filter.String())
	}
	return strings.Join(words, " ")
}

// Type names the value in help.
func (filtersFlag) Type() string { return "filter" }

func joined(list *[]string) string {
	if list == nil {
		return ""
	}
	return strings.Join(*list, " ")
}

// propertyFlag takes the words of --property, joined by NUL as joinProperties leaves them.
type propertyFlag struct{ p *config.PacketProperties }

// Set adds a property.
func (f propertyFlag) Set(s string) error { return f.p.Add(strings.Split(s, wordSeparator)...) }

// SetLine adds a property from the environment, where words are separated by spaces and the value is the rest.
func (f propertyFlag) SetLine(s string) error {
	words := strings.SplitN(s, " ", 3)
	if len(words) == 3 && words[1] == userProperty {
		words = strings.SplitN(s, " ", 4)
	}
	return f.p.Add(words...)
}

// String returns the value.
func (propertyFlag) String() string { return "" }

// Type names the value in help.
func (propertyFlag) Type() string { return "COMMAND NAME VALUE" }

// userPropertyFlag takes KEY=VALUE for the packet of the command.
type userPropertyFlag struct {
	p      *config.PacketProperties
	packet string
}

// Set adds a User Property.
func (f userPropertyFlag) Set(s string) error {
	key, value, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("KEY=VALUE is expected")
	}
	return f.p.AddUserProperty(f.packet, key, value)
}

// SetLine adds a User Property from the environment.
func (f userPropertyFlag) SetLine(s string) error { return f.Set(s) }

// String returns the value.
func (userPropertyFlag) String() string { return "" }

// Type names the value in help.
func (userPropertyFlag) Type() string { return "KEY=VALUE" }

// retryFlag takes a number of attempts, or forever.
type retryFlag struct{ n *int }

// Set parses a number of attempts.
func (f retryFlag) Set(s string) error {
	if s == "forever" {
		*f.n = client.Forever
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return fmt.Errorf("%q is neither a number of attempts nor forever", s)
	}
	*f.n = int(n)
	return nil
}

// String returns the value.
func (f retryFlag) String() string {
	switch {
	case f.n == nil || *f.n == 0:
		return ""
	case *f.n == client.Forever:
		return "forever"
	default:
		return strconv.Itoa(*f.n)
	}
}

// Type names the value in help.
func (retryFlag) Type() string { return "N|forever" }

// portFlag takes a port from 1 to 65535.
type portFlag struct{ port *int }

// Set parses a port.
func (f portFlag) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is not a port from 1 to 65535", s)
	}
	*f.port = int(n)
	return nil
}

// String returns the value.
func (f portFlag) String() string {
	if f.port == nil || *f.port == 0 {
		return ""
	}
	return strconv.Itoa(*f.port)
}

// Type names the value in help.
func (portFlag) Type() string { return "port" }

// oneOf checks that a word is one of some.
func oneOf(s string, words ...string) error {
	if slices.Contains(words, s) {
		return nil
	}
	last := len(words) - 1
	return fmt.Errorf("%s or %s is expected", strings.Join(words[:last], ", "), words[last])
}
