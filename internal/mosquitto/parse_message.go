package mosquitto

import (
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

func itoa(n int) string { return strconv.Itoa(n) }

// isName reports whether a topic can be published to. An empty one is for the broker to refuse.
func isName(s string) bool { return len(s) <= wire.MaxString && !strings.ContainsAny(s, "+#") }

// isFilter reports whether the wildcards of a Topic Filter are where they may be.
func isFilter(s string) bool {
	_, err := topic.ParseFilter(s)
	return err == nil || s == ""
}

// setTopic is -t: where to publish, the last one counts, or what to subscribe to as well.
func (p *parser) setTopic(words []string) *End { return p.addTopic("-t", words[0]) }

func (p *parser) addTopic(option, name string) *End {
	if end := p.utf8Text(option, name); end != nil {
		return end
	}
	switch {
	case p.tool != Sub && !isName(name):
		return p.usage("Error: Invalid publish topic '" + name + "', does it contain '+' or '#'?\n")
	case p.tool != Sub:
		p.Topic = &name
	case !isFilter(name) || name == "":
		return p.usage("Error: Invalid subscription topic '" + name + "', are all '+' and '#' wildcards correct?\n")
	default:
		p.Filters = append(p.Filters, name)
	}
	return nil
}

func (p *parser) setResponseTopic(words []string) *End {
	if end := p.utf8Text("-e", words[0]); end != nil {
		return end
	}
	if !isName(words[0]) {
		return p.usage("Error: Invalid response topic '" + words[0] + "', does it contain '+' or '#'?\n")
	}
	p.ResponseTopic = &words[0]
	return nil
}

func (p *parser) addUnsubscribe(words []string) *End {
	if end := p.utf8Text("-U", words[0]); end != nil {
		return end
	}
	if !isFilter(words[0]) {
		return p.usage("Error: Invalid unsubscribe topic '" + words[0] + "', are all '+' and '#' wildcards correct?\n")
	}
	p.Unsubscribes = append(p.Unsubscribes, words[0])
	return nil
}

func (p *parser) addExclude(words []string) *End {
	if end := p.utf8Text("-T", words[0]); end != nil {
		return end
	}
	f, err := topic.ParseFilter(words[0])
	if err != nil {
		return p.usage("Error: Invalid filter topic '" + words[0] + "', are all '+' and '#' wildcards correct?\n")
	}
	p.Exclude = append(p.Exclude, f)
	return nil
}

// setMode is an option that says where the payload comes from; there can be one.
func setMode(m Mode) func(*parser, []string) *End {
	return func(p *parser, words []string) *End {
		if p.Mode != NoPayload {
			return p.usage("Error: Only one type of message can be sent at once.\n\n")
		}
		p.Mode = m
		if m == Text {
			p.Message = words[0] // the kernel allows no word that is too long for a packet
		}
		if m == File {
			p.FileName = words[0]
		}
		return nil
	}
}

func (p *parser) setRepeat(words []string) *End {
	if p.Repeat = atoi(words[0]); p.Repeat < 1 {
		return p.usage("Error: --repeat argument must be >0.\n\n")
	}
	return nil
}

func (p *parser) setRepeatDelay(words []string) *End {
	seconds := atof(words[0])
	if seconds < 0 {
		return p.usage("Error: --repeat-delay argument must be >=0.0.\n\n")
	}
	const longest = float64(1<<62) / float64(time.Second)
	p.RepeatDelay = time.Duration(min(seconds, longest) * float64(time.Second))
	return nil
}

func (p *parser) setCount(words []string) *End {
	if p.Count = atoi(words[0]); p.Count < 1 {
		return p.usage("Error: Invalid message count \"" + itoa(p.Count) + "\".\n\n")
	}
	return nil
}

func (p *parser) setTimeout(words []string) *End {
	n := atoi(words[0])
	if n < 1 {
		return p.usage("Error: Invalid timeout \"" + itoa(n) + "\".\n\n")
	}
	p.Timeout = time.Duration(n) * time.Second
	return nil
}

// setChance is --random-filter. The program accepts ten times what it says.
func (p *parser) setChance(words []string) *End {
	if p.Chance = atof(words[0]); p.Chance < 0.1 || p.Chance > 1000 {
		return p.usage("Error: --random-filter chance must be between 0.1-100.0\n\n")
	}
	return nil
}

func (p *parser) setFormat(words []string) *End {
	if problem := formatProblem(words[0]); problem != "" {
		return p.usage("Error: " + problem + "\n")
	}
	p.Format, p.HasFormat = words[0], true
	return nil
}

func (p *parser) setNoRetain([]string) *End {
	p.NoRetain, p.RetainHandling = true, retainNever
	return nil
}

const (
	retainNew   = 1 // Retain Handling 1 (MQTT 5, 3.8.3.1)
	retainNever = 2 // Retain Handling 2
)

func (p *parser) setRetainHandling(words []string) *End {
	switch words[0] {
	case "always":
		p.RetainHandling = 0
	case "new":
		p.RetainHandling = retainNew
	case "never":
		p.RetainHandling = retainNever
	default:
		return p.usage("Error: Unknown value '" + words[0] + "' for --retain-handling.\n\n")
	}
	return nil
}
