//go:build unix

package interop_test

import (
	"encoding/json"
	"testing"
)

// TestInteropStatusReadsBothBrokers asks both brokers how they are. They say it under the same names.
func TestInteropStatusReadsBothBrokers(t *testing.T) {
	for name, s := range map[string]server{"mosquitto": startMosquitto(t, "sys_interval 1"), "mqx": startEmbedded(t, "--sys-interval", "1")} {
		run(t, 0, mqx(), s.mqx("pub", "-t", "a", "-m", "x", "-r", "-q", "1")...)
		eventually(t, name+" counts a message", func() bool {
			var status map[string]any
			p := run(t, 0, mqx(), append([]string{"broker", "status"}, s.at("--json")...)...)
			if err := json.Unmarshal([]byte(p.stdout.String()), &status); err != nil {
				t.Fatalf("%s: %v", p.stdout.String(), err)
			}
			for _, number := range []string{
				"clients/connected", "clients/total", "messages/received", "bytes/sent", "retained messages/count",
				"publish/messages/received", "heap/current",
			} {
				if _, ok := status[number].(float64); !ok {
					return false // Mosquitto says a number when it changes for the first time
				}
			}
			received, ok := status["publish/messages/received"].(float64)
			return ok && received > 0
		})
	}
}
