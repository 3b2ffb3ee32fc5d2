package lint

import (
	"net"
	"strings"
)

// confLine is an option of mosquitto.conf.
type confLine struct {
	key, value string
	raw        string // with its indentation and line end
	place      Place
}

// confListener is a listener with its options. The first one holds what stands before any listener.
type confListener struct {
	line    *confLine // nil for the options before the first listener
	port    string
	address string
	options map[string]*confLine
}

// confBridge is a bridge section.
type confBridge struct {
	line    *confLine
	options map[string]*confLine
	topics  []*confLine
}

// confCheck is a mosquitto.conf under check.
type confCheck struct {
	finder

	file      string
	lines     []confLine
	global    map[string]*confLine
	listeners []*confListener
	bridges   []*confBridge
	faults    []includeFault
	unseen    bool // an include_dir, or a file in one, could not be read
}

// MosquittoConf checks a mosquitto.conf.
func (l *Linter) MosquittoConf(file, text string) {
	c := &confCheck{finder: finder{l: l}, file: file, global: map[string]*confLine{}}
	c.read(file, text, false)
	l.checked += len(c.lines)
	c.sections()
	for _, a := range l.conf {
		c.rule = a
		a.conf(c)
	}
}

// read takes the lines of a file, and of those that it includes.
func (c *confCheck) read(file, text string, included bool) {
	var ignore *suppression
	number, offset := 0, 0
	for line := range strings.Lines(text) {
		number++
		at := Place{File: file, Line: number, span: spanOf(offset, line)}
		offset = at.span.next
		raw := line
		line = strings.TrimSpace(line)
		at.Text = line
		switch {
		case line == "":
		case strings.HasPrefix(line, "#"):
			ignore = c.l.comment(Conf, line, at)
		default:
			at.ignore, ignore = ignore, nil
			key, value, _ := strings.Cut(line, " ")
			option := confLine{key: key, value: strings.TrimSpace(value), raw: raw, place: at}
			c.lines = append(c.lines, option)
			switch {
			case key != "include_dir":
			case included:
				c.faults = append(c.faults, includeFault{option, Warning, "an include_dir in an included file is passed over by Mosquitto"})
			default:
				c.include(option)
			}
		}
	}
}

// sections gives the lines to the listeners and bridges they belong to.
func (c *confCheck) sections() {
	var listener *confListener
	var bridge *confBridge
	for i := range c.lines {
		line := &c.lines[i]
		switch line.key {
		case "listener":
			listener, bridge = newListener(line), nil
			c.listeners = append(c.listeners, listener)
		case "connection":
			bridge = &confBridge{line: line, options: map[string]*confLine{}}
			c.bridges = append(c.bridges, bridge)
		case "topic":
			if bridge != nil {
				bridge.topics = append(bridge.topics, line)
			}
		default:
			c.assign(line, listener, bridge)
		}
	}
}

func (c *confCheck) assign(line *confLine, listener *confListener, bridge *confBridge) {
	switch {
	case bridge != nil && strings.HasPrefix(confScope(line.key), bridgeScope):
		bridge.options[line.key] = line
	case listener != nil && confScope(line.key) == listenerScope:
		listener.options[line.key] = line
	default:
		c.global[line.key] = line
		if line.key == "port" {
			l := newListener(line)
			l.port, l.options = line.value, c.global
			c.listeners = append(c.listeners, l)
		}
	}
}

func newListener(line *confLine) *confListener {
	port, address, _ := strings.Cut(line.value, " ")
	return &confListener{line: line, port: port, address: strings.TrimSpace(address), options: map[string]*confLine{}}
}

// loopback reports whether only this machine can reach a listener.
func (l *confListener) loopback() bool {
	address := l.address
	if bind := l.options["bind_address"]; bind != nil {
		address = bind.value
	}
	if l.port == "0" || strings.HasPrefix(address, "/") || address == "localhost" {
		return true // a Unix socket
	}
	ip := net.ParseIP(address)
	return ip != nil && ip.IsLoopback()
}

// option is the line that sets an option for a listener, or for the Server as a whole; nil when there is none.
func (c *confCheck) option(l *confListener, key string) *confLine {
	if l != nil && l.options[key] != nil {
		return l.options[key]
	}
	return c.global[key]
}

// value is the value of an option of a listener, or of the global one.
func (c *confCheck) value(l *confListener, key string) string {
	if line := c.option(l, key); line != nil {
		return line.value
	}
	return ""
}

// at makes a line the place of what is found next; nil is the file as a whole.
func (c *confCheck) at(line *confLine) {
	c.subject = subject{kind: Conf, place: Place{File: c.file}}
	if line != nil {
		c.place = line.place
	}
}

// lacks reports whether an option is missing. It may stand in a file of an include_dir that could not be read.
func (c *confCheck) lacks(key string) bool { return c.global[key] == nil && !c.unseen }

// is reports whether a global option has a value.
func (c *confCheck) is(key, value string) bool {
	line := c.global[key]
	return line != nil && line.value == value
}
