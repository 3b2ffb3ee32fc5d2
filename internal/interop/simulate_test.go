//go:build unix

package interop_test

import (
	"strings"
	"syscall"
	"testing"
)

func TestInteropASimulatedDeviceObeysAndIsMissed(t *testing.T) {
	t.Parallel()
	const device = "acme/lyon/dev-1"
	for _, v := range levels() {
		t.Run("level "+v.mqx, func(t *testing.T) {
			t.Parallel()
			s := startMosquitto(t)
			status := func() string {
				p := run(t, 0, tool(t, "mosquitto_sub"), s.at("-V", v.mosquitto, "-t", device+"/status", "-C", "1", "-W", "10", "-F", "%r %p")...)
				return p.stdout.String()
			}
			says := func(want string) {
				t.Helper()
				eventually(t, "status "+want, func() bool { return status() == want })
			}
			command := append([]string{"simulate", "device", device, "--signal", "temp=walk:18..26@0.2s"}, s.at("-V", v.mqx)...)
			dev := startReady(t, command...)
			says("1 online\n")
			run(t, 0, mqx(), s.desiredAt(v, "set", device, "mode=eco", "--wait", "-W", "20")...)
			answer := run(t, 0, mqx(), append([]string{"cmd", "send", device, "blink", "--wait", "-W", "20"}, s.at("-V", v.mqx)...)...)
			if text := answer.stdout.String(); !strings.Contains(text, `"status":"done"`) {
				t.Errorf("the answer is %q", text)
			}
			run(t, 0, tool(t, "mosquitto_sub"), s.at("-V", v.mosquitto, "-t", device+"/telemetry/temp", "-C", "2", "-W", "10")...)
			dev.signal(syscall.SIGINT)
			dev.mustWait(130)
			says("1 offline\n")

			dev = startReady(t, command...)
			says("1 online\n")
			dev.signal(syscall.SIGKILL)
			dev.wait()
			says("1 offline\n")
		})
	}
}
