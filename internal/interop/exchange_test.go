//go:build unix

package interop_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// payloads are what a line-wise tool might get wrong; mosquitto_sub prints each on a line of its own.
func payloads() []string {
	return []string{"21.5", "", " two  words ", "grüße ✓", `{"b":1.50,"a":[1,2]}`, "-n"}
}

func TestInteropMosquittoSubReceivesWhatMqxPublishes(t *testing.T) {
	forEachQoS(t, func(t *testing.T, v level, qos string) {
		t.Helper()
		t.Parallel()
		s := startMosquitto(t)
		args := s.at("-V", v.mosquitto, "-i", "watcher", "-q", "2", "-t", "plant/#", "-F", "%t %q %r [%p]", "-C", "6")
		watcher := start(t, nil, tool(t, "mosquitto_sub"), args...)
		s.awaitLog(t, "watcher 2 plant/#")
		var want strings.Builder
		for _, p := range payloads() {
			run(t, 0, mqx(), s.mqx("pub", "-V", v.mqx, "-q", qos, "-t", "plant/temp", "-m", p)...)
			want.WriteString("plant/temp " + qos + " 0 [" + p + "]\n")
		}
		if diff := cmp.Diff(want.String(), watcher.mustWait(0)); diff != "" {
			t.Errorf("mosquitto_sub printed (-want +got):\n%s", diff)
		}
	})
}

func TestInteropMqxSubReceivesWhatMosquittoPublishes(t *testing.T) {
	forEachQoS(t, func(t *testing.T, v level, qos string) {
		t.Helper()
		t.Parallel()
		s := startMosquitto(t)
		watcher := startReady(t, s.mqx("sub", "-V", v.mqx, "-q", "2", "-t", "plant/#", "-F", "%t %q %r [%p]", "-C", "6")...)
		var want strings.Builder
		for _, p := range payloads() {
			run(t, 0, tool(t, "mosquitto_pub"), s.at("-V", v.mosquitto, "-q", qos, "-t", "plant/temp", "-m", p)...)
			want.WriteString("plant/temp " + qos + " 0 [" + p + "]\n")
		}
		if diff := cmp.Diff(want.String(), watcher.mustWait(0)); diff != "" {
			t.Errorf("mqx sub printed (-want +got):\n%s", diff)
		}
	})
}

func TestInteropRetainedMessagesAreKeptReadAndCleared(t *testing.T) {
	t.Parallel()
	for _, v := range levels() {
		t.Run("level "+v.mqx, func(t *testing.T) {
			t.Parallel()
			s := startMosquitto(t)
			run(t, 0, mqx(), s.mqx("pub", "-V", v.mqx, "-r", "-q", "1", "-t", "plant/a/status", "-m", "online")...)
			run(t, 0, tool(t, "mosquitto_pub"), s.at("-V", v.mosquitto, "-r", "-q", "1", "-t", "plant/b/status", "-m", "offline")...)
			got := run(t, 0, tool(t, "mosquitto_sub"), s.at("-V", v.mosquitto, "-t", "plant/a/#", "-F", "%r %p", "-C", "1")...)
			if want := "1 online\n"; got.stdout.String() != want {
				t.Errorf("mosquitto_sub printed %q, want %q", got.stdout.String(), want)
			}
			retained := s.mqx("sub", "-V", v.mqx, "-t", "plant/+/status", "-v", "--retained-only")
			lines := strings.Split(strings.TrimSpace(run(t, 0, mqx(), retained...).stdout.String()), "\n")
			if len(lines) != 2 || !strings.Contains(lines[0]+lines[1], "plant/a/status online") ||
				!strings.Contains(lines[0]+lines[1], "plant/b/status offline") {
				t.Errorf("mqx sub --retained-only printed %q", lines)
			}
			run(t, 0, mqx(), s.mqx("pub", "-V", v.mqx, "-r", "-n", "-q", "1", "-t", "plant/a/status")...)
			run(t, 0, tool(t, "mosquitto_pub"), s.at("-V", v.mosquitto, "-r", "-n", "-q", "1", "-t", "plant/b/status")...)
			if out := start(t, nil, mqx(), retained...); out.wait() != 0 || out.stdout.String() != "" {
				t.Errorf("after clearing, mqx sub --retained-only printed %q", out.stdout.String())
			}
		})
	}
}

