package access

import (
	"fmt"
	"strings"
)

// ParseMosquitto reads an acl_file. Lines that cannot be read are the policy's Faults.
func ParseMosquitto(text string) *Policy {
	p := &Policy{Format: Mosquitto, sections: map[string][]int{}}
	user, known := "", map[string]bool{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		word, rest, _ := strings.Cut(trimmed, " ")
		rest = strings.TrimSpace(rest)
		switch word {
		case "user":
			user = rest
			if rest == "" {
				p.fault(number, "user needs a name")
			} else if !known[user] {
				known[user] = true
				p.Users = append(p.Users, user)
			}
		case "topic", "pattern":
			p.mosquittoRule(Rule{Line: number, Text: trimmed, User: user, Pattern: word == "pattern"}, rest)
		default:
			p.fault(number, "user, topic or pattern is expected, not "+quoted(word))
		}
	}
	return p
}

func (p *Policy) fault(line int, msg string) { p.Faults = append(p.Faults, FaultError{line, msg}) }

// quoted is a word of the file for a message; what stands in a file may be long, and no text.
func quoted(word string) string {
	const most = 40
	if len(word) > most {
		return fmt.Sprintf("%q...", word[:most])
	}
	return fmt.Sprintf("%q", word)
}

func (p *Policy) mosquittoRule(r Rule, rest string) {
	r.Allow, r.Actions, r.Filter = true, Read|Write, rest
	if word, filter, ok := strings.Cut(rest, " "); ok {
		switch word {
		case "read":
			r.Actions = Read
		case "write":
			r.Actions = Write
		case "readwrite":
		case "deny":
			r.Allow = false
		default:
			// Mosquitto does not start with it: a filter with a space needs one of the words.
			p.fault(r.Line, "read, write, readwrite or deny is expected before a Topic Filter with a space, not "+quoted(word))
			return
		}
		r.Filter = strings.TrimSpace(filter)
	}
	if r.Pattern {
		r.User = ""
	}
	if r.Filter == "" {
		p.fault(r.Line, "a Topic Filter is missing")
		return
	}
	// A rule whose filter is none stays in the list for those who want to say what is wrong with it; it matches nothing.
	if r.Pattern {
		p.patterns = append(p.patterns, len(p.Rules))
	} else {
		p.sections[r.User] = append(p.sections[r.User], len(p.Rules))
	}
	p.Rules = append(p.Rules, r)
}
