package retained

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/topic"
)

// Spec says in the user's words what is expected; its fields are the flags of `retained assert` and the keys of an
// expectation in a file. [NewExpectation] makes sense of it.
type Spec struct {
	// Name is shown in reports in place of the topic and what is expected of it. It may be empty.
	Name string
	// Topic is a Topic Name, Filter a Topic Filter. Exactly one of them is given.
	Topic, Filter string

	// Exists and Absent say that there is a Retained Message, or none. All else below implies that there is one.
	Exists, Absent bool
	// Equals compares the bytes of the payload, and after Path JSON values.
	Equals *Operand
	// JSONEquals compares the payload as a JSON value.
	JSONEquals *Operand
	// Path is a gjson path that Equals, Is and Matches look at; alone, it says that there is something.
	Path string
	// Is are conditions such as "> 20", "!= null" or "matches ^on" on the JSON value of the payload, or of what is at Path.
	Is []string
	// Matches is a regular expression (RE2) on the payload, or on the text of what is at Path.
	Matches string
	// Schema is the file of a JSON Schema.
	Schema string
	// Count is how many messages there are ("3", ">= 3", "2..5") for which everything else holds.
	Count string
	// MaxAge is how old a payload may be by its own timestamp. 0 is no limit.
	MaxAge time.Duration
	// Within is how long to wait for the expectation to hold. It means nothing to an Evaluator.
	Within time.Duration
}

// SpecError says which key of a Spec makes no sense, and why.
type SpecError struct {
	Key  string // as in a file: "json_equals"; empty when the whole makes no sense
	Err  error
	Next string // what to write instead; may be empty
}

// Error names the key.
func (e *SpecError) Error() string {
	text := e.Err.Error()
	if e.Key != "" {
		text = e.Key + ": " + text
	}
	if e.Next != "" {
		text += " - " + e.Next
	}
	return text
}

// Unwrap returns the cause.
func (e *SpecError) Unwrap() error { return e.Err }

func specError(key, why, next string) error {
	return &SpecError{Key: key, Err: errors.New(why), Next: next}
}

// Operand is a value to compare with: as bytes or as JSON.
type Operand struct {
	text  string
	value any // of payload.Parse
	// composed values have no text of their own.
	composed bool
}

// TextOperand returns the operand that a user typed as one word: as JSON it is the value that it reads as, or else the
// string itself.
func TextOperand(text string) *Operand {
	return &Operand{text: text, value: jsonOrString(text)}
}

func jsonOrString(text string) any {
	if v, err := payload.Parse([]byte(text)); err == nil {
		return v
	}
	return text
}

// Expectation is what must hold for the Retained Messages of a topic or of a filter.
//
// Of a filter, everything must hold for each of its messages, and there must be one; with a count, it is counted for how
// many everything holds.
type Expectation struct {
	filter topic.Filter
	spec   Spec
	checks []check
	count  *countCondition
	line   int
}

