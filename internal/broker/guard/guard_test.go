package guard_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/guard"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/users"
	"github.com/mqx-cli/mqx/internal/wire"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func passwords(t *testing.T, pairs ...string) string {
	t.Helper()
	var f users.File
	for i := 0; i < len(pairs); i += 2 {
		if err := f.Set(pairs[i], pairs[i+1], false); err != nil {
			t.Fatal(err)
		}
	}
	return string(f.Bytes())
}

// login tries to connect; an empty user is none.
func login(g *guard.Guard, user, password, id string) (broker.Rights, wire.ReasonCode) {
	p := &wire.Connect{ClientID: id, HasUsername: user != "", Username: user, Password: []byte(password)}
	return g.Authenticate(broker.ClientInfo{ID: id, Username: user}, p)
}

func TestPasswordsDecideWhoComesIn(t *testing.T) {
	file := write(t, "users", passwords(t, "alice", "secret", "bob", "hidden"))
	for _, anonymous := range []bool{false, true} {
		g, err := guard.New(t.Context(), guard.Options{Users: file, Anonymous: anonymous})
		if err != nil {
			t.Fatal(err)
		}
		nobody := wire.NotAuthorized
		if anonymous {
			nobody = wire.Success
		}
		for _, test := range []struct {
			user, password string
			want           wire.ReasonCode
		}{
			{"alice", "secret", wire.Success},
			{"alice", "secret", wire.Success}, // from memory
			{"alice", "hidden", wire.BadUserNameOrPassword},
			{"bob", "hidden", wire.Success},
			{"carol", "secret", wire.BadUserNameOrPassword},
			{"", "", nobody},
		} {
			if _, code := login(g, test.user, test.password, "c"); code != test.want {
				t.Errorf("anonymous %v, user %q, password %q: 0x%02X", anonymous, test.user, test.password, byte(code))
			}
		}
	}
}

func TestCertificateNamesTheUser(t *testing.T) {
	g, err := guard.New(t.Context(), guard.Options{Users: write(t, "users", ""), List: write(t, "acl", "user dev-1\ntopic write d/1\n")})
	if err != nil {
		t.Fatal(err)
	}
	r, code := g.Authenticate(broker.ClientInfo{ID: "c", CommonName: "dev-1"}, &wire.Connect{ClientID: "c"})
	if code != wire.Success || !r.MayPublish("d/1") || r.MayPublish("d/2") {
		t.Errorf("code 0x%02X", byte(code))
	}
}

func TestWhoHasProvedANameNeedsNoPassword(t *testing.T) {
	g, err := guard.New(t.Context(), guard.Options{Users: write(t, "users", ""), List: write(t, "acl", "user alice\ntopic a\n")})
	if err != nil {
		t.Fatal(err)
	}
	r, code := g.Authenticate(broker.ClientInfo{ID: "c", Username: "alice", Method: "SCRAM-SHA-256"}, &wire.Connect{ClientID: "c"})
	if code != wire.Success || !r.MayPublish("a") || r.MayPublish("b") {
		t.Errorf("code 0x%02X", byte(code))
	}
}

