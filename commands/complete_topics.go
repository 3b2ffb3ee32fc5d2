package commands

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/lately"
)

// saw remembers a topic or a filter, for a user to complete. Only who sits at a terminal completes anything: scripts
// leave no trace.
func (e *env) saw(names ...string) {
	if !e.streams.ErrTTY {
		return
	}
	for _, name := range names {
		e.topics.Add(name)
	}
}

// remember keeps what was seen. That it cannot be kept is nobody's failure.
func (e *env) remember() {
	if file := e.topicsFile(); file != "" {
		_ = e.topics.Save(file)
	}
}

// topicsFile is where the topics are that were seen lately, or empty where nothing can be kept.
func (e *env) topicsFile() string {
	dir := config.StateDir(e.getenv)
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "topics")
}

// lately are the topics and filters that were seen lately, the newest first.
func (e *env) lately() []string {
	topics, err := lately.Read(e.topicsFile())
	if err != nil {
		return nil // completion has nobody to tell
	}
	return topics
}

// completeFilters completes a Topic Filter with what was seen lately.
func (e *env) completeFilters(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeLevels(e.lately(), begun)
}

// completeTopics does so without wildcards.
func (e *env) completeTopics(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []string
	for _, name := range e.lately() {
		if !strings.ContainsAny(name, "+#") {
			names = append(names, name)
		}
	}
	return completeLevels(names, begun)
}

// completeDevices completes the base topic of a device: of those in the inventory of the contract, and of those whose topics
// were seen lately.
func (e *env) completeDevices(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	file := ""
	if f := cmd.Flags().Lookup("contract"); f != nil {
		file = f.Value.String()
	}
	c, err := e.loadContract(file)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var bases []string
	for _, name := range e.lately() {
		if m, ok := c.Classify(name); ok && m.Base() != "" && !strings.ContainsAny(m.Base(), "+#") {
			bases = append(bases, m.Base())
		}
	}
	for _, d := range c.Devices.Inventory {
		bases = append(bases, d.Base)
	}
	return completeLevels(bases, begun)
}

// completeLevels offers topics, or their next levels when they are many.
func completeLevels(topics []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	found := lately.Complete(topics, begun)
	directive := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	for _, name := range found {
		if strings.HasSuffix(name, "/") {
			directive |= cobra.ShellCompDirectiveNoSpace // the word goes on
		}
	}
	return found, directive
}

// completeArguments completes an argument by what the usage line of its command calls it.
func (e *env) completeArguments(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch word := placeholder(cmd.Use, len(args)); {
	case strings.HasPrefix(word, "FILTER"):
		return e.completeFilters(cmd, args, begun)
	case word == "TOPIC":
		return e.completeTopics(cmd, args, begun)
	case word == "DEVICE":
		return e.completeDevices(cmd, args, begun)
	case word == "" || word == "NAME" || word == "USER" || word == "CONDITION" || word == strings.ToLower(word):
		return nil, cobra.ShellCompDirectiveNoFileComp
	default:
		return nil, cobra.ShellCompDirectiveDefault // a file
	}
}

// placeholder is what a usage line calls the argument at a position, without brackets and dots; empty where none is expected.
func placeholder(use string, at int) string {
	var words []string
	skip := true // the name of the command
	for word := range strings.FieldsSeq(use) {
		switch {
		case skip:
			skip = false
		case word == "--":
			return "COMMAND"
		case strings.HasPrefix(strings.TrimPrefix(word, "["), "-") && word != "-":
			skip = true // a flag and its value, or the bar behind it
		case word != "|" && word != "-":
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return ""
	}
	last := words[len(words)-1]
	if at >= len(words) && !strings.Contains(last, "...") {
		return ""
	}
	return strings.Trim(strings.TrimSuffix(strings.ReplaceAll(words[min(at, len(words)-1)], "...", ""), "|-"), "[]")
}
