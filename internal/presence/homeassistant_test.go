package presence_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/presence"
)

func TestHomeAssistantFollowsDiscovery(t *testing.T) {
	t.Parallel()
	const config = "homeassistant/sensor/boiler/temp/config"
	type step struct {
		topic, payload string
		want           []presence.Report
	}
	on := []presence.Report{{Device: "boiler-1", Word: presence.SaysOnline, Text: "online"}}
	off := []presence.Report{{Device: "boiler-1", Word: presence.SaysOffline, Text: "offline"}}
	for claim, steps := range map[string][]step{
		"one topic with its own words": {
			{config, `{"device":{"identifiers":["boiler-1"]},"availability_topic":"b/a","payload_available":"up","payload_not_available":"down"}`, nil},
			{"b/a", "up", on},
			{"b/a", "down", off},
			{"b/a", "sideways", nil},
		},
		"abbreviations and a base topic": {
			{config, `{"~":"b","dev":{"ids":"boiler-1"},"avty_t":"~/a","pl_avail":"1","pl_not_avail":"0"}`, nil},
			{"b/a", "1", on},
			{"b/a", "0", off},
		},
		"the newest counts by default": {
			{config, `{"dev":{"ids":["boiler-1"]},"availability":[{"topic":"x"},{"topic":"y"}]}`, nil},
			{"x", "online", on},
			{"y", "offline", off},
			{"x", "online", on},
		},
		"all must be online": {
			{config, `{"dev":{"ids":["boiler-1"]},"avty_mode":"all","avty":[{"t":"x"},{"t":"y"}]}`, nil},
			{"x", "online", off},
			{"y", "online", on},
			{"x", "offline", off},
		},
		"any may be online": {
			{config, `{"dev":{"ids":["boiler-1"]},"availability_mode":"any","avty":{"t":"x"},"avty_t":"y"}`, nil},
			{"x", "offline", off},
			{"y", "online", on},
			{"y", "offline", off},
		},
		"simple templates": {
			{config, `{"dev":{"ids":["boiler-1"]},"avty":[{"topic":"x","value_template":"{{ value_json.net['wi-fi'].up[0] }}"}]}`, nil},
			{"x", `{"net":{"wi-fi":{"up":["online"]}}}`, on},
			{"x", `{"net":{"wi-fi":{"up":["offline"]}}}`, off},
		},
		"a device with components": {
			{"homeassistant/device/boiler/config", `{"dev":{"ids":"boiler-1"},"avty_t":"x","cmps":{"t":{"p":"sensor","avty_t":"y"}}}`, nil},
			{"x", "offline", off},
			{"y", "online", on},
		},
		"an empty configuration takes the device back": {
			{config, `{"dev":{"ids":["boiler-1"]},"avty_t":"x"}`, nil},
			{"x", "online", on},
			{config, "", []presence.Report{{Device: "boiler-1"}}},
			{"x", "online", nil},
		},
		"Home Assistant itself": {{"homeassistant/status", "online", []presence.Report{{Device: "homeassistant", Word: presence.SaysOnline, Text: "online"}}}},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			c := newConvention(t, "homeassistant", "")
			for _, s := range steps {
				got := c.Read(message.Message{Topic: s.topic, Payload: []byte(s.payload)})
				if diff := cmp.Diff(s.want, got.Reports); diff != "" {
					t.Errorf("%s %s (-want +got):\n%s", s.topic, s.payload, diff)
				}
			}
		})
	}
}

func TestHomeAssistantSaysWhatItCannotRead(t *testing.T) {
	t.Parallel()
	c := newConvention(t, "homeassistant", "")
	check(t, c, []heard{
		{topic: "homeassistant/sensor/a/config", payload: "{", want: faulty("homeassistant/sensor/a", "the discovery message is not the JSON object of a configuration")},
		{topic: "homeassistant/sensor/b/config", payload: `{"uniq_id":"b","avty":{"t":"x","val_tpl":"{% if value %}online{% endif %}"}}`},
		{topic: "x", payload: "1", want: faulty("b", `the template "{% if value %}online{% endif %}" is more than mqx can read`)},
		{topic: "y", payload: "online"},
	})
	if diff := cmp.Diff([]string{"x"}, c.(interface{ Discovered() []string }).Discovered()); diff != "" {
		t.Error(diff)
	}
}
