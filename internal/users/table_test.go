package users_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/users"
)

func TestTableNamesUsers(t *testing.T) {
	for text, want := range map[string][]users.Credential{
		"username,password\nalice, secret\nbob,\n":                 {{"alice", "secret"}, {"bob", ""}},
		"\ufeffsite,device,username\nlyon,d1,u1\n# no\nlyon,d2,\n": {{"u1", ""}, {"d2", ""}},
		"device\n": nil,
	} {
		got, err := users.ReadTable(strings.NewReader(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestUnusableTablesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "it is empty",
		"site,name\nx,y\n":          "no column is called username or device, there are: site, name",
		"device\nd1\n\"a:b\"\n":     "line 3: a user name cannot have a colon",
		"device,password\nd1\n":     "wrong number of fields",
		"username,device\n\" \",\n": "line 2: the user name is empty",
	} {
		if _, err := users.ReadTable(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
