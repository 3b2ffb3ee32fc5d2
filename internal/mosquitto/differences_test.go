package mosquitto_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/mosquitto"
)

// difference is one of testdata/differences.json, the list that the comparisons with mosquitto's clients go by.
type difference struct {
	Name      string   `json:"name"`
	Programs  []string `json:"programs"`
	Mosquitto string   `json:"mosquitto"`
	Mqx       string   `json:"mqx"`
	Why       string   `json:"why"`
}

func differences(t *testing.T) []difference {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "differences.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []difference
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestEveryDifferenceIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "mosquitto.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, d := range differences(t) {
		if names[d.Name] {
			t.Errorf("%s is there twice", d.Name)
		}
		names[d.Name] = true
		row := strings.ReplaceAll("| "+strings.Join(d.Programs, ", ")+" | "+strings.ReplaceAll(d.Mosquitto, "|", `\|`)+" | "+
			strings.ReplaceAll(d.Mqx, "|", `\|`)+" | "+d.Why+" |\n", "\r", "")
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/mosquitto.md does not have the row of %s:\n%s", d.Name, row)
		}
	}
	for _, r := range refusals(t) {
		if r.differ != "" && !names[r.differ] {
			t.Errorf("testdata/refused.txt names a difference %q that is not in the list", r.differ)
		}
	}
	if got, want := strings.Count(string(page), "\n| pub")+strings.Count(string(page), "\n| sub")+strings.Count(string(page), "\n| rr"), len(names); got != want {
		t.Errorf("docs/mosquitto.md has %d rows, the list %d", got, want)
	}
}

// refusal is a command line of testdata/refused.txt.
type refusal struct {
	tool   mosquitto.Tool
	words  []string
	differ string // the name of a difference, empty for none
}

// refusals reads the table.
func refusals(t *testing.T) []refusal {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "refused.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []refusal
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line, differ, _ := strings.Cut(line, "  !! ")
		name, rest, _ := strings.Cut(line, " ")
		tool, ok := mosquitto.ToolNamed("mosquitto_" + name)
		if !ok {
			t.Fatalf("testdata/refused.txt: %q is no program", name)
		}
		all = append(all, refusal{tool, splitWords(t, rest), differ})
	}
	return all
}

// splitWords splits a line at blanks; a word in double quotes is one of Go's strings.
func splitWords(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		if !strings.HasPrefix(line, `"`) {
			word, rest, _ := strings.Cut(line, " ")
			words, line = append(words, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		word, _ := strconv.Unquote(quoted)
		words, line = append(words, word), line[len(quoted):]
	}
	return words
}
