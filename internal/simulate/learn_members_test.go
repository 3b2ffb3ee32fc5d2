package simulate_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// line is a line of a capture, so long after it began.
func line(after time.Duration, topic, payload string) string {
	at := time.Date(2026, 1, 5, 6, 0, 0, 0, time.UTC).Add(after)
	return fmt.Sprintf(`{"time":%q,"topic":%q,"payload":%s}`, at.Format(time.RFC3339Nano), topic, payload)
}

// zigbee is what Zigbee2MQTT publishes of three thermometers and a lamp in two hours.
func zigbee() []string {
	chance := rand.New(rand.NewPCG(1, 1))
	lines := []string{
		line(0, "zigbee2mqtt/bridge/state", `{"state":"online"}`), line(0, "zigbee2mqtt/kitchen/availability", `{"state":"online"}`),
		line(0, "zigbee2mqtt/lamp/set", `{"state":"ON"}`),
	}
	for _, name := range []string{"kitchen", "Bath 1", "attic"} {
		temperature := 20.5
		for i := range 120 {
			after := time.Duration(i)*time.Minute + time.Duration(chance.IntN(4000))*time.Millisecond
			temperature = max(17, min(26, temperature+chance.Float64()-0.5))
			update := ""
			if i%4 == 0 {
				update = `,"update":{"installed_version":16777233,"latest_version":16777233,"state":"idle"}`
			}
			lines = append(lines, line(after, "zigbee2mqtt/"+name, fmt.Sprintf(
				`{"battery":97,"contact":%t,"humidity":%.2f,"last_seen":%q,"linkquality":%d,"temperature":%.2f%s,"update_available":null}`,
				i/10%2 == 0, 50+chance.Float64(), time.Date(2026, 1, 5, 6, 0, 0, 0, time.UTC).Add(after).Format(time.RFC3339), 80+chance.IntN(80), temperature, update)))
		}
	}
	for i := range 40 {
		lines = append(lines, line(time.Duration(3*i)*time.Minute, "zigbee2mqtt/lamp", fmt.Sprintf(
			`{"brightness":%d,"color":{"x":%.4f,"y":%.4f},"color_mode":"xy","state":%q}`,
			1+chance.IntN(254), 0.2+chance.Float64()/5, 0.3, []string{"ON", "OFF"}[i/3%2])))
	}
	return lines
}

// tasmota is what two devices of Tasmota publish in five hours.
func tasmota() []string {
	chance := rand.New(rand.NewPCG(2, 2))
	var lines []string
	for _, name := range []string{"tasmota_01", "tasmota_02"} {
		lines = append(lines, line(0, "tele/"+name+"/LWT", `"Online"`))
		for i := range 60 {
			after := time.Duration(i) * 5 * time.Minute
			local := time.Date(2026, 1, 5, 7, 0, 0, 0, time.UTC).Add(after).Format("2006-01-02T15:04:05")
			lines = append(lines,
				line(after, "tele/"+name+"/SENSOR", fmt.Sprintf(
					`{"Time":%q,"DS18B20.1":{"Id":"0300A2794B1E","Temperature":%.1f},"ENERGY":{"Total":%.3f,"Power":%d},"TempUnit":"C"}`,
					local, 20+chance.Float64(), 12+float64(i)/100, 40+chance.IntN(20))),
				line(after, "tele/"+name+"/STATE", fmt.Sprintf(
					`{"Time":%q,"UptimeSec":%d,"POWER":"ON","Wifi":{"SSId":"home","RSSI":%d,"Signal":-60},"Last":[1,0,%d],"Empty":{}}`,
					local, 300*i, 60+chance.IntN(20), chance.IntN(2))))
		}
	}
	return lines
}

// seenAt are the types, numbers and texts at each place of some payloads.
type seenAt struct {
	kinds    map[string]bool
	low, top float64
	texts    map[string]bool
}

func look(all map[string]*seenAt, at string, v gjson.Result) {
	s := all[at]
	if s == nil {
		s = &seenAt{kinds: map[string]bool{}, texts: map[string]bool{}, low: 1e300, top: -1e300}
		all[at] = s
	}
	switch {
	case v.IsObject() || v.IsArray():
		s.kinds[v.Raw[:1]] = true
		v.ForEach(func(key, value gjson.Result) bool { look(all, at+"/"+key.Str, value); return true })
	case v.Type == gjson.True || v.Type == gjson.False:
		s.kinds["bool"] = true
	case v.Type == gjson.Number:
		s.kinds["number"] = true
		if strings.Contains(v.Raw, ".") {
			s.kinds["fraction"] = true
		}
		s.low, s.top = min(s.low, v.Num), max(s.top, v.Num)
	default:
		s.kinds[v.Type.String()] = true
		if _, err := time.Parse(time.RFC3339, v.Str); err != nil {
			_, err = time.Parse("2006-01-02T15:04:05", v.Str)
			s.texts[v.Str] = err != nil
		}
	}
}

