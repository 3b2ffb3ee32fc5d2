package mosquitto

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mqx-cli/mqx/internal/wire"
)

// Parse reads a command line, after the configuration file of the program. An *End says that the program ends here: because
// of a mistake, or because it was asked for its help or version.
func Parse(t Tool, args []string, env Environment) (*Options, *End) {
	p := &parser{Options: newOptions(t), tool: t, env: env}
	if end := p.readFile(args); end != nil {
		return nil, end
	}
	if end := p.line(args); end != nil {
		return nil, end
	}
	if end := p.check(); end != nil {
		return nil, end
	}
	return p.Options, nil
}

// parser reads one command line.
type parser struct {
	*Options

	tool Tool
	env  Environment
}

// usage is a mistake in an option, with one line feed or two as mosquitto has it.
func (p *parser) usage(text string) *End { return usageEnd(p.tool, text) }

// line reads the words of a command line, or of a line of the configuration file. The grammar is mosquitto's own: a word is
// an option as a whole, its values are the words after it, and there is nothing else.
func (p *parser) line(args []string) *End {
	for i := 0; i < len(args); {
		o, known := find(p.tool, args[i])
		if !known {
			return p.usage("Error: Unknown option '" + args[i] + "'.\n")
		}
		if o.missing == "" {
			if end := o.set(p, nil); end != nil {
				return end
			}
			i++
			continue
		}
		if i+1 >= len(args) {
			return p.usage("Error: " + o.missing + ".\n\n")
		}
		n := 1
		if o.words != nil {
			if n = o.words(args[i+1:]); n == 0 {
				return p.usage("Error: " + o.missing + ".\n\n")
			}
		}
		if end := o.set(p, args[i+1:i+1+n]); end != nil {
			return end
		}
		i += 1 + n
	}
	return nil
}

// utf8Text refuses text that MQTT should not carry.
func (p *parser) utf8Text(option, text string) *End {
	if !isText(text) {
		return p.usage("Error: Malformed UTF-8 in " + option + " argument.\n\n")
	}
	return nil
}

// isText reports whether s is UTF-8 without the code points that MQTT 5 says it should not have (section 1.5.4).
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r >= 0xFDD0 && r <= 0xFDEF || r&0xFFFE == 0xFFFE
	})
}

func (p *parser) setID(words []string) *End {
	if p.IDPrefix != nil {
		return p.usage(idsExclude)
	}
	p.ID = &words[0]
	return nil
}

func (p *parser) setIDPrefix(words []string) *End {
	if p.ID != nil {
		return p.usage(idsExclude)
	}
	p.IDPrefix = &words[0]
	return nil
}

const idsExclude = "Error: -i and -I argument cannot be used together.\n\n"

func (p *parser) setPort(words []string) *End {
	n := atoi(words[0])
	if n < 0 || n > 65535 {
		return p.usage("Error: Invalid port given: " + itoa(n) + "\n")
	}
	p.Port = n
	return nil
}

func (p *parser) setKeepAlive(words []string) *End {
	n := atoi(words[0])
	if n < 5 || n > 65535 {
		return p.usage("Error: Invalid keepalive given, it must be between 5 and 65535 inclusive.\n\n")
	}
	p.KeepAlive = uint16(n)
	return nil
}

func (p *parser) setVersion(words []string) *End {
	switch words[0] {
	case "5", "mqttv5":
		p.Version = wire.V5
	case "311", "mqttv311":
		p.Version = wire.V311
	case "31", "mqttv31":
		p.Version = wire.V31
	default:
		return p.usage("Error: Invalid protocol version argument given.\n\n")
	}
	return nil
}

func (p *parser) setSessionExpiry(words []string) *End {
	if words[0] == "∞" {
		words = []string{"-1"}
	}
	n, ok := strtol(words[0])
	switch {
	case !ok:
		return p.usage("Error: session-expiry-interval not a number.\n\n")
	case n > forever || n < -1:
		return p.usage("Error: session-expiry-interval out of range.\n\n")
	case n == -1:
		n = forever
	}
	p.sessionExpiry, p.expiryGiven, p.Version = n, true, wire.V5
	return nil
}

// forever is the Session Expiry Interval of a Session that does not end.
const forever = 1<<32 - 1

func (p *parser) setInflight(words []string) *End {
	n := atoi(words[0])
	if n <= 0 {
		return p.usage("Error: Maximum inflight messages must be greater than 0.\n\n")
	}
	p.MaxInflight = min(n, 65535)
	return nil
}

func (p *parser) setQoS(words []string) *End {
	n := atoi(words[0])
	if n < 0 || n > 2 {
		return p.usage("Error: Invalid QoS given: " + itoa(n) + "\n")
	}
	p.QoS = byte(n)
	return nil
}

func (p *parser) setWillQoS(words []string) *End {
	n := atoi(words[0])
	if n < 0 || n > 2 {
		return p.usage("Error: Invalid will QoS " + itoa(n) + ".\n\n")
	}
	p.WillQoS = byte(n)
	return nil
}

func (p *parser) setWillTopic(words []string) *End {
	if end := p.utf8Text("--will-topic", words[0]); end != nil {
		return end
	}
	if !isName(words[0]) {
		return p.usage("Error: Invalid will topic '" + words[0] + "', does it contain '+' or '#'?\n")
	}
	p.WillTopic = &words[0]
	return nil
}
