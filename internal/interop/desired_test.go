//go:build unix

package interop_test

import (
	"strings"
	"testing"
)

const press = "plant/line1/press"

// desiredAt returns a command line of `mqx desired` for this Server.
func (s server) desiredAt(v level, args ...string) []string {
	return append(append([]string{"desired"}, args...), s.at("-V", v.mqx)...)
}

func TestInteropWhatIsDesiredIsStoredAndAnswered(t *testing.T) {
	t.Parallel()
	for _, v := range levels() {
		t.Run("level "+v.mqx, func(t *testing.T) {
			t.Parallel()
			s := startMosquitto(t)
			run(t, 0, mqx(), s.desiredAt(v, "set", press, "speed=2.50", "mode=eco", "--id", "X")...)
			got := run(t, 0, tool(t, "mosquitto_sub"), s.at("-V", v.mosquitto, "-t", press+"/desired", "-C", "1", "-F", "%r %p")...)
			if text := got.stdout.String(); !strings.HasPrefix(text, "1 ") || !strings.HasSuffix(text, `"state":{"mode":"eco","speed":2.50}}`+"\n") {
				t.Errorf("mosquitto_sub printed %q", text)
			}
			run(t, 6, mqx(), s.desiredAt(v, "wait", press, "-W", "5")...)
			run(t, 0, tool(t, "mosquitto_pub"), s.at("-V", v.mosquitto, "-r", "-q", "1", "-t", press+"/reported", "-m", `{"desired_id":"X","state":{"speed":2.5,"mode":"eco"}}`)...)
			run(t, 0, mqx(), s.desiredAt(v, "wait", press)...)
			run(t, 0, mqx(), s.desiredAt(v, "diff", "plant/+/+")...)
			run(t, 0, mqx(), s.desiredAt(v, "clear", press, "--purge")...)
			run(t, 1, mqx(), s.desiredAt(v, "get", press)...)
		})
	}
}

// Below MQTT 5 Mosquitto acknowledges what its access list forbids, and drops it.
func TestInteropASilentDropIsStatus4(t *testing.T) {
	t.Parallel()
	users := writeFile(t, "users", "")
	run(t, 0, tool(t, "mosquitto_passwd"), "-b", users, "admin", "a")
	run(t, 0, tool(t, "mosquitto_passwd"), "-b", users, "anna", "s3cret")
	acl := writeFile(t, "acl", "user admin\ntopic readwrite #\nuser anna\ntopic read plant/#\n")
	s := startMosquitto(t, "password_file "+users, "acl_file "+acl, "allow_anonymous false", "max_queued_messages 1000")
	anna := []string{"-u", "anna", "-P", "s3cret"}
	for v, says := range map[level]string{levels()[0]: "Not authorized", levels()[1]: "did not keep it"} {
		for _, begin := range []string{"nothing", "something"} {
			if begin == "something" {
				run(t, 0, mqx(), s.desiredAt(v, "set", press, "speed=1", "-u", "admin", "-P", "a", "--force")...)
			}
			p := run(t, 4, mqx(), s.desiredAt(v, append([]string{"set", press, "speed=9"}, anna...)...)...)
			if !strings.Contains(p.stderr.String(), says) {
				t.Errorf("level %s, %s desired: stderr is %q", v.mqx, begin, p.stderr.String())
			}
		}
		run(t, 0, mqx(), s.desiredAt(v, "clear", press, "--purge", "-u", "admin", "-P", "a")...)
	}
}

func TestInteropAServerThatRetainsNothingIsToldApart(t *testing.T) {
	t.Parallel()
	s := startMosquitto(t, "retain_available false")
	p := run(t, 2, mqx(), s.desiredAt(levels()[0], "set", press, "speed=9")...)
	if !strings.Contains(p.stderr.String(), "Retain Available 0") {
		t.Errorf("stderr is %q", p.stderr.String())
	}
}
