package contract_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/yamlfile"
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

func TestAnAsyncAPIDocumentOfOthersIsUnderstood(t *testing.T) {
	t.Parallel()
	file := filepath.Join("testdata", "asyncapi", "streetlights.yaml")
	c, err := contract.Load(file)
	if err != nil {
		if mistakes, ok := errors.AsType[*yamlfile.Error](err); ok {
			t.Fatal(mistakes.Detail())
		}
		t.Fatal(err)
	}
	want := []string{
		"lights/park/lamp-1/telemetry/lux lightMeasured telemetry device lights/park/lamp-1 lights/{site}/{device}/telemetry/lux " +
			"{Retain:never QoS:0 Format:json Require:[] Values:[] Unit: Schema:lightMeasured.any MaxBytes:0 Tolerance:map[]} []",
		"lights/quay/lamp-1/status status status device lights/quay/lamp-1 lights/{site}/{device}/status " +
			"{Retain:must QoS:1 Format:text Require:[] Values:[online offline] Unit: Schema: MaxBytes:0 Tolerance:map[]} []",
		"lights/pool/light/cmd dim cmd service lights/pool/light lights/{site}/{device}/cmd " +
			"{Retain:never QoS:1 Format:json Require:[] Values:[] Unit: Schema:dim MaxBytes:0 Tolerance:map[]} [{site pool true} {device light false}]",
		"lights/park/lamp-1/picture picture  any lights/park/lamp-1 lights/{site}/{device}/picture " +
			"{Retain:any QoS:-1 Format:any Require:[] Values:[] Unit: Schema: MaxBytes:0 Tolerance:map[]} []",
		"lights/weather city  service  lights/weather {Retain:any QoS:-1 Format:any Require:[] Values:[] Unit: Schema: MaxBytes:0 Tolerance:map[]} []",
	}
	var topics []string
	for _, line := range want {
		topic, _, _ := strings.Cut(line, " ")
		topics = append(topics, topic)
	}
	if diff := cmp.Diff(want, facts(c, topics)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	wantServers := []contract.Server{
		{
			Name: "production", Host: "mqtt.example.com:8883", Protocol: "secure-mqtt", Secured: true,
			Will: &contract.Will{Topic: "lights/park/lamp-1/status", Message: "offline", QoS: 1, Retain: true},
		},
		{Name: "lab", Host: "localhost:1883", Protocol: "mqtt"},
	}
	if diff := cmp.Diff(wantServers, c.Servers, cmpopts.IgnoreTypes(contract.Position{})); diff != "" {
		t.Errorf("servers (-want +got)\n%s", diff)
	}
}

func TestSchemasOfAnAsyncAPIDocumentAreChecked(t *testing.T) {
	t.Parallel()
	c, err := contract.Load(filepath.Join("testdata", "asyncapi", "streetlights.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		topic, payload string
		ok             bool
	}{
		{"lights/park/lamp-1/telemetry/lux", `{"lux": 3.5}`, true},
		{"lights/park/lamp-1/telemetry/lux", `{"watt": 3}`, true}, // the other message
		{"lights/park/lamp-1/telemetry/lux", `{"lux": -1}`, false},
		{"lights/park/lamp-1/telemetry/lux", `{}`, false},
		{"lights/park/lamp-1/cmd", `{"id": 1, "percent": 40}`, true},
		{"lights/park/lamp-1/cmd", `{"id": 1, "percent": 101}`, false},
	} {
		m, _ := c.Classify(tt.topic)
		err := c.SchemaFor(m.Rule(), "").Check([]byte(tt.payload))
		if (err == nil) != tt.ok {
			t.Errorf("%s %s: got %v", tt.topic, tt.payload, err)
		}
	}
}

func TestWhatOfAnAsyncAPIDocumentIsLostIsTold(t *testing.T) {
	t.Parallel()
	c, err := contract.Load(filepath.Join("testdata", "asyncapi", "streetlights.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range c.Notes {
		got = append(got, fmt.Sprintf("%d: %s", n.At.Line, n.Msg))
	}
	slices.Sort(got)
	got = slices.Compact(got)
	want := []string{
		"16: keepAlive is left out: it has no meaning for mqx",
		"21: parameter deviceId is taken for {device}",
		"21: parameter siteId is taken for {site}",
		"30: parameter deviceId is taken for {device}",
		"30: parameter siteId is taken for {site}",
		"32: {siteId} is not the same everywhere: what any channel allows is allowed",
		"36: parameter deviceId is taken for {device}",
		"36: parameter siteId is taken for {site}",
		"39: headers is left out: it has no meaning for mqx",
		"44: a schema in the format application/vnd.apache.avro;version=1.9.0 is left out: only JSON Schema is read",
		"45: no operation says who publishes to picture",
		"46: parameter deviceId is taken for {device}",
		"46: parameter siteId is taken for {site}",
		"48: the content type image/jpeg is taken for bytes of any kind",
		"60: reply is left out: it has no meaning for mqx",
		"61: messageExpiryInterval is left out: it has no meaning for mqx",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAnAsyncAPIDocumentMayBeJSON(t *testing.T) {
	t.Parallel()
	c, err := contract.Parse("api.json", []byte("{\n\t\"asyncapi\": \"3.0.0\",\n\t\"info\": {\"title\": \"x\", \"version\": \"1\"},\n"+
		"\t\"x-mqx\": {\"application\": \"service\"},\n"+
		"\t\"channels\": {\"a\": {\"address\": \"acme/{device}/status\"}},\n"+
		"\t\"operations\": {\"o\": {\"action\": \"receive\", \"channel\": {\"$ref\": \"#/channels/a\"}}}\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	m, ok := c.Classify("acme/d/status")
	if !ok || m.Kind.Role != contract.Status || m.Kind.From != contract.FromDevice {
		t.Errorf("got %+v", m.Kind)
	}
}
