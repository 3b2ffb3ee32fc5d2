//go:build unix

package interop_test

import "testing"

func TestInteropMosquittoRRIsAnsweredByMqxReply(t *testing.T) {
	t.Parallel()
	s := startMosquitto(t)
	reply := startReady(t, s.mqx("reply", "svc/#", "--exec", "tr a-z A-Z", "-C", "1")...)
	got := run(t, 0, tool(t, "mosquitto_rr"), s.at("-V", "mqttv5", "-t", "svc/up", "-e", "rr/answer", "-m", "hello", "-W", "30")...)
	if got.stdout.String() != "HELLO\n" {
		t.Errorf("mosquitto_rr printed %q", got.stdout.String())
	}
	if out := reply.mustWait(0); out != "hello\n" {
		t.Errorf("mqx reply printed %q", out)
	}
}

func TestInteropMqxRequestIsAnsweredByMqxReplyThroughMosquitto(t *testing.T) {
	t.Parallel()
	for _, v := range levels() {
		t.Run("level "+v.mqx, func(t *testing.T) {
			t.Parallel()
			s := startMosquitto(t)
			var at []string
			if v.mqx != "5" {
				at = []string{"--response-topic", "svc/response"}
				run(t, 0, tool(t, "mosquitto_pub"), s.at("-V", v.mosquitto, "-r", "-q", "1", "-t", "svc/response", "-m", "stale")...)
			}
			reply := startReady(t, s.mqx("reply", append([]string{"svc/up", "-V", v.mqx, "--echo", "-C", "1"}, at...)...)...)
			got := run(t, 0, mqx(), s.mqx("request", append([]string{"svc/up", "-V", v.mqx, "-m", "hello"}, at...)...)...)
			if got.stdout.String() != "hello\n" {
				t.Errorf("mqx request printed %q", got.stdout.String())
			}
			reply.mustWait(0)
		})
	}
}

func TestInteropMqxRequestTellsThatNobodyIsSubscribedAtMosquitto(t *testing.T) {
	t.Parallel()
	s := startMosquitto(t)
	run(t, 5, mqx(), s.mqx("request", "svc/nobody", "-m", "x", "-W", "5")...)
}
