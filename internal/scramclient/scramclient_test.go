package scramclient_test

import (
	"strings"
	"testing"

	"github.com/xdg-go/scram"

	"github.com/mqx-cli/mqx/internal/scramclient"
)

// server returns the server's side of an exchange for a user with a password.
func server(t *testing.T, user, password string) *scram.ServerConversation {
	t.Helper()
	c, err := scram.SHA256.NewClient(user, password, "")
	if err != nil {
		t.Fatal(err)
	}
	stored, err := c.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt", Iters: 4096})
	if err != nil {
		t.Fatal(err)
	}
	s, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	if err != nil {
		t.Fatal(err)
	}
	return s.NewConversation()
}

func TestBothSidesProveTheyKnowThePassword(t *testing.T) {
	for _, test := range []struct {
		name  string
		proof func(string) string
		want  bool
	}{
		{"an honest server", func(s string) string { return s }, true},
		{"a server that does not know the password", func(string) string { return "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }, false},
		{"a server that proves nothing", func(string) string { return "" }, false},
		{"a server that says no", func(string) string { return "e=other-error" }, false},
	} {
		login, err := scramclient.New("alice", "secret")
		if err != nil {
			t.Fatal(err)
		}
		x, s := login.Begin(), server(t, "alice", "secret")
		first, err := x.Step(nil)
		if err != nil {
			t.Fatal(err)
		}
		challenge, err := s.Step(string(first))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := x.Step([]byte(challenge))
		if err != nil {
			t.Fatal(err)
		}
		proof, err := s.Step(string(answer))
		if err != nil || !s.Valid() {
			t.Fatalf("the server is not content: %v", err)
		}
		if err := x.Finish([]byte(test.proof(proof))); (err == nil) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestForeignChallengeEndsTheExchange(t *testing.T) {
	login, err := scramclient.New("alice", "secret")
	if err != nil {
		t.Fatal(err)
	}
	for _, challenge := range []string{
		"", "x", "r=another-nonce,s=c2FsdA==,i=4096", "e=unknown-user", "m=extension,r=x,s=c2FsdA==,i=4096",
	} {
		x := login.Begin()
		if _, err := x.Step(nil); err != nil {
			t.Fatal(err)
		}
		if answer, err := x.Step([]byte(challenge)); err == nil {
			t.Errorf("%q is answered with %q", challenge, answer)
		}
	}
	if err := login.Begin().Finish(nil); err == nil {
		t.Error("a CONNACK without an exchange was taken")
	}
}

func TestTheServersWorkIsNeitherTooLittleNorTooMuch(t *testing.T) {
	login, err := scramclient.New("alice", "secret")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		iterations string
		want       bool
	}{
		{"4096", true},
		{"4095", false},
		{"1", false},
		{"0", false},
		{"-4096", false},
		{"2000001", false},
		{"2147483647", false},
		{"99999999999999999999", false},
	} {
		x := login.Begin()
		first, err := x.Step(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, nonce, _ := strings.Cut(string(first), ",r=")
		_, err = x.Step([]byte("r=" + nonce + "more,s=c2FsdA==,i=" + test.iterations))
		if (err == nil) != test.want {
			t.Errorf("%s iterations: %v", test.iterations, err)
		}
	}
}
