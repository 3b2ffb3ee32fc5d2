package simulate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// player drives one device by hand, with a connection that stands at once.
type player struct {
	t      *testing.T
	device *simulate.Device
	now    time.Duration
	log    []string
}

func newPlayer(t *testing.T, text string) *player {
	t.Helper()
	run := newRun(t, parse(t, text))
	for d := range run.Profile.Devices() {
		return &player{t: t, device: run.NewDevice(d)}
	}
	return nil
}

func (p *player) take(outputs []simulate.Output) {
	for _, o := range outputs {
		switch o.Kind {
		case simulate.Connect:
			will, _ := p.device.Will()
			p.log = append(p.log, fmt.Sprintf("%s connect %s", p.now, shown(will)))
			p.take(slices.Clone(p.device.Connected(p.now)))
		case simulate.Publish:
			p.log = append(p.log, fmt.Sprintf("%s %s", p.now, shown(&o.Message.Message)))
		case simulate.Goodbye:
			p.log = append(p.log, fmt.Sprintf("%s goodbye", p.now))
		case simulate.Vanish:
			p.log = append(p.log, fmt.Sprintf("%s vanish", p.now))
		default:
			p.t.Errorf("%s: output %d", p.now, o.Kind)
		}
	}
}

// shown is a message in short, without its timestamp.
func shown(m *message.Message) string {
	if m == nil {
		return "nothing"
	}
	body := string(m.Payload)
	if at := gjson.Get(body, "ts"); at.Exists() {
		body = strings.Replace(body, `"ts":`+at.Raw, `"ts":0`, 1)
	}
	flags := ""
	if m.Retain {
		flags = " retained"
	}
	if m.Properties != nil {
		for _, u := range m.Properties.UserProperties {
			flags += " " + u.Key + "=" + u.Value
		}
	}
	return strings.TrimPrefix(m.Topic, "acme/lyon/d-1/") + " " + body + flags
}

// until plays up to a time.
func (p *player) until(end time.Duration) {
	for p.device.Next() <= end {
		p.now = max(p.now, p.device.Next())
		p.take(slices.Clone(p.device.Wake(p.now)))
	}
	p.now = end
}

func (p *player) receive(topic, payload string) {
	p.take(p.device.Receive(p.now, message.Message{Topic: "acme/lyon/d-1/" + topic, Payload: []byte(payload)}))
}

// logged compares what happened since the last time.
func (p *player) logged(want ...string) {
	p.t.Helper()
	if !slices.Equal(p.log, want) {
		p.t.Errorf("got\n  %s\nwant\n  %s", strings.Join(p.log, "\n  "), strings.Join(want, "\n  "))
	}
	p.log = nil
}

const thermostat = `{telemetry: {x: {every: 1m, unit: Cel, schema: x.v1, value: {follow: {to: "{desired.setpoint}", lag: 0s}}}},
    desired: {accepts: {setpoint: {min: 0, max: 30, default: 20}, mode: {type: string, values: [eco, full]}, interval_s: {type: integer, min: 5}},
      apply_after: 2s, ack: both},
    commands: {defrost: {takes: 10s}, fail: {takes: 1s, succeed: 0%}, reboot: {takes: 1s, then: reboot}}}`

func TestADeviceIsBornMeasuresAndTakesLeave(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, small(1, thermostat, ""))
	p.until(61 * time.Second)
	p.take(p.device.Stop(p.now))
	p.logged(
		"0s connect status offline retained session=b-0e4a/1",
		"0s status online retained session=b-0e4a/1",
		`0s reported {"boot":"b-0e4a","schema":"reported.v1","state":{"setpoint":20},"ts":0} retained`,
		`0s telemetry/x {"v":20,"ts":0,"unit":"Cel","schema":"x.v1"}`,
		`1m0s telemetry/x {"v":20,"ts":0,"unit":"Cel","schema":"x.v1"}`,
		"1m1s status offline retained session=b-0e4a/1",
		"1m1s goodbye",
	)
}

func TestADeviceObeysItsDesiredState(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, small(1, thermostat, ""))
	p.until(time.Second)
	p.log = nil
	p.receive("desired", `{"rev":7,"id":"a","state":{"setpoint":25,"mode":"turbo","colour":"red"}}`)
	p.until(4 * time.Second)
	p.logged(`3s reported {"acks":{"/colour":{"msg":"no such setting","status":"unknown"},"/mode":{"msg":"\"turbo\" is not one of eco, full","status":"rejected"}},` +
		`"boot":"b-0e4a","desired_id":"a","desired_rev":7,"schema":"reported.v1","state":{"setpoint":25},"ts":0} retained`)
	p.receive("desired", `{"rev":7,"id":"a","state":{"setpoint":25,"mode":"turbo","colour":"red"}}`)
	p.receive("desired", `{"rev":6,"id":"b","state":{"setpoint":1}}`)
	p.until(20 * time.Second)
	p.logged()
	p.receive("desired", `{"rev":8,"id":"c","state":{"setpoint":null,"interval_s":30}}`)
	p.until(100 * time.Second)
	p.logged(
		`22s reported {"boot":"b-0e4a","desired_id":"c","desired_rev":8,"schema":"reported.v1","state":{"interval_s":30,"setpoint":20},"ts":0} retained`,
		`52s telemetry/x {"v":20,"ts":0,"unit":"Cel","schema":"x.v1"}`,
		`1m22s telemetry/x {"v":20,"ts":0,"unit":"Cel","schema":"x.v1"}`,
	)
}

func TestACommandIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	p := newPlayer(t, small(1, strings.Replace(thermostat, "every: 1m", "every: 1h", 1), ""))
	p.until(time.Second)
	p.log = nil
	p.receive("cmd", `{"id":"c1","name":"defrost"}`)
	p.receive("cmd", `{"id":"c1","name":"defrost"}`)
	p.until(12 * time.Second)
	done := `cmd/res {"id":"c1","name":"defrost","status":"done","ts":0}`
	p.logged("11s " + done)
	p.receive("cmd", `{"id":"c1","name":"defrost"}`)
	p.receive("cmd", `{"id":"c2","name":"explode"}`)
	p.receive("cmd", `{"id":"c3","name":"fail"}`)
	p.until(13 * time.Second)
	p.logged("12s "+done,
		`12s cmd/res {"error":"no command is called \"explode\"","id":"c2","name":"explode","status":"rejected","ts":0}`,
		`13s cmd/res {"error":"fail failed","id":"c3","name":"fail","status":"rejected","ts":0}`)
	p.receive("cmd", `{"id":"c4","name":"reboot"}`)
	p.receive("cmd", `not a command`)
	p.until(14 * time.Second)
	p.logged(`14s cmd/res {"id":"c4","name":"reboot","status":"done","ts":0}`,
		"14s status offline retained session=b-0e4a/1", "14s goodbye",
		"14s connect status offline retained session=b-5bb6/1", "14s status online retained session=b-5bb6/1",
		`14s reported {"boot":"b-5bb6","schema":"reported.v1","state":{"setpoint":20},"ts":0} retained`)
}

// presence plays a fleet of one with a fault and returns the words on its status topic with their times.
func presence(t *testing.T, status, fault string) []string {
	t.Helper()
	text := small(1, "{status: {"+status+"}, telemetry: {x: {every: 1h, value: 1}}}", "faults: [{at: 2m, for: 2m, do: "+fault+"}]")
	var got []string
	for _, m := range play(t, newRun(t, parse(t, text)), simulate.Shard{}) {
		if strings.HasSuffix(m.Clean.Topic, "/status") {
			word := fmt.Sprintf("%s %s", m.Sent, m.Message.Payload)
			if m.Will {
				word += " will"
			}
			if !m.Message.Retain {
				word += " not retained"
			}
			got = append(got, word)
		}
	}
	return got
}

func TestPresenceFollowsTheFault(t *testing.T) {
	t.Parallel()
	last := "10m0s offline"
	for fault, want := range map[string][]string{
		"offline":              {"0s online", "2m10s offline will", "4m0s online", last},
		"crash":                {"0s online", "2m10s offline will", "4m0s online", last},
		"graceful":             {"0s online", "2m0s offline", "4m0s online", last},
		"disconnect_with_will": {"0s online", "2m10s offline will", "4m0s online", last},
		"blackhole":            {"0s online", "3m40s offline will", "4m0s online", last},
		"reboot, takes: 5s":    {"0s online", "2m5s online", last},
		"new_client_id":        {"0s online", "2m0s online", "3m40s offline will", last},
		"no_will":              {"0s online", last},
		"bad_credentials":      {"0s online", "2m10s offline will", "4m0s online", last},
	} {
		if got := presence(t, "will_delay: 10s", fault); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", fault, got, want)
		}
	}
	if got := presence(t, "will: false", "offline"); !slices.Equal(got, []string{"0s online", "4m0s online", last}) {
		t.Errorf("without a Will Message: %q", got)
	}
	if got := presence(t, "format: json, online: up, offline: down", "offline"); len(got) != 4 || !strings.Contains(got[1], `{"status":"down","session":"b-0e4a/1"} will`) {
		t.Errorf("as JSON: %q", got)
	}
}

func TestAWillThatIsNotRetained(t *testing.T) {
	t.Parallel()
	text := small(1, "{telemetry: {x: {every: 1h, value: 1}}}", "faults: [{do: will_not_retained}, {at: 2m, for: 2m, do: offline}]")
	for _, m := range play(t, newRun(t, parse(t, text)), simulate.Shard{}) {
		if m.Will && m.Message.Retain {
			t.Errorf("%s is retained", m.Message.Payload)
		}
	}
}

func TestFlappingEndsWithTheFault(t *testing.T) {
	t.Parallel()
	got := presence(t, "will_delay: 0s", "flap, period: 10s")
	if len(got) != 2+2*6 || got[len(got)-2] != "3m50s online" {
		t.Errorf("got %q", got)
	}
}

func TestARestartThatLosesItsState(t *testing.T) {
	t.Parallel()
	text := small(1, "{telemetry: {x: {every: 1m, value: {counter: {step: 1}}}}}", "faults: [{at: 150s, do: reboot, takes: 1s, lose: [state, seq, session]}]")
	var got []string
	for _, m := range play(t, newRun(t, parse(t, text)), simulate.Shard{}) {
		if m.Signal == "x" {
			got = append(got, gjson.GetBytes(m.Message.Payload, "v").Raw)
		}
	}
	if want := []string{"0", "1", "2", "0", "1", "2", "3", "4", "5", "6"}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
