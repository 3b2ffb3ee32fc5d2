package commands

import "strings"

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

// SetLine adds words from the environment.
func (f wordsFlag) SetLine(s string) error { return f.Set(s) }

// String returns the value.
func (f wordsFlag) String() string { return joined(f.list) }

// Type names the value in help.
func (wordsFlag) Type() string { return "strings" }

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
