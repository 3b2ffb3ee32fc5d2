package commands

import (
	"fmt"
	"slices"
	"strings"
)

// wordsFlag takes words that commas separate, repeatedly. Unlike pflag's own slices it costs next to nothing until it is
// used, which counts because every start makes all flags of all commands.
type wordsFlag struct{ list *[]string }

// Set adds words.
func (f wordsFlag) Set(s string) error {
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word != "" {
			*f.list = append(*f.list, word)
		}
	}
	return nil
}

// String returns the value, as Set takes it.
func (f wordsFlag) String() string {
	if f.list == nil {
		return ""
	}
	return strings.Join(*f.list, ",")
}

// Type names the value in help.
func (wordsFlag) Type() string { return "strings" }

// choiceFlag takes one of a few words.
type choiceFlag struct {
	value   *string
	choices []string
}

// Set checks the word.
func (f choiceFlag) Set(s string) error {
	if !slices.Contains(f.choices, s) {
		last := len(f.choices) - 1
		return fmt.Errorf("%s or %s is expected", strings.Join(f.choices[:last], ", "), f.choices[last])
	}
	*f.value = s
	return nil
}

// String returns the value.
func (f choiceFlag) String() string {
	if f.value == nil {
		return ""
	}
	return *f.value
}

// Type names the value in help.
func (f choiceFlag) Type() string { return strings.Join(f.choices, "|") }

// textsFlag takes a text, repeatedly, with whatever commas it has.
type textsFlag struct{ list *[]string }

// Set adds a text.
func (f textsFlag) Set(s string) error {
	*f.list = append(*f.list, s)
	return nil
}

// SetLine adds a text from the environment.
func (f textsFlag) SetLine(s string) error { return f.Set(s) }

// String returns the value.
func (f textsFlag) String() string { return joined(f.list) }

// Type names the value in help.
func (textsFlag) Type() string { return "string" }
