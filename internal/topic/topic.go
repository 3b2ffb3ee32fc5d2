// Package topic knows what MQTT says about Topic Names and Topic Filters (MQTT 5.0, sections 4.7 and 4.8.2) and nothing
// else: it is pure and does no I/O.
//
// [ParseName] and [ParseFilter] check what people and peers send; [Match], [Covers] and [Overlap] compare. A [Tree] finds
// the subscriptions for a name, a [Store] finds the Retained Messages for a filter, and a [Template] names the levels of
// a team's own topics.
//
// Nothing is normalised, neither case nor Unicode nor empty levels [MQTT-4.7.3-4]. MQTT 3.1.1 has the same rules under
// other numbers, without Shared Subscriptions; servers serve these to its clients too, and so do we.
package topic

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLen is the longest Topic Name or Topic Filter in bytes: what a UTF-8 Encoded String can hold [MQTT-4.7.3-3].
const MaxLen = 65535

// Name is a Topic Name: what a message is published to.
type Name string

// ParseName checks that s is a Topic Name. The error is an [*Error].
func ParseName(s string) (Name, error) {
	if at, f := nameFault(s); f != valid {
		return "", f.err("topic name", s, at)
	}

	return Name(s), nil
}

// Levels returns the topic levels of n. A name has at least one; a level may be empty.
func (n Name) Levels() []string {
	return strings.Split(string(n), "/")
}

// ValidName reports whether s is a Topic Name. It allocates nothing.
func ValidName[T ~string | ~[]byte](s T) bool {
	_, f := nameFault(s)

	return f == valid
}

// Error says what is wrong with a Topic Name, a Topic Filter or a Template, and where.
type Error struct {
	Kind   string // what Input should have been: "topic name", "topic filter", "topic template" or "topic level"
	Input  string // all of it, however long
	Offset int    // in Input, in bytes; 0 when Input is empty
	Msg    string
	Ref    string // the normative statement of MQTT 5.0, or empty when the rule is our own
}

// Error returns one line that is safe to show: Input is quoted, and only the part around Offset when it is long.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", e.Kind, e.excerpt(), e.Msg)
	if e.Input != "" {
		fmt.Fprintf(&b, ", at byte %d", e.Offset)
	}
	if e.Ref != "" {
		fmt.Fprintf(&b, " [%s]", e.Ref)
	}

	return b.String()
}

// excerpt quotes Input, or a window around Offset: 64 KiB of a hostile topic must not fill a log line.
func (e *Error) excerpt() string {
	const window = 80
	if len(e.Input) <= window {
		return fmt.Sprintf("%q", e.Input)
	}
	from := max(0, min(e.Offset-window/2, len(e.Input)-window))
	to := from + window
	for i := 0; i < utf8.UTFMax-1 && from > 0 && !utf8.RuneStart(e.Input[from]); i++ {
		from--
	}
	for i := 0; i < utf8.UTFMax-1 && to < len(e.Input) && !utf8.RuneStart(e.Input[to]); i++ {
		to++
	}
	var before, after string
	if from > 0 {
		before = "…"
	}
	if to < len(e.Input) {
		after = "…"
	}

	return fmt.Sprintf("%s%q%s (%d bytes)", before, e.Input[from:to], after, len(e.Input))
}