// NewExpectation checks a Spec, reads its schema and compiles the rest. The error is a [*SpecError].
func NewExpectation(s Spec) (*Expectation, error) {
	e := &Expectation{spec: s}
	for _, step := range []func() error{e.setFilter, e.refuseContradictions, e.setCount, e.setChecks} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Within is how long to wait for the expectation to hold, 0 when it must hold at once.
func (e *Expectation) Within() time.Duration { return e.spec.Within }

// String is the name, or the topic and what is expected of it.
func (e *Expectation) String() string {
	if e.spec.Name != "" {
		return e.spec.Name
	}
	return e.filter.String() + " " + e.Condition()
}

// Condition says what is expected.
func (e *Expectation) Condition() string {
	var words []string
	for _, c := range e.checks {
		words = append(words, c.what)
	}
	what := strings.Join(words, ", ")
	switch {
	case e.spec.Absent:
		return "absent"
	case e.count != nil && what != "":
		return "count " + e.count.String() + " where " + what
	case e.count != nil:
		return "count " + e.count.String()
	case what == "":
		return "exists"
	default:
		return what
	}
}

func (e *Expectation) setFilter() error {
	s := &e.spec
	switch {
	case s.Topic != "" && s.Filter != "":
		return specError("filter", "a topic is given already", "")
	case s.Topic != "":
		_, err := topic.ParseName(s.Topic)
		if err != nil && strings.ContainsAny(s.Topic, "+#") {
			return specError("topic", fmt.Sprintf("%q has wildcards", s.Topic), "use filter")
		}
		if err != nil {
			return &SpecError{Key: "topic", Err: err}
		}
	case s.Filter == "":
		return specError("", "neither a topic nor a filter", "")
	}
	filter, err := topic.ParseFilter(s.Topic + s.Filter)
	if err == nil && filter.IsShared() && s.Filter != "" {
		return specError("filter", "a Shared Subscription gets no Retained Messages", "leave $share out")
	}
	if err != nil {
		return &SpecError{Key: "filter", Err: err}
	}
	e.filter = filter
	return nil
}

func (e *Expectation) refuseContradictions() error {
	s := &e.spec
	onPayload := s.Equals != nil || s.JSONEquals != nil || s.Path != "" || len(s.Is) > 0 || s.Matches != "" ||
		s.Schema != "" || s.MaxAge != 0
	switch {
	case !s.Exists && !s.Absent && !onPayload && s.Count == "":
		return specError("", "no condition is given for "+e.filter.String(), "add exists, absent, equals or another one")
	case s.Exists && s.Absent:
		return specError("absent", "contradicts exists", "")
	case s.Absent && onPayload:
		return specError("absent", "what is not there has no payload", "leave absent out, or everything else")
	case s.Absent && s.Count != "":
		return specError("count", "contradicts absent", "")
	case s.Exists && s.Count != "":
		return specError("exists", "count says it already", "")
	case s.Count != "" && s.Topic != "":
		return specError("count", "there is at most one Retained Message of a topic", "use filter")
	case s.JSONEquals != nil && s.Path != "":
		return specError("json_equals", "after path, equals compares JSON values", "use equals")
	case s.JSONEquals != nil && s.Equals != nil:
		return specError("json_equals", "equals says more already", "")
	case s.Equals != nil && s.Equals.composed && s.Path == "":
		return specError("equals", "compares bytes", "use json_equals for JSON values")
	case s.Equals != nil && s.Equals.text == "" && s.Path == "":
		return specError("equals", "no Retained Message has an empty payload", "use absent")
	case s.MaxAge < 0 || s.Within < 0:
		return specError("", "durations are not negative", "")
	}
	return nil
}

func (e *Expectation) setCount() error {
	if e.spec.Count == "" {
		return nil
	}
	count, err := parseCount(e.spec.Count)
	if err != nil {
		return &SpecError{Key: "count", Err: err}
	}
	e.count = count
	return nil
}

func (e *Expectation) setChecks() error {
	s := &e.spec
	prefix := ""
	if s.Path != "" {
		prefix = s.Path + " "
	}
	switch {
	case s.Equals != nil && s.Path != "":
		e.add(prefix+"equals "+shorten(jsonText(s.Equals.value)), checkValue(s.Path, s.Equals.value))
	case s.Equals != nil:
		e.add("equals "+shortQuote(s.Equals.text), checkBytes(s.Equals.text))
	case s.JSONEquals != nil:
		value, err := s.JSONEquals.document()
		if err != nil {
			return err
		}
		e.add("json_equals "+shorten(jsonText(value)), checkValue("", value))
	}
	for _, text := range s.Is {
		c, err := parseCondition(text)
		if err != nil {
			return &SpecError{Key: "is", Err: err}
		}
		e.add(prefix+"is "+text, checkCondition(s.Path, c))
	}
	if s.Matches != "" {
		re, err := regexp.Compile(s.Matches)
		if err != nil {
			return &SpecError{Key: "matches", Err: err}
		}
		e.add(prefix+"matches "+s.Matches, checkMatch(s.Path, re))
	}
	if s.Path != "" && len(e.checks) == 0 {
		e.add(s.Path+" exists", checkPath(s.Path))
	}
	if s.Schema != "" {
		schema, err := payload.ReadSchema(s.Schema)
		if err != nil {
			return &SpecError{Key: "schema", Err: err}
		}
		e.add("schema "+s.Schema, checkSchema(schema))
	}
	if s.MaxAge > 0 {
		e.add("max_age "+duration.Text(s.MaxAge), checkAge(s.MaxAge))
	}
	return nil
}

func (e *Expectation) add(what string, test func(*subject) *Problem) {
	e.checks = append(e.checks, check{what: what, test: test})
}

// document returns the value of an operand that must be JSON, as text or composed.
func (o *Operand) document() (any, error) {
	_, isString := o.value.(string)
	if !isString || o.composed {
		return o.value, nil
	}
	v, err := payload.Parse([]byte(o.text))
	if err != nil {
		return nil, specError("json_equals", shortQuote(o.text)+" is not JSON", "a JSON string needs quotes of its own")
	}
	return v, nil
}

// jsonText is a value of payload.Parse as JSON.
func jsonText(v any) string { return string(payload.AppendValue(nil, v)) }

// maxShown is how much of a text is shown in the words of an expectation.
const maxShown = 60

func shorten(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

func shortQuote(text string) string {
	return string(payload.AppendValue(nil, shorten(text)))
}