// shapes looks at the payloads of the topics that end so.
func shapes(payloads map[string][]string) map[string]map[string]*seenAt {
	all := map[string]map[string]*seenAt{}
	for topic, list := range payloads {
		all[topic] = map[string]*seenAt{}
		for _, p := range list {
			look(all[topic], "", gjson.Parse(p))
		}
	}
	return all
}

func TestPayloadsWithManyMembersAreLearned(t *testing.T) {
	t.Parallel()
	for name, capture := range map[string][]string{"zigbee2mqtt": zigbee(), "tasmota": tasmota()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := lessonOf(t, capture...).Profile("n", false)
			p, err := profile.Parse("f.yaml", []byte(text))
			if err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			p.Duration = 6 * time.Hour
			seen, made := map[string][]string{}, map[string][]string{}
			for _, l := range capture {
				if topic := gjson.Get(l, "topic").Str; !strings.Contains(topic, "/bridge/") && !strings.HasSuffix(topic, "/set") && !isPresence(topic) {
					seen[topic] = append(seen[topic], gjson.Get(l, "payload").Raw)
				}
			}
			for _, m := range play(t, newRun(t, p), simulate.Shard{}) {
				if !json.Valid(m.Message.Payload) && !isPresence(m.Message.Topic) {
					t.Fatalf("%s: %s", m.Message.Topic, m.Message.Payload)
				}
				if !isPresence(m.Message.Topic) {
					made[m.Message.Topic] = append(made[m.Message.Topic], string(m.Message.Payload))
				}
			}
			if diff := cmp.Diff(slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(made))); diff != "" {
				t.Errorf("topics: %s in\n%s", diff, text)
			}
			compareShapes(t, shapes(seen), shapes(made))
		})
	}
}

func isPresence(topic string) bool {
	return strings.HasSuffix(topic, "/availability") || strings.HasSuffix(topic, "/LWT")
}

func compareShapes(t *testing.T, want, got map[string]map[string]*seenAt) {
	t.Helper()
	low, top := map[string]float64{}, map[string]float64{} // of all devices: those of a sort are taken for alike
	for _, places := range want {
		for at, was := range places {
			if _, ok := low[at]; !ok {
				low[at], top[at] = was.low, was.top
			}
			low[at], top[at] = min(low[at], was.low), max(top[at], was.top)
		}
	}
	for topic, places := range want {
		for at, was := range places {
			is := got[topic][at]
			if is == nil {
				t.Errorf("%s: nothing is at %s", topic, at)
				continue
			}
			if diff := cmp.Diff(was.kinds, is.kinds); diff != "" {
				t.Errorf("%s: at %s: %s", topic, at, diff)
			}
			grows := at == "/ENERGY/Total" || at == "/UptimeSec"
			if is.low < low[at]-0.001 || is.top > top[at]+0.001 && !grows {
				t.Errorf("%s: at %s: %v to %v, and not within %v to %v", topic, at, is.low, is.top, low[at], top[at])
			}
			for text := range is.texts {
				if is.texts[text] != was.texts[text] {
					t.Errorf("%s: at %s: %q was never seen", topic, at, text)
				}
			}
		}
		for at := range got[topic] {
			if places[at] == nil {
				t.Errorf("%s: %s was never there", topic, at)
			}
		}
	}
}

