package presence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/presence"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// heard is a message and what it means in a convention.
type heard struct {
	topic, payload string
	stored         bool
	want           presence.Reading
}

func reports(r ...presence.Report) presence.Reading { return presence.Reading{Reports: r} }

func alive(names ...string) presence.Reading { return presence.Reading{Alive: names} }

func faulty(device, why string) presence.Reading {
	return presence.Reading{Fault: &presence.Fault{Device: device, Why: why}}
}

func check(t *testing.T, c presence.Convention, messages []heard) {
	t.Helper()
	for _, m := range messages {
		got := c.Read(message.Message{Topic: m.topic, Payload: []byte(m.payload), Retain: m.stored})
		if diff := cmp.Diff(m.want, got); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", m.topic, m.payload, diff)
		}
	}
}

func newConvention(t *testing.T, name, prefix string) presence.Convention {
	t.Helper()
	c, err := presence.New(name, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGuideReadsPlainAndJSONStatus(t *testing.T) {
	t.Parallel()
	c := presence.NewGuide(contract.Default(), presence.Words{})
	const d = "acme/lyon/cr-1"
	check(t, c, []heard{
		{topic: d + "/status", payload: "online", stored: true, want: reports(presence.Report{Device: d, Word: presence.SaysOnline, Text: "online", Stored: true})},
		{topic: d + "/status", payload: " Offline\n", want: reports(presence.Report{Device: d, Word: presence.SaysOffline, Text: "Offline"})},
		{topic: d + "/status", payload: `"sleeping"`, want: reports(presence.Report{Device: d, Word: presence.SaysSleeping, Text: "sleeping"})},
		{
			topic: d + "/status", payload: `{"status":"online","session":"b-7f31/12","ts":1763800000}`, want: reports(presence.Report{
				Device: d, Word: presence.SaysOnline, Text: "online", Session: "b-7f31/12", Made: time.Unix(1763800000, 0).UTC(),
			}),
		},
		{topic: d + "/status", payload: `{"status":"offline","session":12}`, want: reports(presence.Report{Device: d, Word: presence.SaysOffline, Text: "offline", Session: "12"})},
		{topic: d + "/status", want: reports(presence.Report{Device: d})},
		{topic: d + "/status", payload: "\xff\x00", want: faulty(d, `"\xff\x00" is neither online nor offline`)},
		{topic: d + "/status", payload: `{"state":1}`, want: faulty(d, `there is nothing at "status"`)},
		{topic: d + "/status", payload: `{"status":`, want: faulty(d, "the payload is not JSON")},
		{topic: d + "/status", payload: `{"status":{"a":[null]}}`, want: faulty(d, `"{\"a\":[null]}" is neither online nor offline`)},
		{topic: d + "/status", payload: strings.Repeat("x", 1<<20), want: faulty(d, "1048576 bytes are too many for a status")},
		{topic: d + "/telemetry/temp", payload: "{}", want: alive(d)},
		{topic: d + "/reported", payload: "{}", want: alive(d)},
		{topic: d + "/reported", payload: "{}", stored: true},
		{topic: d + "/desired", payload: "{}"},
		{topic: d + "/cmd", payload: "{}"},
		{topic: "other", payload: "online"},
	})
}

func TestGuideReadsTheWordsOfTheContract(t *testing.T) {
	t.Parallel()
	agreed, err := contract.Parse("mqx.yaml", []byte("version: mqx/v1\nroot: acme\nkinds:\n  status: { values: [up, down] }\n"))
	if err != nil {
		t.Fatal(err)
	}
	const d = "acme/lyon/cr-1"
	check(t, presence.NewGuide(agreed, presence.Words{}), []heard{
		{topic: d + "/status", payload: "up", want: reports(presence.Report{Device: d, Word: presence.SaysOnline, Text: "up"})},
		{topic: d + "/status", payload: "down", want: reports(presence.Report{Device: d, Word: presence.SaysOffline, Text: "down"})},
		{topic: d + "/status", payload: "online", want: faulty(d, `"online" is neither "up" nor "down"`)},
	})
	check(t, presence.NewGuide(agreed, presence.Words{Online: "1", Offline: "0"}), []heard{
		{topic: d + "/status", payload: "1", want: reports(presence.Report{Device: d, Word: presence.SaysOnline, Text: "1"})},
	})
}

func TestGuideFindsTheSessionInAUserProperty(t *testing.T) {
	t.Parallel()
	c := presence.NewGuide(contract.Default(), presence.Words{})
	for _, key := range []string{"session", "session-id", "Session_ID", "mqx-session"} {
		got := c.Read(message.Message{
			Topic: "a/b/c/status", Payload: []byte("online"),
			Properties: &wire.Properties{UserProperties: []wire.UserProperty{{Key: "other", Value: "x"}, {Key: key, Value: "s-1"}}},
		})
		if len(got.Reports) != 1 || got.Reports[0].Session != "s-1" {
			t.Errorf("%s: %+v", key, got)
		}
	}
}

func TestGuideSubscribesToNoMoreThanIsAskedFor(t *testing.T) {
	t.Parallel()
	c := presence.NewGuide(contract.Default(), presence.Words{})
	for _, test := range []struct {
		name string
		want presence.Filters
	}{
		{"acme/lyon/cr-1", presence.Filters{
			Status:  []string{"acme/lyon/cr-1/status"},
			Traffic: []string{"acme/lyon/cr-1/telemetry/+", "acme/lyon/cr-1/cmd/res", "acme/lyon/cr-1/reported", "acme/lyon/cr-1/events/+"},
		}},
		{"acme/+/cr-1", presence.Filters{
			Status:  []string{"acme/+/cr-1/status"},
			Traffic: []string{"acme/+/cr-1/telemetry/+", "acme/+/cr-1/cmd/res", "acme/+/cr-1/reported", "acme/+/cr-1/events/+"},
		}},
		{presence.AllDevices, presence.Filters{
			Status: []string{"+/+/+/status"}, Traffic: []string{"+/+/+/telemetry/+", "+/+/+/cmd/res", "+/+/+/reported", "+/+/+/events/+"},
		}},
	} {
		if diff := cmp.Diff(test.want, c.Filters(test.name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestCustomTemplateReadsItsOwnWords(t *testing.T) {
	t.Parallel()
	template := func(text string) *topic.Template {
		parsed, err := topic.ParseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	c := presence.NewCustom(template("fleet/{device}/health/state"), presence.Words{Online: "1", Offline: "0", Path: "conn.up"})
	if diff := cmp.Diff(presence.Filters{Status: []string{"fleet/+/health/state"}, Traffic: []string{"fleet/+/#"}}, c.Filters(presence.AllDevices)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(presence.Filters{Status: []string{"fleet/v1/health/state"}, Traffic: []string{"fleet/v1/#"}}, c.Filters("fleet/v1")); diff != "" {
		t.Error(diff)
	}
	check(t, c, []heard{
		{topic: "fleet/v1/health/state", payload: `{"conn":{"up":1}}`, want: reports(presence.Report{Device: "fleet/v1", Word: presence.SaysOnline, Text: "1"})},
		{topic: "fleet/v1/health/state", payload: `{"conn":{"up":0}}`, want: reports(presence.Report{Device: "fleet/v1", Word: presence.SaysOffline, Text: "0"})},
		{topic: "fleet/v1/health/state", payload: `{"conn":{"up":"yes"}}`, want: faulty("fleet/v1", `"yes" is neither "1" nor "0"`)},
		{topic: "fleet/v1/health/state", payload: "online", want: faulty("fleet/v1", "the payload is not JSON")},
		{topic: "fleet/v1/gps", payload: "x", want: alive("fleet/v1")},
		{topic: "fleet/v1/gps", payload: "x", stored: true},
		{topic: "fleet/v1/lamp/set", payload: "x"},
		{topic: "fleet", payload: "x"},
	})
	whole := presence.NewCustom(template("gateway/status"), presence.Words{})
	check(t, whole, []heard{{topic: "gateway/status", payload: "online", want: reports(presence.Report{Device: "gateway/status", Word: presence.SaysOnline, Text: "online"})}})
	rest := presence.NewCustom(template("lwt/{device...}"), presence.Words{})
	check(t, rest, []heard{{topic: "lwt/a/b", payload: "offline", want: reports(presence.Report{Device: "lwt/a/b", Word: presence.SaysOffline, Text: "offline"})}})
}

func TestHomieReadsStatesOfAllVersions(t *testing.T) {
	t.Parallel()
	c := newConvention(t, "homie", "")
	const d = "homie/5/pump"
	check(t, c, []heard{
		{topic: d + "/$state", payload: "ready", stored: true, want: reports(presence.Report{Device: d, Word: presence.SaysOnline, Text: "ready", Stored: true})},
		{topic: d + "/$state", payload: "init", want: reports(presence.Report{Device: d, Word: presence.SaysOnline, Text: "init"})},
		{topic: d + "/$state", payload: "alert", want: reports(presence.Report{Device: d, Word: presence.SaysOnline, Text: "alert"})},
		{topic: d + "/$state", payload: "sleeping", want: reports(presence.Report{Device: d, Word: presence.SaysSleeping, Text: "sleeping"})},
		{topic: d + "/$state", payload: "disconnected", want: reports(presence.Report{Device: d, Word: presence.SaysOffline, Text: "disconnected", Will: presence.Goodbye})},
		{topic: d + "/$state", payload: "lost", want: reports(presence.Report{Device: d, Word: presence.SaysOffline, Text: "lost", Will: presence.IsWill})},
		{topic: d + "/$state", want: reports(presence.Report{Device: d})},
		{topic: d + "/$state", payload: "READY", want: faulty(d, `"READY" is no state of Homie`)},
		{topic: d + "/$description", payload: `{"homie":"5.0","root":"bridge","parent":"x"}`, want: presence.Reading{Links: []presence.Link{{Device: d, Parent: "homie/5/bridge"}}}},
		{topic: d + "/$description", payload: `{"homie":"5.0"}`},
		{topic: d + "/$description", payload: "\x00"},
		{topic: d + "/motor/speed", payload: "3", want: alive(d)},
		{topic: d + "/motor/speed", payload: "3", stored: true},
		{topic: d + "/motor/speed/set", payload: "3"},
		{topic: d + "/motor/$target", payload: "3"},
		{topic: "homie/old/$state", payload: "ready", want: reports(presence.Report{Device: "homie/old", Word: presence.SaysOnline, Text: "ready"})},
		{topic: "homie/old/node/prop", payload: "3", want: alive("homie/old")},
		{topic: "homie/5", payload: "x"},
		{topic: "elsewhere/5/pump/$state", payload: "ready"},
	})
	if got := presence.Full(c, "pump"); got != d {
		t.Errorf("pump is %s", got)
	}
}

func TestHomieAsksForTheRootOfASingleChild(t *testing.T) {
	t.Parallel()
	c := newConvention(t, "homie", "")
	c.Filters("homie/5/child")
	c.Read(message.Message{Topic: "homie/5/child/$description", Payload: []byte(`{"root":"bridge"}`)})
	got := c.(interface{ Discovered() []string }).Discovered()
	if diff := cmp.Diff([]string{"homie/5/bridge/$state"}, got); diff != "" {
		t.Error(diff)
	}
}

// metric is a metric of Sparkplug B with an integer value.
func metric(name string, value uint64) []byte {
	const nameField, longField = 1, 11
	m := protowire.AppendString(protowire.AppendTag(nil, nameField, protowire.BytesType), name)
	return protowire.AppendVarint(protowire.AppendTag(m, longField, protowire.VarintType), value)
}

// sparkplugPayload is a payload made at a Unix time in milliseconds, 0 for none.
func sparkplugPayload(ms uint64, metrics ...[]byte) string {
	const timeField, metricsField, seqField = 1, 2, 3
	var p []byte
	if ms > 0 {
		p = protowire.AppendVarint(protowire.AppendTag(p, timeField, protowire.VarintType), ms)
	}
	for _, m := range metrics {
		p = protowire.AppendBytes(protowire.AppendTag(p, metricsField, protowire.BytesType), m)
	}
	return string(protowire.AppendVarint(protowire.AppendTag(p, seqField, protowire.VarintType), 0))
}

func TestSparkplugReadsBirthsAndDeaths(t *testing.T) {
	t.Parallel()
	c := newConvention(t, "sparkplug", "")
	toNode := []presence.Link{{Device: "G/N/D", Parent: "G/N"}}
	check(t, c, []heard{
		{
			topic: "spBv1.0/G/NBIRTH/N", payload: sparkplugPayload(1763800000000, metric("Node Control/Rebirth", 0), metric("bdSeq", 7)),
			want: reports(presence.Report{Device: "G/N", Word: presence.SaysOnline, Text: "NBIRTH", Session: "7", Made: time.Unix(1763800000, 0).UTC()}),
		},
		{
			topic: "spBv1.0/G/NDEATH/N", payload: sparkplugPayload(0, metric("bdSeq", 7)),
			want: reports(presence.Report{Device: "G/N", Word: presence.SaysOffline, Text: "NDEATH", Session: "7", Will: presence.MaybeWill, Cascade: true}),
		},
		{topic: "spBv1.0/G/NBIRTH/N", payload: sparkplugPayload(0), want: reports(presence.Report{Device: "G/N", Word: presence.SaysOnline, Text: "NBIRTH"})},
		{topic: "spBv1.0/G/NBIRTH/N", payload: "\x12\x05ab", want: faulty("G/N", "the payload is not one of Sparkplug B")},
		{topic: "spBv1.0/G/NDEATH/N", payload: "{}", want: faulty("G/N", "the payload is not one of Sparkplug B")},
		{
			topic: "spBv1.0/G/DBIRTH/N/D", want: presence.Reading{
				Links: toNode, Reports: []presence.Report{{Device: "G/N/D", Word: presence.SaysOnline, Text: "DBIRTH"}}, Alive: []string{"G/N"},
			},
		},
		{
			topic: "spBv1.0/G/DDEATH/N/D", want: presence.Reading{
				Links: toNode, Reports: []presence.Report{{Device: "G/N/D", Word: presence.SaysOffline, Text: "DDEATH", Will: presence.Goodbye}}, Alive: []string{"G/N"},
			},
		},
		{topic: "spBv1.0/G/NDATA/N", want: alive("G/N")},
		{topic: "spBv1.0/G/DDATA/N/D", want: presence.Reading{Links: toNode, Alive: []string{"G/N/D", "G/N"}}},
		{topic: "spBv1.0/G/NCMD/N"},
		{
			topic: "spBv1.0/STATE/scada", payload: `{"online":true,"timestamp":1763800000000}`, stored: true,
			want: reports(presence.Report{Device: "STATE/scada", Word: presence.SaysOnline, Text: "online", Session: "1763800000000", Made: time.Unix(1763800000, 0).UTC(), Stored: true}),
		},
		{
			topic: "spBv1.0/STATE/scada", payload: `{"online":false,"timestamp":1763800000000}`,
			want: reports(presence.Report{Device: "STATE/scada", Word: presence.SaysOffline, Text: "offline", Session: "1763800000000"}),
		},
		{topic: "spBv1.0/STATE/scada", payload: "ONLINE", want: faulty("STATE/scada", `it is no JSON object with "online" true or false`)},
	})
	if diff := cmp.Diff(presence.Filters{
		Status:  []string{"spBv1.0/G/NBIRTH/N", "spBv1.0/G/NDEATH/N", "spBv1.0/G/DBIRTH/N/D", "spBv1.0/G/DDEATH/N/D"},
		Traffic: []string{"spBv1.0/G/NDATA/N", "spBv1.0/G/DDATA/N/D"},
	}, c.Filters("G/N/D")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"spBv1.0/+/NBIRTH/+", "spBv1.0/+/NDEATH/+", "spBv1.0/+/DBIRTH/+/+", "spBv1.0/+/DDEATH/+/+", "spBv1.0/STATE/+",
	}, c.Filters(presence.AllDevices).Status); diff != "" {
		t.Error(diff)
	}
}

func TestTasmotaReadsLWTInBothOrders(t *testing.T) {
	t.Parallel()
	check(t, newConvention(t, "tasmota", ""), []heard{
		{topic: "tele/plug/LWT", payload: "Online", stored: true, want: reports(presence.Report{Device: "plug", Word: presence.SaysOnline, Text: "Online", Stored: true})},
		{topic: "plug/tele/LWT", payload: "Offline", want: reports(presence.Report{Device: "plug", Word: presence.SaysOffline, Text: "Offline"})},
		{topic: "tele/plug/LWT", payload: "?", want: faulty("plug", `"?" is neither "Online" nor "Offline"`)},
		{topic: "tele/plug/STATE", payload: "{}", want: alive("plug")},
		{topic: "stat/plug/RESULT", payload: "{}", want: alive("plug")},
		{topic: "cmnd/plug/POWER", payload: "ON"},
		{topic: "tele/plug", payload: "x"},
	})
}

func TestZigbee2MQTTReadsAvailability(t *testing.T) {
	t.Parallel()
	c := newConvention(t, "zigbee2mqtt", "")
	report := func(name string, r presence.Report) presence.Reading {
		r.Device, r.Will = "zigbee2mqtt/"+name, presence.Goodbye
		return presence.Reading{Reports: []presence.Report{r}, Links: []presence.Link{{Device: r.Device, Parent: "zigbee2mqtt/bridge"}}}
	}
	check(t, c, []heard{
		{topic: "zigbee2mqtt/lamp/availability", payload: "online", want: report("lamp", presence.Report{Word: presence.SaysOnline, Text: "online"})},
		{topic: "zigbee2mqtt/hall/lamp/availability", payload: `{"state":"offline"}`, stored: true, want: report("hall/lamp", presence.Report{Word: presence.SaysOffline, Text: "offline", Stored: true})},
		{topic: "zigbee2mqtt/bridge/state", payload: `{"state":"online"}`, want: reports(presence.Report{Device: "zigbee2mqtt/bridge", Word: presence.SaysOnline, Text: "online"})},
		{topic: "zigbee2mqtt/lamp/availability", payload: `{"state":3}`, want: faulty("zigbee2mqtt/lamp", `"3" is neither online nor offline`)},
		{topic: "zigbee2mqtt/lamp", payload: "{}", want: alive("zigbee2mqtt/lamp")},
		{topic: "zigbee2mqtt/lamp/set", payload: "{}"},
		{topic: "zigbee2mqtt/bridge/logging", payload: "{}"},
		{topic: "zigbee/lamp/availability", payload: "online"},
	})
	if got := presence.Full(c, "lamp"); got != "zigbee2mqtt/lamp" {
		t.Errorf("lamp is %s", got)
	}
}

func TestESPHomeReadsStatus(t *testing.T) {
	t.Parallel()
	check(t, newConvention(t, "esphome", ""), []heard{
		{topic: "kitchen/status", payload: "online", stored: true, want: reports(presence.Report{Device: "kitchen", Word: presence.SaysOnline, Text: "online", Stored: true})},
		{topic: "kitchen/status", payload: "offline", want: reports(presence.Report{Device: "kitchen", Word: presence.SaysOffline, Text: "offline"})},
		{topic: "kitchen/sensor/temperature/state", payload: "21", want: alive("kitchen")},
		{topic: "kitchen/debug", payload: "[D]", want: alive("kitchen")},
		{topic: "kitchen/light/lamp/command", payload: "{}"},
	})
}

func TestAnUnknownConventionIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := presence.New("homey", ""); err == nil || !strings.Contains(err.Error(), "zigbee2mqtt") {
		t.Errorf("got %v", err)
	}
	if _, err := presence.New("homie", "a/+"); err == nil {
		t.Error("a prefix with a wildcard is taken")
	}
}

// No message makes a convention panic, and what it says is of the message's time and flag.
func FuzzConventionsReadAnything(f *testing.F) {
	f.Add("a/b/c/status", []byte(`{"status":"online","session":"x","ts":1}`))
	f.Add("homie/5/x/$description", []byte(`{"root":"y"}`))
	f.Add("spBv1.0/G/NBIRTH/N", []byte(sparkplugPayload(1, metric("bdSeq", 1))))
	f.Add("spBv1.0/STATE/h", []byte(`{"online":true,"timestamp":1e99}`))
	f.Add("homeassistant/sensor/a/config", []byte(`{"avty":[{"t":"~/x","val_tpl":"{{ value_json['a\"].b }}"}],"~":"a"}`))
	f.Add("tele/x/LWT", []byte("Online"))
	f.Add("zigbee2mqtt/a/b/availability", []byte(`{"state":"online"}`))
	f.Fuzz(func(t *testing.T, name string, payload []byte) {
		conventions := []presence.Convention{presence.NewGuide(contract.Default(), presence.Words{})}
		for _, n := range presence.Names()[1:] {
			conventions = append(conventions, newConvention(t, n, ""))
		}
		fleet := presence.NewFleet(rules(), noon())
		for _, c := range conventions {
			for _, stored := range []bool{true, false} {
				r := c.Read(message.Message{Topic: name, Payload: payload, Retain: stored})
				for _, report := range r.Reports {
					if report.Stored != stored && len(r.Links) == 0 && report.Word != presence.SaysNothing {
						t.Errorf("%+v of a message with RETAIN %v", report, stored)
					}
					fleet.Report(report, noon())
				}
				if stored && len(r.Alive) > 0 && len(r.Reports) == 0 {
					t.Errorf("a stored message is a sign of life of %v", r.Alive)
				}
			}
		}
	})
}
