package retained

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

// Problem is why something does not hold for a message, or for the messages of a filter together.
type Problem struct {
	// Topic is that of the message, empty when it is about all of them.
	Topic string
	// Check is what did not hold: `equals "online"`.
	Check string
	// Reason says why, in one line. It may hold text of the payload, as Want and Got do: escape it for a terminal.
	Reason string
	// Want and Got are the two sides of a comparison, or the part around the first difference. Both are empty when there is
	// nothing to compare.
	Want, Got string
	// Changes lead from the expected JSON value to the one that is there, the first maxChanges of them.
	Changes []payload.Change
	// MoreChanges is how many were left out.
	MoreChanges int
	// BadData says that it cannot be told whether the check holds: the payload is not a document where one is required.
	BadData bool
}

// maxChanges is how many differences of JSON values are kept.
const maxChanges = 20

// check is one thing that must hold for a message.
type check struct {
	what string
	test func(*subject) *Problem
}

// subject is the message that checks look at. They share what they have parsed.
type subject struct {
	m   message.Message
	now func() time.Time

	looked bool
	value  any
	found  bool
	err    error
}

// at returns the JSON value at a path, or that of the whole payload when path is empty.
func (s *subject) at(path string) (any, *Problem) {
	if !s.looked {
		s.looked = true
		if path == "" {
			s.found = true
			s.value, s.err = payload.Parse(s.m.Payload)
		} else {
			s.value, s.found, s.err = payload.Lookup(s.m.Payload, path)
		}
	}
	switch {
	case s.err != nil:
		return nil, &Problem{Reason: s.err.Error(), Got: excerpt(string(s.m.Payload), 0), BadData: true}
	case !s.found:
		return nil, &Problem{Reason: fmt.Sprintf("nothing is at %q", path), Got: excerpt(string(s.m.Payload), 0)}
	default:
		return s.value, nil
	}
}

func checkBytes(want string) func(*subject) *Problem {
	value, err := payload.Parse([]byte(want))
	isJSON := err == nil
	return func(s *subject) *Problem {
		got := string(s.m.Payload)
		if got == want {
			return nil
		}
		at := commonPrefix(want, got)
		p := &Problem{
			Reason: fmt.Sprintf("the payload differs from byte %d on", at),
			Want:   excerpt(want, at), Got: excerpt(got, at),
		}
		if isJSON {
			if v, err := payload.Parse(s.m.Payload); err == nil && payload.Equal(v, value) {
				p.Reason += ", though it is the same JSON value"
			}
		}
		return p
	}
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// excerpt is text, or the part around an offset when it is long.
func excerpt(text string, at int) string {
	const before, most = 40, 200
	if len(text) <= most {
		return text
	}
	from := max(0, min(at-before, len(text)-most))
	cut := strings.ToValidUTF8(text[from:from+most], "")
	if from > 0 {
		cut = "…" + cut
	}
	if from+most < len(text) {
		cut += "…"
	}
	return cut
}

func checkValue(path string, want any) func(*subject) *Problem {
	return func(s *subject) *Problem {
		got, problem := s.at(path)
		if problem != nil {
			problem.Want = excerpt(jsonText(want), 0)
			return problem
		}
		p := &Problem{}
		for c := range payload.Changes(want, got) {
			if len(p.Changes) == maxChanges {
				p.MoreChanges++
				continue
			}
			p.Changes = append(p.Changes, c)
		}
		switch n := len(p.Changes) + p.MoreChanges; n {
		case 0:
			return nil
		case 1:
			p.Reason = "the values differ"
		default:
			p.Reason = fmt.Sprintf("the values differ in %d places", n)
		}
		p.Want, p.Got = excerpt(jsonText(want), 0), excerpt(jsonText(got), 0)
		return p
	}
}

func checkCondition(path string, c *condition) func(*subject) *Problem {
	return func(s *subject) *Problem {
		value, problem := s.at(path)
		if problem != nil {
			return problem
		}
		if err := c.test(value); err != nil {
			return &Problem{Reason: err.Error(), Want: c.text, Got: excerpt(jsonText(value), 0)}
		}
		return nil
	}
}

func checkMatch(path string, re *regexp.Regexp) func(*subject) *Problem {
	return func(s *subject) *Problem {
		text := string(s.m.Payload)
		if path != "" {
			value, problem := s.at(path)
			if problem != nil {
				return problem
			}
			text = textOf(value)
		}
		if re.MatchString(text) {
			return nil
		}
		return &Problem{Reason: "the text does not match", Want: re.String(), Got: excerpt(text, 0)}
	}
}

func checkPath(path string) func(*subject) *Problem {
	return func(s *subject) *Problem {
		_, problem := s.at(path)
		return problem
	}
}

func checkSchema(schema *payload.Schema) func(*subject) *Problem {
	return func(s *subject) *Problem {
		if err := schema.Check(s.m.Payload); err != nil {
			_, broken := asSchemaError(err)
			return &Problem{Reason: err.Error(), Got: excerpt(string(s.m.Payload), 0), BadData: !broken}
		}
		return nil
	}
}

// checkAge holds when the payload's own timestamp is no further from now than most. One that lies further ahead says that
// a clock is wrong, and proves no more than one that is too old.
// shown rounds an age for people: a message of days ago is not told in milliseconds.
func shown(age time.Duration) time.Duration {
	if age > time.Hour || age < -time.Hour {
		return age.Round(time.Second)
	}
	return age.Round(time.Millisecond)
}

func checkAge(most time.Duration) func(*subject) *Problem {
	return func(s *subject) *Problem {
		made, err := payload.ParseTimestamp(s.m.Payload)
		if err != nil {
			return &Problem{Reason: "no age: " + err.Error(), Got: excerpt(string(s.m.Payload), 0)}
		}
		age := s.now().Sub(made)
		p := &Problem{Want: duration.Text(most), Got: duration.Text(shown(age))}
		switch {
		case age > most:
			p.Reason = fmt.Sprintf("%s old, made at %s", p.Got, made.UTC().Format(time.RFC3339))
		case age < -most:
			p.Reason = fmt.Sprintf("made at %s, which is %s ahead", made.UTC().Format(time.RFC3339), duration.Text(shown(-age)))
		default:
			return nil
		}
		return p
	}
}
