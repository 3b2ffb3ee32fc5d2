//go:build unix

package interop_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const exportedContract = `version: mqx/v1
root: acme
sites: [lyon, turin]
devices: { username: "{device}", inventory: devices.csv }
kinds:
  events: off
services:
  dashboard: { read: [telemetry, status], where: { site: lyon } }
  backend: { read: [cmd/res], write: [cmd, desired] }
`

// guardedByContract starts a Mosquitto with the access list that mqx exports from a contract, and an admin who may all.
func guardedByContract(t *testing.T, contract string, flags ...string) server {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"mqx.yaml": contract, "devices.csv": "site,device\nlyon,cr-1\nturin,cr-2\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := append([]string{"contract", "export", "--acl", "mosquitto", "--contract", filepath.Join(dir, "mqx.yaml")}, flags...)
	acl := run(t, 0, mqx(), args...).stdout.String()
	users := writeFile(t, "users", "")
	for _, user := range []string{"cr-1", "cr-2", "dashboard", "backend", "admin"} {
		run(t, 0, tool(t, "mosquitto_passwd"), "-b", users, user, "pw")
	}
	return startMosquitto(t, "password_file "+users, "acl_file "+writeFile(t, "acl", acl+"\nuser admin\ntopic readwrite #\n"),
		"allow_anonymous false")
}

// topicsOfTwoDevices are the topics of two devices, and one of nobody.
func topicsOfTwoDevices() []string {
	topics := []string{"acme/lyon/other/status", "other/lyon/cr-1/status"}
	for _, base := range []string{"acme/lyon/cr-1/", "acme/turin/cr-2/", "acme/turin/cr-1/"} {
		for _, kind := range []string{"telemetry/temp", "status", "cmd", "cmd/res", "desired", "reported", "events/x", "cmd/other"} {
			topics = append(topics, base+kind)
		}
	}
	return topics
}

// mayWrite publishes to every topic as user and returns those whose message the admin got. Each has a connection of its own:
// Mosquitto 2.0.11 closes one on which it refused a message, which the client may see before it sees the refusal.
func mayWrite(t *testing.T, s server, user string) []string {
	t.Helper()
	const last = "last"
	admin := startReady(t, s.mqx("sub", "#", "-q", "1", "-F", "%t", "-u", "admin", "-P", "pw")...)
	var confirmed []string
	for _, topic := range topicsOfTwoDevices() {
		p := start(t, nil, mqx(), s.mqx("pub", "-q", "1", "-t", topic, "-m", "x", "-u", user, "-P", "pw")...)
		if p.wait() == 0 {
			confirmed = append(confirmed, topic)
		}
	}
	run(t, 0, mqx(), s.mqx("pub", "-q", "1", "-t", last, "-m", "x", "-u", "admin", "-P", "pw")...)
	eventually(t, "the last message", func() bool { return strings.Contains(admin.stdout.String(), last+"\n") })
	taken := strings.Fields(strings.TrimSuffix(admin.stdout.String(), last+"\n"))
	if diff := cmp.Diff(taken, confirmed, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: (-taken by Mosquitto +confirmed to the publisher)\n%s", user, diff)
	}
	return taken
}

// mayRead subscribes to everything as user and returns what arrives of a message to each topic.
func mayRead(t *testing.T, s server, user, last string) []string {
	t.Helper()
	sub := startReady(t, s.mqx("sub", "#", "-q", "1", "-F", "%t %p", "-u", user, "-P", "pw")...)
	var lines strings.Builder
	for _, topic := range append(topicsOfTwoDevices(), last) {
		lines.WriteString(`{"topic":"` + topic + `","payload":"` + user + `","qos":1}` + "\n")
	}
	admin := start(t, strings.NewReader(lines.String()), mqx(), s.mqx("pub", "--json", "-u", "admin", "-P", "pw")...)
	admin.mustWait(0)
	eventually(t, "the last message", func() bool { return strings.Count(sub.stdout.String(), last+" "+user+"\n") == 2 })
	var got []string
	for line := range strings.Lines(sub.stdout.String()) {
		topic, _, _ := strings.Cut(line, " ")
		got = append(got, topic)
	}
	return got[:len(got)-1] // the last one is there twice
}

func TestInteropExportedAccessListAllowsWhatTheContractSays(t *testing.T) {
	s := guardedByContract(t, exportedContract)
	for _, tt := range []struct {
		user        string
		write, read []string
	}{
		{
			"cr-1",
			[]string{"acme/lyon/cr-1/telemetry/temp", "acme/lyon/cr-1/status", "acme/lyon/cr-1/cmd/res", "acme/lyon/cr-1/reported"},
			[]string{"acme/lyon/cr-1/cmd", "acme/lyon/cr-1/desired"},
		},
		{
			"cr-2",
			[]string{
				"acme/turin/cr-2/telemetry/temp", "acme/turin/cr-2/status", "acme/turin/cr-2/cmd/res", "acme/turin/cr-2/reported",
			},
			[]string{"acme/turin/cr-2/cmd", "acme/turin/cr-2/desired"},
		},
		{
			"dashboard", nil,
			[]string{"acme/lyon/other/status", "acme/lyon/cr-1/telemetry/temp", "acme/lyon/cr-1/status"},
		},
		{
			"backend",
			[]string{
				"acme/lyon/cr-1/cmd", "acme/lyon/cr-1/desired", "acme/turin/cr-2/cmd", "acme/turin/cr-2/desired", "acme/turin/cr-1/cmd",
				"acme/turin/cr-1/desired",
			},
			[]string{"acme/lyon/cr-1/cmd/res", "acme/turin/cr-2/cmd/res", "acme/turin/cr-1/cmd/res"},
		},
	} {
		t.Run(tt.user, func(t *testing.T) {
			if diff := cmp.Diff(tt.write, mayWrite(t, s, tt.user), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("may write (-contract +mosquitto)\n%s", diff)
			}
			if diff := cmp.Diff(tt.read, mayRead(t, s, tt.user, slices.Max(tt.read))); diff != "" {
				t.Errorf("may read (-contract +mosquitto)\n%s", diff)
			}
		})
	}
}

func TestInteropExportedPatternsAllowEachDeviceItsOwnName(t *testing.T) {
	s := guardedByContract(t, exportedContract, "--patterns")
	want := []string{
		"acme/lyon/cr-1/telemetry/temp", "acme/lyon/cr-1/status", "acme/lyon/cr-1/cmd/res", "acme/lyon/cr-1/reported",
		"acme/turin/cr-1/telemetry/temp", "acme/turin/cr-1/status", "acme/turin/cr-1/cmd/res", "acme/turin/cr-1/reported",
	}
	if diff := cmp.Diff(want, mayWrite(t, s, "cr-1")); diff != "" {
		t.Errorf("may write (-contract +mosquitto)\n%s", diff)
	}
	wantRead := []string{"acme/lyon/cr-1/cmd", "acme/lyon/cr-1/desired", "acme/turin/cr-1/cmd", "acme/turin/cr-1/desired"}
	if diff := cmp.Diff(wantRead, mayRead(t, s, "cr-1", "acme/turin/cr-1/desired")); diff != "" {
		t.Errorf("may read (-contract +mosquitto)\n%s", diff)
	}
}
