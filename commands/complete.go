package commands

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/lint"
)

// completeLintFlags lets the shell complete the values of the flags that all commands below lint have.
func completeLintFlags(cmd *cobra.Command) {
	for name, words := range map[string]func() []string{
		"select":     ruleWords,
		"ignore":     ruleWords,
		"format":     formatWords,
		"output":     func() []string { return withSuffix(formatWords(), "=") },
		"profile":    profileWords,
		"fail-on":    func() []string { return []string{"error", "warning", "info", "never"} },
		"target":     targetWords,
		"convention": lint.Conventions,
	} {
		f := completeWords(words)
		switch name {
		case "select", "ignore":
			f = completeList(words)
		case "output":
			f = completeOutput(words)
		}
		if err := cmd.RegisterFlagCompletionFunc(name, f); err != nil {
			panic(err) // a flag that does not exist; every test makes the commands
		}
	}
}

// completeChoices lets the shell complete flags that take one of a few words.
func completeChoices(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		choice, ok := cmd.Flags().Lookup(name).Value.(choiceFlag)
		if !ok {
			panic("--" + name + " has no choices") // every test makes the commands
		}
		if err := cmd.RegisterFlagCompletionFunc(name, completeWords(func() []string { return choice.choices })); err != nil {
			panic(err)
		}
	}
}

// completeWords completes a single word.
func completeWords(words func() []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return beginning(words(), prefix), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeList completes the last of the words that commas separate.
func completeList(words func() []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		before := prefix[:strings.LastIndexByte(prefix, ',')+1]
		found := beginning(words(), prefix[len(before):])
		for i := range found {
			found[i] = before + found[i]
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// completeOutput completes the format of FORMAT=FILE, and leaves the file to the shell.
func completeOutput(words func() []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if strings.Contains(prefix, "=") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return beginning(words(), prefix), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// beginning returns the words that begin with a prefix, in any case.
func beginning(words []string, prefix string) []string {
	var found []string
	for _, w := range words {
		if len(w) >= len(prefix) && strings.EqualFold(w[:len(prefix)], prefix) {
			found = append(found, w)
		}
	}
	return found
}

// ruleWords are the codes of the rules, each with what is wrong.
func ruleWords() []string {
	rules := lint.Rules()
	words := make([]string, len(rules))
	for i := range rules {
		words[i] = cobra.CompletionWithDesc(rules[i].Code, rules[i].Summary)
	}
	return words
}

func formatWords() []string {
	var words []string
	for _, f := range lint.Formats() {
		words = append(words, string(f))
	}
	return words
}

func profileWords() []string {
	var words []string
	for p := lint.Minimal; p <= lint.Strict; p++ {
		words = append(words, p.String())
	}
	return words
}

func targetWords() []string {
	var words []string
	for _, t := range lint.Targets() {
		words = append(words, string(t))
	}
	return words
}

func withSuffix(words []string, suffix string) []string {
	for i := range words {
		words[i] += suffix
	}
	return words
}
