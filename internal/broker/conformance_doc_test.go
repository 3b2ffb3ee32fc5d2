package broker_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/conformance.md names tests that exist, each statement once.
func TestTheTableOfConformanceNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	exists := make(map[string]bool)
	files, err := filepath.Glob(filepath.Join("..", "*", "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			exists[m[1]] = true
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`^\| (MQTT-\d[-.]\d+(?:\.\d+)?-\d+) \| [^|]+ \| (Test\w+(?:, Test\w+)*) \|$`)
	seen := make(map[string]bool)
	rows := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "## ") {
			clear(seen) // the specifications number for themselves
		}
		if !strings.HasPrefix(line, "| MQTT") {
			continue
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("not a row: %s", line)

			continue
		}
		rows++
		if seen[m[1]] {
			t.Errorf("%s stands there twice", m[1])
		}
		seen[m[1]] = true
		for name := range strings.SplitSeq(m[2], ", ") {
			if !exists[name] {
				t.Errorf("%s: there is no %s", m[1], name)
			}
		}
	}
	if rows < 300 {
		t.Errorf("only %d rows", rows)
	}
}
