//go:build unix

package interop_test

import (
	"strings"
	"testing"
)

// startGuarded starts a Mosquitto that knows one user, who may read everything and publish to open/#.
func startGuarded(t *testing.T) server {
	t.Helper()
	users := writeFile(t, "users", "")
	run(t, 0, tool(t, "mosquitto_passwd"), "-b", users, "anna", "s3cret")
	acl := writeFile(t, "acl", "user anna\ntopic read #\ntopic readwrite open/#\n")
	return startMosquitto(t, "password_file "+users, "acl_file "+acl, "allow_anonymous false")
}

func TestInteropRightPasswordIsAccepted(t *testing.T) {
	s := startGuarded(t)
	for _, v := range levels() {
		run(t, 0, mqx(), s.mqx("pub", "-V", v.mqx, "-u", "anna", "-P", "s3cret", "-q", "1", "-t", "open/a", "-m", "x")...)
	}
}

func TestInteropWrongPasswordIsRefused(t *testing.T) {
	s := startGuarded(t)
	for _, v := range levels() {
		for name, credentials := range map[string][]string{
			"wrong password": {"-u", "anna", "-P", "wrong"}, "wrong user": {"-u", "bert", "-P", "s3cret"}, "anonymous": nil,
		} {
			t.Run("level "+v.mqx+", "+name, func(t *testing.T) {
				pub := append([]string{"-V", v.mqx, "-q", "1", "-t", "open/a", "-m", "x"}, credentials...)
				p := run(t, 4, mqx(), s.mqx("pub", pub...)...)
				expectOneErrorLine(t, p)
				if strings.Contains(p.stderr.String(), "s3cret") {
					t.Errorf("stderr shows the password: %q", p.stderr.String())
				}
				run(t, 4, mqx(), s.mqx("sub", append([]string{"-V", v.mqx, "-t", "open/a", "-C", "1"}, credentials...)...)...)
			})
		}
	}
}

func TestInteropDeniedPublishIsRefusedAtQoS1And2(t *testing.T) {
	s := startGuarded(t)
	for _, qos := range []string{"1", "2"} {
		t.Run("QoS "+qos, func(t *testing.T) {
			p := run(t, 4, mqx(), s.mqx("pub", "-u", "anna", "-P", "s3cret", "-q", qos, "-t", "closed/a", "-m", "x")...)
			expectOneErrorLine(t, p)
			if !strings.Contains(p.stderr.String(), "closed/a") {
				t.Errorf("stderr does not name the topic: %q", p.stderr.String())
			}
		})
	}
}

func TestInteropRefusedConnectionIsReported(t *testing.T) {
	for _, v := range append(levels(), level{mqx: "auto"}) {
		s := server{port: freePort(t)}
		p := run(t, 3, mqx(), s.mqx("pub", "-V", v.mqx, "-t", "a", "-m", "x")...)
		expectOneErrorLine(t, p)
		if !strings.Contains(p.stderr.String(), s.port) {
			t.Errorf("stderr does not say where: %q", p.stderr.String())
		}
	}
}

// expectOneErrorLine expects that the command said one thing, to people, and printed no data.
func expectOneErrorLine(t *testing.T, p *process) {
	t.Helper()
	message := p.stderr.String()
	if !strings.HasPrefix(message, "mqx: ") || strings.Count(message, "\n") != 1 {
		t.Errorf("stderr is not one line of mqx: %q", message)
	}
	if p.stdout.String() != "" {
		t.Errorf("stdout is not empty: %q", p.stdout.String())
	}
}
