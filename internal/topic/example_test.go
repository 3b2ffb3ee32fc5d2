package topic_test

import (
	"fmt"

	"github.com/mqx-cli/mqx/internal/topic"
)

func ExampleParseFilter() {
	f, err := topic.ParseFilter("$share/workers/acme/+/telemetry/#")
	if err != nil {
		fmt.Println(err)

		return
	}
	fmt.Println(f.ShareName(), f.Bare(), f.Match("acme/d42/telemetry/temp"))

	_, err = topic.ParseFilter("a/b#")
	fmt.Println(err)
	// Output:
	// workers acme/+/telemetry/# true
	// topic filter "a/b#": # must be a whole level, at byte 3 [MQTT-4.7.1-1]
}

func ExampleTree() {
	var subscribers topic.Tree[string]
	subscribers.Set("acme/+/status", "dashboard")
	subscribers.Set("acme/#", "recorder")
	subscribers.Set("other/#", "nobody")
	subscribers.Match("acme/d42/status", func(who string) { fmt.Println(who) })
	// Unordered output:
	// dashboard
	// recorder
}

func ExampleStore_MatchFrom() {
	var retained topic.Store[string]
	for _, device := range []string{"d1", "d2", "d3"} {
		retained.Set("acme/"+device+"/status", "online")
		retained.Set("acme/"+device+"/desired", "{}")
	}
	for after, more := "", true; more; {
		// A broker takes its lock here …
		after, more = retained.MatchFrom("acme/+/status", after, 2, func(name, status string) bool {
			fmt.Println(name, status)

			return true
		})
		// … and gives it up here.
	}
	// Output:
	// acme/d1/status online
	// acme/d2/status online
	// acme/d3/status online
}

func ExampleTemplate() {
	t, err := topic.ParseTemplate("{root}/{site}/{device}/telemetry/{signal}")
	if err != nil {
		fmt.Println(err)

		return
	}
	vars, _ := t.Match("acme/lyon/d42/telemetry/temp")
	fmt.Println(vars["device"], vars["signal"])

	filter, _ := t.Filter(map[string]string{"root": "acme", "site": "lyon"})
	fmt.Println(filter)

	vars["signal"] = "humidity"
	name, _ := t.Format(vars)
	fmt.Println(name)
	// Output:
	// d42 temp
	// acme/lyon/+/telemetry/+
	// acme/lyon/d42/telemetry/humidity
}
