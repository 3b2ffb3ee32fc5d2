package contract_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
)

// facts say what a contract says of topics, as text.
func facts(c *contract.Contract, topics []string) []string {
	var lines []string
	for _, topic := range topics {
		m, ok := c.Classify(topic)
		if !ok {
			lines = append(lines, topic+" none")
			continue
		}
		var unknown []string
		for _, u := range m.Unknown() {
			unknown = append(unknown, fmt.Sprint(u))
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s %s %+v %v", topic, m.Kind.Name, m.Kind.Role, m.Kind.From, m.Base(), m.Group(),
			m.Rule(), unknown))
	}
	return lines
}

func someTopics() []string {
	var topics []string
	for _, root := range []string{"acme", "acme/test", "other"} {
		for _, device := range []string{"/lyon/cr-001", "/rome/CR"} {
			for _, kind := range []string{
				"telemetry/temp", "telemetry/raw-7", "telemetry/hum", "telemetry/door", "status", "cmd", "cmd/res", "desired", "reported",
				"events/x", "firmware/a/b", "nothing",
			} {
				topics = append(topics, root+device+"/"+kind)
			}
		}
	}
	return topics
}

func TestWhatIsExportedAsAsyncAPIMeansTheSameWhenReadBack(t *testing.T) {
	t.Parallel()
	inventoryless := strings.ReplaceAll(read(t, "testdata/plant/mqx.yaml"), "  inventory: devices.csv\n", "")
	file := filepath.Join("testdata", "plant", "mqx.yaml")
	plant, err := contract.Parse(file, []byte(inventoryless))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*contract.Contract{"guide": contract.Default(), "plant": plant} {
		var b bytes.Buffer
		if _, err := c.WriteAsyncAPI(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := contract.Parse("testdata/plant/api.yaml", b.Bytes())
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b.String())
		}
		if len(again.Notes) > 0 {
			t.Errorf("%s: something was not understood: %v", name, again.Notes)
		}
		if diff := cmp.Diff(facts(c, someTopics()), facts(again, someTopics())); diff != "" {
			t.Errorf("%s (-contract +read back)\n%s\n%s", name, diff, b.String())
		}
		var twice bytes.Buffer
		if _, err := again.WriteAsyncAPI(&twice); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.String(), twice.String()); diff != "" {
			t.Errorf("%s: written twice (-first +second)\n%s", name, diff)
		}
	}
}
