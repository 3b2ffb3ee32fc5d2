package contract_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
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

// rights are what an access list allows a user: filters by access.
func rights(list, user string) map[string][]topic.Filter {
	found := map[string][]topic.Filter{}
	current := ""
	for line := range strings.Lines(list) {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "user":
			current = words[1]
		case len(words) == 3 && words[0] == "topic" && current == user:
			f, err := topic.ParseFilter(words[2])
			if err != nil {
				panic(err)
			}
			for _, access := range []string{"read", "write"} {
				if strings.Contains(words[1], access) {
					found[access] = append(found[access], f)
				}
			}
		}
	}
	return found
}

func TestAnAccessListIsTheContractAndNothingElse(t *testing.T) {
	t.Parallel()
	c := plant(t)
	list, _ := acl(t, c, contract.ACLOptions{})
	var topics []string
	for _, base := range []string{
		"acme/lyon/cr-001", "acme/lyon/cr-002", "acme/turin/cr-001", "acme/turin/cr-002", "acme/test/lyon/cr-900", "acme/lyon/cr-900", "x/lyon/cr-001",
	} {
		for _, kind := range []string{
			"telemetry/temp", "telemetry/door", "status", "cmd", "cmd/res", "desired", "reported", "firmware/a/b", "events/x", "x", "status/x",
		} {
			topics = append(topics, base+"/"+kind)
		}
	}
	allowed := 0
	for _, user := range []string{"cr-001", "second", "cr-900", "cr-002", "nobody"} {
		has := rights(list, user)
		for _, name := range topics {
			m, ok := c.Classify(name)
			own := ok && slices.ContainsFunc(c.Devices.Inventory, func(d contract.Device) bool {
				return d.Username == user && d.Base == m.Base()
			})
			for access, from := range map[string]contract.Party{"write": contract.FromDevice, "read": contract.FromService} {
				may := slices.ContainsFunc(has[access], func(f topic.Filter) bool { return f.Match(name) })
				if want := own && m.Kind.From == from; may != want {
					t.Errorf("%s may %s %s: %v, want %v", user, access, name, may, want)
				} else if may {
					allowed++
				}
			}
		}
	}
	if allowed != 4*8 { // four devices with a topic of each kind
		t.Errorf("%d rights were found", allowed)
	}
}

func TestAUserThatIsADeviceAndAServiceIsTold(t *testing.T) {
	t.Parallel()
	_, notes := acl(t, parse(t, `version: mqx/v1
root: acme
devices: { username: "{device}", inventory: [{ site: lyon, device: backend }] }
services: { backend: { write: [cmd] } }
`), contract.ACLOptions{})
	want := []string{"user backend is a device and the service backend: it may do what both may"}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
