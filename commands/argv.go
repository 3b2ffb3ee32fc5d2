package commands

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/exit"
)

const (
	// wordSeparator joins the words of --property. A word of argv cannot hold it.
	wordSeparator = "\x00"
	userProperty  = "user-property"
)

// joinProperties makes one word of what follows each -D or --property (COMMAND NAME VALUE, or COMMAND user-property KEY
// VALUE), which is more than a flag parser can take, and points `-h` without a value to --help.
func joinProperties(root *cobra.Command, args []string) ([]string, error) {
	flags := valueFlags(root)
	var out []string
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "--":
			return append(out, args[i:]...), nil
		case word == "-D", word == "--property":
			n, err := propertyWords(args[i+1:])
			if err != nil {
				return nil, err
			}
			out = append(out, "--property="+strings.Join(args[i+1:i+1+n], wordSeparator))
			i += n
		case word == "-h" && (i == len(args)-1 || strings.HasPrefix(args[i+1], "-")): // no host begins with a dash
			return nil, exit.New(exit.Usage, "-h", "", "it takes the broker's host").Hint("use --help for help")
		case flags.takesNext(word) && i+1 < len(args):
			out = append(out, word, args[i+1])
			i++
		default:
			out = append(out, word)
		}
	}
	return out, nil
}

// propertyWords counts the words that belong to a --property.
func propertyWords(rest []string) (int, error) {
	n := 3
	if len(rest) > 1 && rest[1] == userProperty {
		n = 4
	}
	if len(rest) < n {
		return 0, exit.New(exit.Usage, "--property", "", "COMMAND NAME VALUE are expected").
			Hint("for example -D publish content-type text/plain")
	}
	return n, nil
}

// flagNames knows which flags take a value, by long name and by letter.
type flagNames struct{ long, short map[string]bool }

// valueFlags collects the flags of the whole tree: a name means the same in every command.
func valueFlags(root *cobra.Command) flagNames {
	names := flagNames{long: map[string]bool{}, short: map[string]bool{}}
	add := func(f *pflag.Flag) {
		takes := f.NoOptDefVal == ""
		names.long[f.Name] = takes
		if f.Shorthand != "" {
			names.short[f.Shorthand] = takes
		}
	}
	walk(root, func(cmd *cobra.Command) { cmd.LocalFlags().VisitAll(add) })
	return names
}

// takesNext reports whether the word after a flag is its value: --host, -h, and -vt where only the last letter takes one.
func (n flagNames) takesNext(word string) bool {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		return n.long[name] // "--name=value" is no name
	}
	letters, ok := strings.CutPrefix(word, "-")
	if !ok {
		return false
	}
	for i := range len(letters) {
		if n.short[letters[i:i+1]] {
			return i == len(letters)-1 // otherwise the rest of the word is the value
		}
	}
	return false
}
