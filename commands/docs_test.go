package commands_test

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/commands"
	"github.com/mqx-cli/mqx/internal/output"
)

// The configurations of other tools in the documentation are YAML, and the commands in them have the flags that they use.
func TestExamplesForOtherToolsUseWhatThereIs(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob(filepath.Join("..", "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```\n")
	found := 0
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range block.FindAllStringSubmatch(string(text), -1) {
			var value any
			if err := yaml.Unmarshal([]byte(b[1]), &value); err != nil {
				t.Errorf("%s: %v in\n%s", document, err, b[1])
			}
			for _, command := range mqxCommands(value) {
				found++
				checkCommand(t, document, command)
			}
		}
	}
	if found < 4 {
		t.Errorf("%d commands were found in the examples", found)
	}
}

// mqxCommands returns the calls of mqx in the strings of a YAML value, without what the shell does with them.
func mqxCommands(value any) []string {
	var all []string
	switch v := value.(type) {
	case string:
		for line := range strings.Lines(v) {
			if _, call, ok := strings.Cut(" "+line, " mqx "); ok {
				all = append(all, strings.TrimRight(strings.TrimSpace(call), " &"))
			}
		}
	case []any:
		for _, e := range v {
			all = append(all, mqxCommands(e)...)
		}
	case map[string]any:
		for key, e := range v {
			if key != "name" {
				all = append(all, mqxCommands(e)...)
			}
		}
	}
	return all
}

func checkCommand(t *testing.T, document, call string) {
	t.Helper()
	root := commands.Tree(output.Streams{Out: io.Discard, Err: io.Discard})
	cmd, rest, err := root.Find(strings.Fields(call))
	if err != nil || cmd == root {
		t.Errorf("%s: mqx %s: no such command: %v", document, call, err)
		return
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%s: mqx %s: %v", document, call, err)
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		format, _, _ := strings.Cut(f.Value.String(), "=")
		if f.Name == "format" || f.Name == "output" {
			if words, known := completions(cmd, f.Name, format); known && len(words) == 0 {
				t.Errorf("%s: mqx %s: --%s has no %q", document, call, f.Name, format)
			}
		}
	})
}

// completions returns what the shell would offer for the value of a flag.
func completions(cmd *cobra.Command, flag, prefix string) (words []cobra.Completion, known bool) {
	complete, known := cmd.GetFlagCompletionFunc(flag)
	if !known {
		return nil, false
	}
	words, _ = complete(cmd, nil, prefix)
	return words, true
}
