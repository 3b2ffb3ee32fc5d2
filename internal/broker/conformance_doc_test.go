package broker_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
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
	text := conformancePage(t)
	row := regexp.MustCompile(`^\| (MQTT-\d[-.]\d+(?:\.\d+)?-\d+) \| [^|]+ \| (Test\w+(?:, Test\w+)*) \|$`)
	seen := make(map[string]bool)
	rows := 0
	for line := range strings.Lines(text) {
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

func conformancePage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}

	return string(text)
}

// statements are the numbers in the appendices of the specifications that list all normative statements: for each section, the
// last one, and those that were never given.
func statements() map[string]string {
	return map[string]string{
		"## MQTT 5.0": `1.5.4 3, 1.5.5 1, 1.5.7 1, 2.1.3 1, 2.2.1 6 without 1, 2.2.2 1, 3.1.0 2, 3.1.2 30, 3.1.3 12, 3.1.4 6, 3.2.0 2,
			3.2.2 22, 3.3.1 13, 3.3.2 20, 3.3.4 10, 3.4.2 3, 3.5.2 3, 3.6.1 1, 3.6.2 3, 3.7.2 3, 3.8.1 1, 3.8.3 5, 3.8.4 8,
			3.9.2 2, 3.9.3 2, 3.10.1 1, 3.10.3 2, 3.10.4 6, 3.11.2 2, 3.11.3 2, 3.12.4 1, 3.14.0 1, 3.14.1 1, 3.14.2 4, 3.14.4 3,
			3.15.1 1, 3.15.2 3, 4.1.0 2, 4.2.0 1, 4.3.1 1, 4.3.2 5, 4.3.3 13, 4.4.0 2, 4.5.0 2, 4.6.0 6, 4.7.0 1, 4.7.1 2, 4.7.2 1,
			4.7.3 4, 4.8.2 6, 4.9.0 3, 4.12.0 7, 4.12.1 2, 4.13.1 1, 4.13.2 1, 6.0.0 4`,
		"## MQTT 3.1.1": `1.5.3 3, 2.2.2 2, 2.3.1 7, 3.1.0 2, 3.1.2 24, 3.1.3 11, 3.1.4 5, 3.2.0 1, 3.2.2 6, 3.3.1 12, 3.3.2 3, 3.3.4 1,
			3.3.5 2, 3.6.1 1, 3.8.1 1, 3.8.3 4, 3.8.4 6, 3.9.3 2, 3.10.1 1, 3.10.3 2, 3.10.4 6, 3.12.4 1, 3.14.1 1, 3.14.4 3, 4.1.0 2,
			4.3.1 1, 4.3.2 2, 4.3.3 2, 4.4.0 1, 4.5.0 2, 4.6.0 6, 4.7.1 3, 4.7.2 1, 4.7.3 4, 4.8.0 2, 6.0.0 4, 7.0.0 2, 7.1.1 1, 7.1.2 1`,
	}
}

// docs/conformance.md has each statement of the specifications, in a table or in the list of those that are not for us.
func TestNoStatementOfTheSpecificationsIsLeftOut(t *testing.T) {
	t.Parallel()
	page := conformancePage(t)
	number := regexp.MustCompile(`MQTT-(\d+)[-.](\d+\.\d+)-(\d+)`)
	for heading, sections := range statements() {
		_, part, found := strings.Cut(page, heading+"\n")
		if !found {
			t.Fatalf("there is no %s", heading)
		}
		part, _, _ = strings.Cut(part, "\n## ")
		has := make(map[string]int)
		for _, m := range number.FindAllStringSubmatch(part, -1) {
			has[m[1]+"."+m[2]+"-"+m[3]]++
		}
		for section := range strings.SplitSeq(sections, ",") {
			section, never, _ := strings.Cut(section, " without ")
			words := strings.Fields(section)
			last, err := strconv.Atoi(words[1])
			if err != nil {
				t.Fatal(err)
			}
			for n := range last {
				id := words[0] + "-" + strconv.Itoa(n+1)
				if have := has[id]; have != 1 && strconv.Itoa(n+1) != never {
					t.Errorf("%s: %s stands there %d times", heading, id, have)
				}
				delete(has, id)
			}
		}
		for id := range has {
			t.Errorf("%s: there is no %s", heading, id)
		}
	}
}