func TestInteropPropertiesTravelBothWays(t *testing.T) {
	s := startMosquitto(t)
	watcher := start(t, nil, tool(t, "mosquitto_sub"), s.at("-V", "mqttv5", "-i", "watcher", "-t", "job/#", "-C", "1",
		"-F", "%C %R %D %P")...)
	s.awaitLog(t, "watcher 0 job/#")
	run(t, 0, mqx(), s.mqx("pub", "-t", "job/1", "-m", "go",
		"-D", "publish", "content-type", "text/plain",
		"-D", "publish", "response-topic", "job/1/answer",
		"-D", "publish", "correlation-data", "c-17",
		"-D", "publish", "message-expiry-interval", "3600",
		"-D", "publish", "user-property", "line", "north")...)
	if got, want := watcher.mustWait(0), "text/plain job/1/answer c-17 line:north\n"; got != want {
		t.Errorf("mosquitto_sub printed %q, want %q", got, want)
	}

	watcher = startReady(t, s.mqx("sub", "-t", "job/#", "-C", "1", "--json")...)
	run(t, 0, tool(t, "mosquitto_pub"), s.at("-t", "job/2", "-m", "go",
		"-D", "publish", "content-type", "text/plain",
		"-D", "publish", "response-topic", "job/2/answer",
		"-D", "publish", "correlation-data", "c-18",
		"-D", "publish", "message-expiry-interval", "3600",
		"-D", "publish", "user-property", "line", "north",
		"-D", "publish", "user-property", "line", "south")...)
	var got struct {
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal([]byte(watcher.mustWait(0)), &got); err != nil {
		t.Fatal(err)
	}
	// The Server takes the time that the message waited off its expiry (MQTT 5.0, 3.3.2.3.3).
	if expiry, _ := got.Properties["message_expiry_interval"].(float64); expiry < 3500 || expiry > 3600 {
		t.Errorf("message_expiry_interval is %v, want about 3600", got.Properties["message_expiry_interval"])
	}
	delete(got.Properties, "message_expiry_interval")
	want := map[string]any{
		"content_type": "text/plain", "response_topic": "job/2/answer", "correlation_data": "Yy0xOA==",
		"user_properties": []any{[]any{"line", "north"}, []any{"line", "south"}},
	}
	if diff := cmp.Diff(want, got.Properties); diff != "" {
		t.Errorf("properties in mqx sub --json (-want +got):\n%s", diff)
	}
}

func TestInteropTenMegabytesArriveByteForByte(t *testing.T) {
	payload := make([]byte, 10_000_000)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(payload) // never fails
	file := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(file, payload, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, v := range levels()[:2] {
		t.Run("level "+v.mqx, func(t *testing.T) {
			s := startMosquitto(t)
			watcher := start(t, nil, tool(t, "mosquitto_sub"), s.at("-V", v.mosquitto, "-i", "watcher", "-t", "big", "-N", "-C", "1")...)
			ours := startReady(t, s.mqx("sub", "-V", v.mqx, "-t", "big", "-N", "-C", "1")...)
			s.awaitLog(t, "watcher 0 big")
			run(t, 0, mqx(), s.mqx("pub", "-V", v.mqx, "-q", "1", "-t", "big", "-f", file)...)
			if !bytes.Equal([]byte(watcher.mustWait(0)), payload) {
				t.Error("mosquitto_sub received other bytes than mqx pub sent")
			}
			if !bytes.Equal([]byte(ours.mustWait(0)), payload) {
				t.Error("mqx sub received other bytes than mqx pub sent")
			}
		})
	}
}
