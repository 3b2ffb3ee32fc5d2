package contract_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
)

func plant(tb testing.TB) *contract.Contract {
	tb.Helper()
	c, err := contract.Load(filepath.Join("testdata", "plant", "mqx.yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func parse(tb testing.TB, text string) *contract.Contract {
	tb.Helper()
	c, err := contract.Parse("mqx.yaml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestTheGuideClassifiesItsOwnTopics(t *testing.T) {
	t.Parallel()
	c := contract.Default()
	for _, tt := range []struct {
		topic, kind string
		role        contract.Role
		retain      contract.Retain
		qos         contract.QoS
	}{
		{"acme/site-1/device-42/telemetry/temp", "telemetry", contract.Telemetry, contract.RetainNever, 0},
		{"acme/site-1/device-42/status", "status", contract.Status, contract.RetainMust, 1},
		{"acme/site-1/device-42/cmd", "cmd", contract.Command, contract.RetainNever, 1},
		{"acme/site-1/device-42/cmd/res", "cmd/res", contract.Result, contract.RetainNever, 1},
		{"acme/site-1/device-42/desired", "desired", contract.Desired, contract.RetainMust, 1},
		{"acme/site-1/device-42/reported", "reported", contract.Reported, contract.RetainMust, 1},
		{"acme/site-1/device-42/events/opened", "events", contract.Event, contract.RetainNever, 1},
	} {
		m, ok := c.Classify(tt.topic)
		if !ok {
			t.Errorf("%s is no kind", tt.topic)
			continue
		}
		rule := m.Rule()
		if m.Kind.Name != tt.kind || m.Kind.Role != tt.role || rule.Retain != tt.retain || rule.QoS != tt.qos {
			t.Errorf("%s: got %s (%s), retain %s, QoS %d", tt.topic, m.Kind.Name, m.Kind.Role, rule.Retain, rule.QoS)
		}
		if m.Root != "acme" || m.Site != "site-1" || m.Device != "device-42" || m.Base() != "acme/site-1/device-42" {
			t.Errorf("%s: got root %q, site %q, device %q, base %q", tt.topic, m.Root, m.Site, m.Device, m.Base())
		}
		if u := m.Unknown(); u != nil {
			t.Errorf("%s: the guide does not know %v", tt.topic, u)
		}
	}
}

func TestWhatHasNoShapeOfTheContractIsNoKind(t *testing.T) {
	t.Parallel()
	c := contract.Default()
	for _, topic := range []string{
		"", "a", "/", "acme/lyon/cr-001", "acme/lyon/cr-001/telemetry", "acme/lyon/cr-001/telemetry/a/b", "acme//cr-001/status",
		"acme/lyon/cr-001/telemetry/", "$SYS/broker/x/status", strings.Repeat("a/", 40_000) + "status", "acme/lyon/cr-001/Status",
	} {
		if m, ok := c.Classify(topic); ok {
			t.Errorf("%.60q is %s", topic, m.Kind.Name)
		}
	}
}

func TestAContractFileIsRead(t *testing.T) {
	t.Parallel()
	c := plant(t)
	type found struct {
		Kind, Site, Device, Signal, Base, Group, Unknown string
		Rule                                             contract.Rule
	}
	telemetry := contract.Rule{
		Retain: contract.RetainNever, Format: contract.JSON, Require: []string{"ts", "schema", "value", "unit"}, Schema: "any.v1",
	}
	with := func(change func(*contract.Rule)) contract.Rule { r := telemetry; change(&r); return r }
	for topic, want := range map[string]found{
		"acme/lyon/cr-001/telemetry/temp": {
			"telemetry", "lyon", "cr-001", "temp", "acme/lyon/cr-001", "acme/{site}/{device}/telemetry/temp", "",
			with(func(r *contract.Rule) { r.Unit, r.Schema = "C", "temp.v1" }),
		},
		"acme/test/lyon/cr-900/telemetry/raw-3": {
			"telemetry", "lyon", "cr-900", "raw-3", "acme/test/lyon/cr-900", "acme/test/{site}/{device}/telemetry/raw-3", "",
			with(func(r *contract.Rule) {
				r.Format, r.Retain, r.QoS = contract.CBOR, contract.RetainLast, contract.QoSAny
			}),
		},
		"acme/lyon/cr-001/telemetry/door": {
			"door", "lyon", "cr-001", "", "acme/lyon/cr-001", "acme/{site}/{device}/telemetry/door", "",
			contract.Rule{Retain: contract.RetainLast, QoS: contract.QoSAny, Format: contract.AnyBytes, Schema: "door.v1"},
		},
		"acme/rome/Cr/telemetry/hum": {
			"telemetry", "rome", "Cr", "hum", "acme/rome/Cr", "acme/{site}/{device}/telemetry/hum",
			"site=rome listed, device=Cr pattern, signal=hum listed", telemetry,
		},
		"acme/turin/cr-002/status": {
			"status", "turin", "cr-002", "", "acme/turin/cr-002", "acme/{site}/{device}/status", "device=cr-002 listed",
			contract.Rule{
				Retain: contract.RetainMust, QoS: 1, Format: contract.Text, Values: []string{"online", "offline", "sleeping"},
			},
		},
		"acm/lyon/cr-001/cmd": {
			"cmd", "lyon", "cr-001", "", "acm/lyon/cr-001", "acm/{site}/{device}/cmd", "root=acm listed",
			contract.Rule{Retain: contract.RetainNever, QoS: 1, Format: contract.JSON, Require: []string{"id", "ts"}},
		},
		"acme/lyon/cr-001/firmware/main/image": {
			"firmware", "lyon", "cr-001", "", "acme/lyon/cr-001", "acme/{site}/{device}/firmware/main/image", "",
			contract.Rule{Retain: contract.RetainAny, QoS: contract.QoSAny, Format: contract.Binary, MaxBytes: 1 << 20},
		},
	} {
		m, ok := c.Classify(topic)
		if !ok {
			t.Errorf("%s is no kind", topic)
			continue
		}
		var unknown []string
		for _, u := range m.Unknown() {
			unknown = append(unknown, u.Variable+"="+u.Value+map[bool]string{true: " listed", false: " pattern"}[u.Listed])
		}
		got := found{m.Kind.Name, m.Site, m.Device, m.Signal, m.Base(), m.Group(), strings.Join(unknown, ", "), m.Rule()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", topic, diff)
		}
	}
	if m, ok := c.Classify("acme/lyon/cr-001/events/x"); ok {
		t.Errorf("events are off, and %s is %s", m.Topic, m.Kind.Name)
	}
}

func TestLimitsAndSettingsAreRead(t *testing.T) {
	t.Parallel()
	c := plant(t)
	wantLimits := contract.Limits{
		TopicBytes: 200, TopicLevels: 10, PayloadBytes: 8 << 10, ClockSkew: time.Minute, StaleAfter: 30 * 24 * time.Hour, Rate: 5,
	}
	if diff := cmp.Diff(wantLimits, c.Limits); diff != "" {
		t.Errorf("limits (-want +got)\n%s", diff)
	}
	file := filepath.Join("testdata", "plant", "mqx.yaml")
	at := func(line, column int) contract.Position {
		return contract.Position{File: file, Line: line, Column: column}
	}
	want := contract.Lint{
		Profile:  contract.Setting{Text: "guide", At: at(30, 12)},
		Target:   contract.Setting{Text: "mosquitto", At: at(31, 11)},
		FailOn:   contract.Setting{Text: "warning", At: at(32, 12)},
		Select:   []contract.Setting{{Text: "T", At: at(33, 12)}, {Text: "P003", At: at(33, 15)}},
		Severity: map[string]contract.Setting{"T013": {Text: "error", At: at(34, 15)}, "P011": {Text: "off", At: at(34, 28)}},
		Baseline: filepath.Join("testdata", "plant", "lint-baseline.json"),
		Suppressions: []contract.Suppression{
			{
				Rules: []string{"T008", "T013"}, Where: "legacy/#", Reason: "old gateway, replaced in Q1", At: at(37, 9),
				Until: time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC),
			},
			{Rules: []string{"T014"}, At: at(38, 7)},
		},
	}
	if diff := cmp.Diff(want, c.Lint); diff != "" {
		t.Errorf("lint (-want +got)\n%s", diff)
	}
	if got := c.At("kinds", "status", "retain"); got != at(13, 16) {
		t.Errorf("the retain flag of status is at %s", got)
	}
	if got := c.At("kinds", "status", "qos", "more"); got != at(13, 31) {
		t.Errorf("what is inside a value is at %s", got)
	}
}

func TestTheInventoryIsRead(t *testing.T) {
	t.Parallel()
	c := plant(t)
	var got []string
	for _, d := range c.Devices.Inventory {
		got = append(got, d.Base+" "+d.Username+" "+d.ClientID)
	}
	want := []string{
		"acme/lyon/cr-001 cr-001 lyon-cr-001", "acme/lyon/cr-002 second lyon-cr-002", "acme/turin/cr-001 cr-001 turin-cr-001",
		"acme/test/lyon/cr-900 cr-900 lyon-cr-900",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(c.Notes) != 1 || c.Notes[0].Msg != `the column "client-id" is left out - did you mean "client_id"?` {
		t.Errorf("a likely slip is not told, or more than that: %v", c.Notes)
	}
}

func TestADeviceIsFoundByItsLastLevels(t *testing.T) {
	t.Parallel()
	c := plant(t)
	sites := parse(t, "version: mqx/v1\nroot: acme\nsites: [lyon, turin]\n")
	site := parse(t, "version: mqx/v1\nroot: acme\nsites: lyon\n")
	for _, tt := range []struct {
		c          *contract.Contract
		name, want string
	}{
		{c, "cr-002", "acme/lyon/cr-002"},
		{c, "turin/cr-001", "acme/turin/cr-001"},
		{c, "acme/turin/cr-001", "acme/turin/cr-001"},
		{c, "acme/turin/cr-777", "acme/turin/cr-777"}, // a base topic need not be listed
		{c, "test/lyon/cr-900", "acme/test/lyon/cr-900"},
		{c, "cr-001", `device "cr-001": may be more than one: acme/lyon/cr-001, acme/turin/cr-001`},
		{c, "cr-003", `device "cr-003": not a base topic like {root}/{site}/{device}, and the inventory has no such device`},
		{c, "acme/+/cr-001", `device "acme/+/cr-001": must not contain the wildcard +`},
		{contract.Default(), "home/cellar/boiler", "home/cellar/boiler"},
		{contract.Default(), "boiler", `device "boiler": not a base topic like {root}/{site}/{device}`},
		{site, "cr-001", "acme/lyon/cr-001"},
		{site, "lyon/cr-001", "acme/lyon/cr-001"},
		{sites, "cr-001", `device "cr-001": may be more than one: acme/lyon/cr-001, acme/turin/cr-001`},
		{sites, "turin/cr-001", "acme/turin/cr-001"},
	} {
		d, err := tt.c.Resolve(tt.name)
		got := d.Base
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestTheTopicsOfADevice(t *testing.T) {
	t.Parallel()
	var got []string
	for _, topic := range plant(t).TopicsOf("acme/test/lyon/+") {
		got = append(got, topic.Kind.Name+" "+topic.Filter.String())
	}
	want := []string{
		"telemetry acme/test/lyon/+/telemetry/+", "status acme/test/lyon/+/status", "cmd acme/test/lyon/+/cmd",
		"cmd/res acme/test/lyon/+/cmd/res", "desired acme/test/lyon/+/desired", "reported acme/test/lyon/+/reported",
		"door acme/test/lyon/+/telemetry/door", "firmware acme/test/lyon/+/firmware/#",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestATopicThatFitsNothingIsExplained(t *testing.T) {
	t.Parallel()
	c := plant(t)
	for topic, want := range map[string]string{
		"acme/cr-001/telemetry/temp":      `1 "cr-001" wants one of "test", {site}`,
		"acme/lyon/cr-001/telemetri/temp": `3 "telemetri" wants one of "cmd", "desired", "firmware", "reported", "status", "telemetry"`,
		"acme/lyon/cr-001/status/x":       `4 "x" wants nothing`,
		"acme/lyon/cr-001/telemetry":      `4 "" wants one of "door", {signal}`,
		"acme":                            `1 "" wants one of "test", {site}`,
	} {
		m := c.Explain(topic)
		got := strings.TrimSpace(string(rune('0'+m.Level)) + ` "` + m.Got + `" wants ` + m.Want)
		if got != want {
			t.Errorf("%s: got %s, want %s", topic, got, want)
		}
	}
	m := contract.Default().Explain("acme/cr-001/telemetry/temp")
	if m.Level != 2 || m.Want != "{device}" {
		t.Errorf("the name of a kind passes for a device: %+v", m)
	}
}

func TestASchemaIsFoundByTheNameInThePayloadFirst(t *testing.T) {
	t.Parallel()
	c := plant(t)
	m, _ := c.Classify("acme/lyon/cr-001/telemetry/temp")
	rule := m.Rule()
	for named, want := range map[string]string{"": "temp.v1", "temp.v1": "temp.v1", "hum.v1": "*.v1", "temp.v2": ""} {
		got := ""
		if s := c.SchemaFor(rule, named); s != nil {
			got = s.Name
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", named, got, want)
		}
	}
	s := c.SchemaFor(rule, "")
	if err := s.Check([]byte(`{"value": 21.5}`)); err != nil {
		t.Errorf("a good payload: %v", err)
	}
	if err := s.Check([]byte(`{"value": 1000}`)); err == nil {
		t.Error("1000 degrees passed")
	}
}

func TestSuppressions(t *testing.T) {
	t.Parallel()
	s := plant(t).Lint.Suppressions
	for where, want := range map[string]bool{"legacy/a": true, "legacy/+/b": true, "legacy": true, "acme/a": false, "#": false} {
		if got := s[0].Covers(where); got != want {
			t.Errorf("%s: got %v", where, got)
		}
	}
	if !s[1].Covers("conf/mosquitto.conf") || !s[1].Names("T014") || s[1].Names("T013") {
		t.Error("the suppression of T014 is not one of T014 everywhere")
	}
	last := time.Date(2027, 3, 31, 23, 59, 0, 0, time.UTC)
	if s[0].Expired(last) || !s[0].Expired(last.Add(time.Minute)) || s[1].Expired(last.AddDate(100, 0, 0)) {
		t.Error("a suppression ends with its last day, one without a last day never")
	}
	files := contract.Suppression{Where: "conf/*.conf"}
	if !files.Covers("conf/a.conf") || files.Covers("conf/sub/a.conf") {
		t.Error("a pattern of files is not one")
	}
}

func TestFindLooksUpwards(t *testing.T) {
	t.Parallel()
	file, found, err := contract.Find(filepath.Join("testdata", "plant", "schemas"))
	if want, _ := filepath.Abs(filepath.Join("testdata", "plant", "mqx.yaml")); err != nil || !found || file != want {
		t.Errorf("got %s, %v, %v", file, found, err)
	}
	if file, found, err := contract.Find(t.TempDir()); err != nil || found {
		t.Errorf("got %s, %v, %v where there is none", file, found, err)
	}
}

func TestClassifyAllocatesNothing(t *testing.T) {
	c := plant(t)
	if n := testing.AllocsPerRun(100, func() { c.Classify("acme/lyon/cr-001/telemetry/temp") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkClassify(b *testing.B) {
	c := plant(b)
	for b.Loop() {
		if _, ok := c.Classify("acme/lyon/cr-001/telemetry/temp"); !ok {
			b.Fatal("no kind")
		}
	}
}

func varsOf(m contract.Match) map[string]string { return maps.Collect(m.Vars()) }

func read(tb testing.TB, file string) string {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func TestWithFurtherKinds(t *testing.T) {
	t.Parallel()
	c := contract.Default()
	own, err := topic.ParseTemplate("{root}/{device}")
	if err != nil {
		t.Fatal(err)
	}
	more := c.With(&contract.Kind{Name: "own", Role: contract.Telemetry, Template: own})
	if m, ok := more.Classify("zigbee2mqtt/lamp"); !ok || m.Kind.Name != "own" || m.Device != "lamp" {
		t.Errorf("got %+v", m)
	}
	if m, ok := more.Classify("acme/lyon/cr-1/status"); !ok || m.Kind.Role != contract.Status {
		t.Errorf("got %+v", m)
	}
	if _, ok := c.Classify("zigbee2mqtt/lamp"); ok || len(c.Kinds) == len(more.Kinds) {
		t.Error("the contract itself has changed")
	}
}