func TestAccessListDecidesWhatIsAllowed(t *testing.T) {
	g, err := guard.New(t.Context(), guard.Options{List: write(t, "acl", strings.Join([]string{
		"topic read public/#", "user alice", "topic a/#", "topic deny a/secret", "topic read in", "topic write out",
		"pattern readwrite own/%u/%c/#",
	}, "\n"))})
	if err != nil {
		t.Fatal(err)
	}
	alice, _ := login(g, "alice", "", "c1")
	nobody, _ := login(g, "", "", "c2")
	for _, test := range []struct {
		rights                           broker.Rights
		filter                           string
		publish, subscribe, mayBeReceive bool
	}{
		{alice, "a/b", true, true, true},
		{alice, "a/secret", false, false, false},
		{alice, "in", false, true, true},
		{alice, "out", true, false, false},
		{alice, "own/alice/c1/x", true, true, true},
		{alice, "own/bob/c1/x", false, false, false},
		{alice, "own/alice/c2/x", false, false, false},
		{alice, "public/x", false, false, false},
		{nobody, "public/x", false, true, true},
		{nobody, "a/b", false, false, false},
		{nobody, "$SYS/broker/uptime", false, false, false},
	} {
		if got := test.rights.MayPublish(test.filter); got != test.publish {
			t.Errorf("%s: publish %v", test.filter, got)
		}
		if got := test.rights.MayReceive(test.filter); got != test.mayBeReceive {
			t.Errorf("%s: receive %v", test.filter, got)
		}
		for _, prefix := range []string{"", "$share/g/"} {
			if got := test.rights.MaySubscribe(filter(t, prefix+test.filter)); got != test.subscribe {
				t.Errorf("%s%s: subscribe %v", prefix, test.filter, got)
			}
		}
	}
	for text, want := range map[string]bool{"#": true, "+/secret": false, "b/#": false, "a/+": true, "$SYS/#": false, "out/#": false} {
		if got := alice.MaySubscribe(filter(t, text)); got != want {
			t.Errorf("alice subscribes to %s: %v", text, got)
		}
	}
}

func filter(t *testing.T, text string) topic.Filter {
	t.Helper()
	f, err := topic.ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReloadHoldsForClientsWhoAreConnected(t *testing.T) {
	userFile := write(t, "users", passwords(t, "alice", "secret", "bob", "hidden"))
	before, err := os.ReadFile(userFile)
	if err != nil {
		t.Fatal(err)
	}
	list := write(t, "acl", "user alice\ntopic a\n")
	g, err := guard.New(t.Context(), guard.Options{Users: userFile, List: list})
	if err != nil {
		t.Fatal(err)
	}
	alice, _ := login(g, "alice", "secret", "c")
	put := func(file, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(list, "user alice\ntopic b\n")
	outdated, err := g.Reload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if alice.MayPublish("a") || !alice.MayPublish("b") {
		t.Error("the old list still holds")
	}
	if outdated(broker.ClientInfo{Username: "alice"}) {
		t.Error("alice has to go although nothing about her has changed")
	}
	put(list, "user alice\ntopic\n")
	if _, err := g.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "acl: line 2: a Topic Filter is missing") {
		t.Errorf("a broken list: %v", err)
	}
	if !alice.MayPublish("b") {
		t.Error("a broken list took rights away")
	}
	put(list, "")
	put(userFile, strings.SplitAfter(string(before), "\n")[0]+passwords(t, "bob", "changed"))
	if outdated, err = g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]bool{"alice": false, "bob": true, "carol": true, "": false} {
		if got := outdated(broker.ClientInfo{Username: user}); got != want {
			t.Errorf("%q has to go: %v", user, got)
		}
	}
	if _, code := login(g, "bob", "hidden", "c"); code != wire.BadUserNameOrPassword {
		t.Errorf("the old password is still taken: 0x%02X", byte(code))
	}
}

func TestUnusableFilesAreNamed(t *testing.T) {
	good := write(t, "users", passwords(t, "alice", "secret"))
	for name, o := range map[string]guard.Options{
		"missing: no such file or directory":     {Users: filepath.Join(t.TempDir(), "missing")},
		"users: line 1: name:hash is expected":   {Users: write(t, "users", "alice\n")},
		"acl: line 2: user, topic or pattern":    {Users: good, List: write(t, "acl", "topic a\nallow b\n")},
		`acl: line 1: `:                          {List: write(t, "acl", "topic a/#/b\n")},
		"acl: line 2: a Topic Filter is missing": {List: write(t, "acl", "topic a\ntopic\n")},
		"is a directory":                         {List: t.TempDir()},
	} {
		if _, err := guard.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want %s, got %v", name, err)
		}
	}
}
