package contract_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/contract"
)

func document(t *testing.T) string {
	t.Helper()
	return read(t, filepath.Join("..", "..", "docs", "contract.md"))
}

// The whole file of the documentation is a contract, and says something in every section that there is.
func TestTheDocumentedFileIsAContract(t *testing.T) {
	t.Parallel()
	found := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```\n").FindStringSubmatch(document(t))
	if found == nil {
		t.Fatal("there is no file in the document")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"mqx.yaml": found[1], "schemas/temp.json": "{}", "schemas/any.json": "{}"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := contract.Load(filepath.Join(dir, "mqx.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range contract.FileKeys() {
		if section != "root" && c.At(section) == c.At() && section != "convention" {
			t.Errorf("the documented file has no %s", section)
		}
	}
	for topic, kind := range map[string]string{
		"acme/lyon/cr-001/telemetry/temp": "telemetry", "acme/lyon/cr-001/telemetry/door": "door",
		"acme/turin/cr-002/firmware/main/3": "firmware",
	} {
		if m, ok := c.Classify(topic); !ok || m.Kind.Name != kind || m.Unknown() != nil {
			t.Errorf("%s: got %+v, unknown %v", topic, m.Kind, m.Unknown())
		}
	}
}

// The table of the guide's kinds says what Default says.
func TestTheDocumentedGuideIsTheDefault(t *testing.T) {
	t.Parallel()
	rows := regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| `([^`]+)` \\| (yes|no) \\| ([012]) \\|").FindAllStringSubmatch(document(t), -1)
	var got []string
	for _, row := range rows {
		got = append(got, strings.Join(row[1:], " "))
	}
	var want []string
	for _, k := range contract.Default().Kinds {
		retained := map[contract.Retain]string{contract.RetainMust: "yes", contract.RetainNever: "no"}[k.Rule.Retain]
		want = append(want, fmt.Sprintf("%s %s %s %d", k.Name, k.Template, retained, k.Rule.QoS))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the document says\n%q\nand the default is\n%q", got, want)
	}
}
