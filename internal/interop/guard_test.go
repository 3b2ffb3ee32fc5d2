//go:build unix

package interop_test

import (
	"strings"
	"testing"
)

// TestInteropBothBrokersReadTheSameFiles gives one password file, written half by each program, and one access list to
// both brokers: they decide alike.
func TestInteropBothBrokersReadTheSameFiles(t *testing.T) {
	users := writeFile(t, "users", "")
	run(t, 0, tool(t, "mosquitto_passwd"), "-b", users, "anna", "s3cret")
	p := start(t, strings.NewReader("s3cret too\n"), mqx(), "broker", "passwd", users, "bert", "--scram")
	p.mustWait(0)
	list := writeFile(t, "acl", strings.Join([]string{
		"topic read public/#", "user anna", "topic readwrite a/#", "topic deny a/secret", "topic write out", "topic readwrite with space/x",
		"user bert", "topic public/+", "pattern write own/%u/#", "pattern read own/%u/in",
	}, "\n")+"\n")
	brokers := map[string]server{
		"mosquitto": startMosquitto(t, "password_file "+users, "acl_file "+list, "allow_anonymous false"),
		"mqx":       startEmbedded(t, "--users", users, "--acl", list),
	}
	as := map[string][]string{"anna": {"-u", "anna", "-P", "s3cret"}, "bert": {"-u", "bert", "-P", "s3cret too"}}
	for _, test := range []struct {
		user, topic string
		write, read bool
	}{
		{"anna", "a/x", true, true},
		{"anna", "a/secret", false, false},
		{"anna", "a", true, true},
		{"anna", "out", true, false},
		{"anna", "with space/x", true, true},
		{"anna", "public/x", false, false},
		{"anna", "own/anna/x", true, false},
		{"anna", "own/bert/x", false, false},
		{"bert", "public/x", true, true},
		{"bert", "public/x/y", false, false},
		{"bert", "own/bert/in", true, true},
		{"bert", "own/bert/out", true, false},
		{"bert", "a/x", false, false},
	} {
		for name, s := range brokers {
			status := 4
			if test.write {
				status = 0
			}
			run(t, status, mqx(), s.mqx("pub", append([]string{"-q", "1", "-t", test.topic, "-m", "x"}, as[test.user]...)...)...)
			// Mosquitto grants any subscription and says nothing, so what counts is whether a message comes. It comes back to
			// who wrote it, so only what one may write can be tried.
			if !test.write {
				continue
			}
			run(t, 0, mqx(), s.mqx("pub", append([]string{"-r", "-q", "1", "-t", test.topic, "-m", "kept"}, as[test.user]...)...)...)
			got := run(t, 0, mqx(), append([]string{"retained", "ls"}, s.at(append([]string{"#", "--no-publish"}, as[test.user]...)...)...)...).stdout.String()
			if read := strings.Contains(got, "kept"); read != test.read {
				t.Errorf("%s: %s reads %s: %v", name, test.user, test.topic, read)
			}
			run(t, 0, mqx(), s.mqx("pub", append([]string{"-r", "-q", "1", "-t", test.topic, "-n"}, as[test.user]...)...)...)
		}
	}
	for name, s := range brokers {
		for _, credentials := range [][]string{nil, {"-u", "anna", "-P", "wrong"}, {"-u", "bert", "-P", "s3cret"}, {"-u", "carl", "-P", ""}} {
			t.Log(name, credentials)
			run(t, 4, mqx(), s.mqx("pub", append([]string{"-q", "1", "-t", "a/x", "-m", "x"}, credentials...)...)...)
		}
	}
}
