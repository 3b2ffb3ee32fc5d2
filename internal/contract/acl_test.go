package contract_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
)

func acl(t *testing.T, c *contract.Contract, o contract.ACLOptions) (text string, notes []string) {
	t.Helper()
	var b strings.Builder
	found, err := c.WriteACL(&b, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range found {
		notes = append(notes, n.Msg)
	}
	_, text, _ = strings.Cut(b.String(), "told.\n\n")
	return text, notes
}

func TestEachDeviceHasItsOwnSection(t *testing.T) {
	t.Parallel()
	text, notes := acl(t, plant(t), contract.ACLOptions{Env: "prod"})
	const want = `# acme/lyon/cr-001, acme/turin/cr-001
user cr-001
topic write acme/lyon/cr-001/telemetry/+
topic write acme/lyon/cr-001/status
topic read acme/lyon/cr-001/cmd
topic write acme/lyon/cr-001/cmd/res
topic read acme/lyon/cr-001/desired
topic write acme/lyon/cr-001/reported
topic read acme/lyon/cr-001/firmware/#
topic write acme/turin/cr-001/telemetry/+
topic write acme/turin/cr-001/status
topic read acme/turin/cr-001/cmd
topic write acme/turin/cr-001/cmd/res
topic read acme/turin/cr-001/desired
topic write acme/turin/cr-001/reported
topic read acme/turin/cr-001/firmware/#

# acme/lyon/cr-002
user second
topic write acme/lyon/cr-002/telemetry/+
topic write acme/lyon/cr-002/status
topic read acme/lyon/cr-002/cmd
topic write acme/lyon/cr-002/cmd/res
topic read acme/lyon/cr-002/desired
topic write acme/lyon/cr-002/reported
topic read acme/lyon/cr-002/firmware/#

# service dashboard
user dashboard
topic read acme/+/+/telemetry/+
topic read acme/+/+/status
topic read acme/+/+/reported

# service backend
user svc-backend
topic write acme/lyon/+/cmd
topic read acme/lyon/+/cmd/res
topic write acme/lyon/+/desired
topic write acme/lyon/+/firmware/#
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	wantNotes := []string{"user cr-001 is 2 devices, and each may act for the others: acme/lyon/cr-001, acme/turin/cr-001"}
	if diff := cmp.Diff(wantNotes, notes); diff != "" {
		t.Errorf("notes (-want +got)\n%s", diff)
	}
}

func TestPatternsWhereThereIsNoInventory(t *testing.T) {
	t.Parallel()
	const rest = "kinds: { desired: off, reported: off, events: off, cmd/res: off }\n"
	for _, tt := range []struct{ name, contract, want, notes string }{
		{"user names", "root: acme\ndevices: { username: \"{device}\" }\n", `# every device, by its user name
pattern write acme/+/%u/telemetry/+
pattern write acme/+/%u/status
pattern read acme/+/%u/cmd
`, "patterns leave {site} open: a device may act under any site"},
		{"client identifiers", "root: acme\nsites: lyon\ndevices: { client_id: \"{device}\" }\n", `# every device, by its client identifier
pattern write acme/lyon/%c/telemetry/+
pattern write acme/lyon/%c/status
pattern read acme/lyon/%c/cmd
`, "a client chooses its identifier itself: without `use_username_as_clientid true` any client may call itself any device"},
	} {
		text, notes := acl(t, parse(t, "version: mqx/v1\n"+tt.contract+rest), contract.ACLOptions{})
		if diff := cmp.Diff(tt.want, text); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.notes, strings.Join(notes, "\n")); diff != "" {
			t.Errorf("%s: notes (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestAnAccessListSaysWhereItAllowsTooMuch(t *testing.T) {
	t.Parallel()
	_, notes := acl(t, parse(t, `version: mqx/v1
root: acme
sites: lyon
devices: { username: "{device}" }
kinds: { calibration: { topic: "{root}/{site}/{device}/telemetry/calibration", from: service } }
`), contract.ACLOptions{})
	want := []string{"devices may write +/+/+/telemetry/calibration as well, because +/+/+/telemetry/+ covers it"}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAnAccessListThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	const head = "version: mqx/v1\nroots: {prod: acme, test: lab}\nsites: lyon\n"
	for _, tt := range []struct{ name, contract, env, want string }{
		{"no login", head, "", "the contract does not say how devices log in"},
		{
			"no whole level", head + "devices: {username: \"{site}-{device}\"}\n", "",
			"the contract does not say how devices log in so that a pattern fits: {device} must be the whole user name, or there must be an inventory",
		},
		{"no such environment", head, "tests", `environment "tests": not in the contract (did you mean "test"?)`},
		{
			"a user that is more than a user", head + "devices: {inventory: [{device: a, username: \"a\\ntopic readwrite #\"}]}\n", "",
			`"user a\ntopic readwrite #" cannot be written into an access list: it has a control character`,
		},
	} {
		_, err := parse(t, tt.contract).WriteACL(&strings.Builder{}, contract.ACLOptions{Env: tt.env})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := contract.Default().WriteACL(&strings.Builder{}, contract.ACLOptions{}); !errors.Is(err, contract.ErrNoLogin) {
		t.Errorf("the guide: got %v", err)
	}
}

func TestAnAccessListSaysWhichTopicsDevicesDoNotGet(t *testing.T) {
	t.Parallel()
	text, notes := acl(t, parse(t, `version: mqx/v1
convention: none
root: acme
sites: lyon
devices: { username: "{device}" }
kinds:
  status: { from: device }
  notice: { topic: "{root}/{site}/notice", from: service }
services: { office: { write: [notice] } }
`), contract.ACLOptions{})
	const want = `# every device, by its user name
pattern write acme/lyon/%u/status

# service office
user office
topic write acme/+/notice
`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	wantNotes := []string{"devices get no right to {root}/{site}/notice: the contract does not say which of them it is for"}
	if diff := cmp.Diff(wantNotes, notes); diff != "" {
		t.Errorf("notes (-want +got)\n%s", diff)
	}
}
