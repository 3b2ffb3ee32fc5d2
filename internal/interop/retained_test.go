//go:build unix

package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// retainedAt returns a command line of `mqx retained` for this Server.
func (s server) retainedAt(v level, args ...string) []string {
	return append(append([]string{"retained"}, args...), s.at("-V", v.mqx)...)
}

// capture writes n Retained Messages of QoS 1 in JSON.
func capture(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"topic":"plant/line%d/device%d","payload":{"v":%d,"ts":1795357616},"qos":1,"retain":true}`+"\n", i%10, i, i)
	}
	return writeFile(t, "capture.ndjson", b.String())
}

// lines returns the sorted lines of a text.
func lines(text string) []string {
	return slices.Sorted(strings.Lines(text))
}

func TestInteropRetainedStateIsListedCheckedSavedAndRestored(t *testing.T) {
	t.Parallel()
	for _, v := range levels() {
		t.Run("level "+v.mqx, func(t *testing.T) {
			t.Parallel()
			s := startMosquitto(t)
			run(t, 0, tool(t, "mosquitto_pub"), s.at("-V", v.mosquitto, "-r", "-q", "2", "-t", "plant/a/status", "-m", "online")...)
			run(t, 0, tool(t, "mosquitto_pub"), s.at("-V", v.mosquitto, "-r", "-q", "0", "-t", "plant/b", "-m", `{"v":1}`)...)

			ls := run(t, 0, mqx(), s.retainedAt(v, "ls")...)
			if diff := cmp.Diff([]string{"plant/a/status\t6\t2\t-\tonline\n", "plant/b\t7\t0\t-\t{\"v\":1}\n"}, lines(ls.stdout.String())); diff != "" {
				t.Errorf("mqx retained ls printed (-want +got):\n%s", diff)
			}
			if got := ls.stderr.String(); got != "mqx: complete (sentinel)\n" {
				t.Errorf("stderr is %q", got)
			}
			run(t, 0, mqx(), s.retainedAt(v, "assert", "plant/a/status", "--equals", "online")...)
			run(t, 1, mqx(), s.retainedAt(v, "assert", "plant/a/status", "--equals", "offline")...)

			file := filepath.Join(t.TempDir(), "dump")
			if err := os.WriteFile(file, []byte(run(t, 0, mqx(), s.retainedAt(v, "dump")...).stdout.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, 0, mqx(), s.retainedAt(v, "clear", "plant/#", "--yes")...)
			run(t, 1, mqx(), s.retainedAt(v, "diff", file)...)
			if got := run(t, 0, mqx(), s.retainedAt(v, "ls")...).stdout.String(); got != "" {
				t.Errorf("after clearing, mqx retained ls printed %q", got)
			}
			run(t, 0, mqx(), s.retainedAt(v, "load", file)...)
			run(t, 0, mqx(), s.retainedAt(v, "diff", file)...)
			got := run(t, 0, tool(t, "mosquitto_sub"), s.at("-V", v.mosquitto, "-q", "2", "-t", "plant/a/#", "-F", "%r %q %p", "-C", "1")...)
			if want := "1 2 online\n"; got.stdout.String() != want {
				t.Errorf("mosquitto_sub printed %q, want %q", got.stdout.String(), want)
			}
		})
	}
}

// Mosquitto's default lets 1,000 messages wait and drops the rest without a word.
func TestInteropQueueLimitsHideNothing(t *testing.T) {
	t.Parallel()
	const n = 5000
	for _, v := range levels()[:2] {
		t.Run("level "+v.mqx, func(t *testing.T) {
			t.Parallel()
			s := startMosquitto(t, "max_queued_messages 1000", "max_inflight_messages 20")
			run(t, 0, mqx(), s.retainedAt(v, "load", capture(t, n))...)
			for _, qos := range []string{"0", "1", "2"} {
				ls := run(t, 0, mqx(), s.retainedAt(v, "ls", "-q", qos)...)
				if got := len(slices.Compact(lines(ls.stdout.String()))); got != n {
					t.Errorf("at QoS %s %d of %d topics are listed\n%s", qos, got, n, ls.stderr.String())
				}
			}
			if got := len(lines(run(t, 0, mqx(), s.retainedAt(v, "clear", "#", "--yes")...).stdout.String())); got != n {
				t.Errorf("%d of %d topics are cleared", got, n)
			}
			if got := run(t, 0, mqx(), s.retainedAt(v, "ls")...).stdout.String(); got != "" {
				t.Errorf("after clearing, mqx retained ls printed %.200q", got)
			}
		})
	}
}

// With an ACL file Mosquitto grants every subscription and delivers what may be read; below MQTT 5 it acknowledges what it
// does not allow.
func TestInteropClearTellsWhatWasNotAllowed(t *testing.T) {
	t.Parallel()
	for _, v := range levels()[:2] {
		t.Run("level "+v.mqx, func(t *testing.T) {
			t.Parallel()
			users := writeFile(t, "users", "")
			run(t, 0, tool(t, "mosquitto_passwd"), "-b", users, "admin", "a")
			run(t, 0, tool(t, "mosquitto_passwd"), "-b", users, "anna", "s3cret")
			acl := writeFile(t, "acl", "user admin\ntopic readwrite #\nuser anna\ntopic read plant/#\ntopic readwrite plant/open/#\n")
			// Without a limit Mosquitto 2.0.11 hangs up on whoever publishes what is not allowed.
			s := startMosquitto(t, "password_file "+users, "acl_file "+acl, "allow_anonymous false", "max_queued_messages 1000")
			run(t, 0, mqx(), s.retainedAt(v, "load", writeFile(t, "state", `{"topic":"plant/open/a","payload":"1","qos":1}
{"topic":"plant/closed/a","payload":"2","qos":1}
{"topic":"hidden","payload":"3","qos":1}
`), "-u", "admin", "-P", "a")...)
			anna := []string{"-u", "anna", "-P", "s3cret"}

			ls := run(t, 0, mqx(), s.retainedAt(v, append([]string{"ls"}, anna...)...)...)
			if got := len(lines(ls.stdout.String())); got != 2 || !strings.Contains(ls.stderr.String(), "complete (barrier + quiet 200ms)") {
				t.Errorf("mqx retained ls printed %q and %q", ls.stdout.String(), ls.stderr.String())
			}
			p := run(t, 9, mqx(), s.retainedAt(v, append([]string{"clear", "#", "--yes"}, anna...)...)...)
			if got := p.stdout.String(); got != "plant/open/a\n" {
				t.Errorf("mqx retained clear printed %q", got)
			}
			if !strings.Contains(p.stderr.String(), `"plant/closed/a"`) {
				t.Errorf("stderr does not name what was not cleared: %q", p.stderr.String())
			}
			run(t, 4, mqx(), s.retainedAt(v, append([]string{"clear", "#", "--yes"}, anna...)...)...)
		})
	}
}

func TestInteropWatchFollowsRetainedState(t *testing.T) {
	t.Parallel()
	s := startMosquitto(t)
	v := levels()[0]
	pub := func(args ...string) {
		t.Helper()
		run(t, 0, tool(t, "mosquitto_pub"), s.at(append([]string{"-q", "1", "-t", "plant/a"}, args...)...)...)
	}
	pub("-r", "-m", "one")
	watcher := start(t, nil, mqx(), s.retainedAt(v, "watch", "plant/#", "-C", "3")...)
	eventually(t, "the changes are watched", func() bool { return strings.Contains(watcher.stderr.String(), "now the changes") })
	pub("-m", "live")
	pub("-r", "-m", "one")
	pub("-r", "-m", "two")
	pub("-r", "-n")
	var got []string
	for line := range strings.Lines(watcher.mustWait(0)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		got = append(got, strings.Join(strings.Fields(rest), " "))
	}
	if diff := cmp.Diff([]string{"retained plant/a one", "changed plant/a two", "cleared plant/a"}, got); diff != "" {
		t.Errorf("mqx retained watch printed (-want +got):\n%s", diff)
	}
}

// Mosquitto hangs up on who may not publish when it has no limit of messages in flight.
func TestInteropListingNeedsNoRightToPublish(t *testing.T) {
	users := writeFile(t, "users", "")
	run(t, 0, tool(t, "mosquitto_passwd"), "-b", users, "anna", "s3cret")
	s := startMosquitto(t, "password_file "+users, "acl_file "+writeFile(t, "acl", "user anna\ntopic readwrite a/#\n"), "allow_anonymous false")
	as := []string{"-u", "anna", "-P", "s3cret"}
	for _, v := range levels() {
		run(t, 0, mqx(), s.mqx("pub", append(as, "-V", v.mqx, "-q", "1", "-r", "-t", "a/x", "-m", "kept")...)...)
		for _, command := range [][]string{{"retained", "ls", "#"}, {"retained", "get", "a/x"}, {"sub", "-t", "#", "--retained-only"}, {"retained", "clear", "a/#", "--yes"}} {
			p := run(t, 0, mqx(), append(command, s.at(append(as, "-V", v.mqx)...)...)...)
			if out := p.stdout.String() + p.stderr.String(); !strings.Contains(out, "kept") && !strings.Contains(out, "1 message cleared") {
				t.Errorf("%s, level %s: %s", command, v.mqx, out)
			}
		}
	}
}