func TestPresenceOfOthersIsLearned(t *testing.T) {
	t.Parallel()
	for want, capture := range map[string][]string{
		`topic: "{root}/{device}/availability", online: "{\"state\":\"online\"}", offline: "{\"state\":\"offline\"}"`: {
			line(0, "zigbee2mqtt/a", `{"temperature":1}`), line(0, "zigbee2mqtt/a/availability", `{"state":"offline"}`),
		},
		`topic: "{root}/{device}/availability", online: online, offline: offline`: {
			line(0, "home/bridge/state", `"online"`), line(0, "home/a", `{"temperature":1}`), line(0, "home/a/availability", `"online"`),
		},
		`topic: "{root}/{device}/LWT", online: Online, offline: Offline`: {line(0, "tele/a/SENSOR", `{"Power":1}`)},
	} {
		if text := lessonOf(t, capture...).Profile("n", false); !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
}

func TestKindsOfAContractAreLearnedWithTheirTopics(t *testing.T) {
	t.Parallel()
	c, err := contract.Parse("mqx.yaml", []byte(`version: mqx/v1
convention: none
taxonomy: "plant/{line}/{device}/{kind}"
kinds:
  reading: { topic: "plant/{line}/{device}/out/{part}", role: telemetry }
  alive: { topic: "plant/{line}/{device}/alive", role: status, values: [up, down] }
`))
	if err != nil {
		t.Fatal(err)
	}
	lesson := simulate.NewLesson(c)
	capture := []string{
		line(0, "plant/l1/m1/alive", `"up"`), line(0, "plant/l1/m1/out/motor", `{"rpm":1500,"on":true}`), line(0, "plant/l2/m1/out/motor", `{"rpm":1400,"on":true}`),
		line(0, "plant/l1/m1/out/oil", `{"bar":3}`), line(0, "plant/l2/m1/out/oil", `{"bar":2}`),
	}
	if err := lesson.ReadCapture(strings.NewReader(strings.Join(capture, "\n"))); err != nil {
		t.Fatal(err)
	}
	text := lesson.Profile("n", false)
	p, err := profile.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	// Whoever plays it need not have the contract.
	got := map[string]bool{}
	for _, m := range play(t, newRun(t, p), simulate.Shard{}) {
		got[m.Message.Topic] = true
	}
	for _, want := range []string{"plant/l1/m1/alive", "plant/l1/m1/out/motor", "plant/l2/m1/out/motor", "plant/l1/m1/out/oil", "plant/l2/m1/out/oil"} {
		if !got[want] {
			t.Errorf("nothing on %s, only %v, of\n%s", want, slices.Sorted(maps.Keys(got)), text)
		}
	}
}

func TestAPlainValueIsNoObject(t *testing.T) {
	t.Parallel()
	text := lessonOf(t,
		line(0, "acme/l/d/telemetry/a", `{"value":1,"ts":1767592800}`), line(time.Minute, "acme/l/d/telemetry/a", `{"value":2,"ts":1767592860}`),
		line(0, "acme/l/d/telemetry/b", `{"value":1,"ts":1767592800,"quality":"good"}`),
	).Profile("n", false)
	for _, want := range []string{"payload: { value: value }", "value: { gauss", "members:\n          value: 1\n          quality: { constant: good }\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestEventsAreLearned(t *testing.T) {
	t.Parallel()
	text := lessonOf(t,
		line(0, "acme/l/d/events/alarm", `{"id":"1","ts":1767592800000,"level":"high","at":{"zone":1}}`),
		line(time.Minute, "acme/l/d/events/alarm", `{"id":"2","ts":1767592860000,"level":"high","at":{"zone":1}}`),
	).Profile("n", false)
	p, err := profile.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	made := play(t, newRun(t, p), simulate.Shard{})
	i := slices.IndexFunc(made, func(m *simulate.Made) bool { return m.Signal == "alarm" })
	if i < 0 {
		t.Fatalf("no alarm of\n%s", text)
	}
	got := gjson.ParseBytes(made[i].Message.Payload)
	if len(got.Get("id").Str) != 16 || got.Get("level").Str != "high" || got.Get("at").Raw != `{"zone":1}` || got.Get("ts").Num < 1e11 {
		t.Errorf("got %s", got.Raw)
	}
}

func TestAnonymousMembersTellNothing(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("secret ", 20)
	text := lessonOf(t, line(0, "tele/secret/STATE", `{"Wifi":{"SSId":"secret-net","At":{"lat":45.1,"lon":4.5}},"Note":"`+long+`","On":"secret"}`),
		line(time.Minute, "tele/secret/STATE", `{"Wifi":{"SSId":"secret-net","At":{"lat":45.1,"lon":4.5}},"Note":"`+long+`","On":"x"}`)).Profile("n", true)
	if strings.Contains(text, "secret") || strings.Contains(text, "45.1") {
		t.Errorf("got\n%s", text)
	}
	if _, err := profile.Parse("f.yaml", []byte(text)); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}
