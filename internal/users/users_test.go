package users_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xdg-go/scram"

	"github.com/mqx-cli/mqx/internal/users"
)

// Written by mosquitto_passwd 2.0.11, for the password "secret".
const (
	alice = `alice:$7$101$/dDqF1/oAT2Gz5PU$8jTDugf4Dq+6qISnIaQgCGSqZwLhkCdvBcOFTdgkWH+YY1HKULZ1T5NxzL+WIEZt+3hCg3kA8MQ5k/4YqtIQdA==`
	bob   = `bob:$6$pM70IHMrmdCilf/X$dHsycjNIT8BgnPpNZ+b9WiGhJcxIXI3BHKREjEDV7hwHC6lAyiYJAfSbhrvLtihQTApjE+XwrtRvuue054hJDg==`
)

func TestMosquittosRecordsAreVerified(t *testing.T) {
	f, err := users.Parse([]byte("# comment\n\n" + alice + "\r\n" + bob))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, password string
		want           bool
	}{
		{"alice", "secret", true},
		{"bob", "secret", true},
		{"alice", "Secret", false},
		{"bob", "", false},
		{"carol", "secret", false},
		{"", "", false},
		{"# comment", "", false},
	} {
		if got := f.Verify(test.name, []byte(test.password)); got != test.want {
			t.Errorf("%s with %q: %v", test.name, test.password, got)
		}
	}
	if diff := cmp.Diff([]string{"alice", "bob"}, f.Names()); diff != "" {
		t.Error(diff)
	}
}

func TestChangesLeaveOtherLinesAlone(t *testing.T) {
	f, err := users.Parse([]byte("# who may\n" + alice + "\n" + bob + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []error{f.Set("alice", "new", true), f.Set("carol", "pass", false)} {
		if change != nil {
			t.Fatal(change)
		}
	}
	lines := strings.Split(string(f.Bytes()), "\n")
	if lines[0] != "# who may" || lines[2] != bob || len(lines) != 6 {
		t.Errorf("lines: %q", lines)
	}
	again, err := users.Parse(f.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !again.Verify("alice", []byte("new")) || again.Verify("alice", []byte("secret")) || !again.Verify("carol", []byte("pass")) {
		t.Error("passwords after a change")
	}
	_, withScram := again.Scram("alice")
	_, without := again.Scram("carol")
	if !withScram || without {
		t.Errorf("SCRAM records: alice %v, carol %v", withScram, without)
	}
	if !again.Same(f, "alice") || !again.Same(f, "bob") {
		t.Error("a record differs after it was written and read")
	}
	if err := again.Set("alice", "newer", false); err != nil {
		t.Fatal(err)
	}
	if _, stale := again.Scram("alice"); stale || again.Same(f, "alice") {
		t.Error("the SCRAM record of an old password is still there")
	}
	if !again.Delete("alice") || again.Delete("alice") || again.Verify("alice", []byte("newer")) {
		t.Error("alice was not deleted")
	}
	if strings.Contains(string(again.Bytes()), "alice") {
		t.Errorf("alice is still in the file:\n%s", again.Bytes())
	}
}

func TestUnusableLinesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"alice":                                 "line 1: name:hash is expected",
		"\nalice:secret":                        "line 2: the password is not hashed: write it with `mqx broker passwd`",
		"alice:":                                "line 1: the password is not hashed: write it with `mqx broker passwd`",
		":$7$101$AAAA$AAAA":                     "line 1: the user name is empty",
		"alice:$7$0$AAAA$AAAA":                  "line 1: the number of iterations is not from 1 to 10000000",
		"alice:$7$99999999999$AA$A":             "line 1: the number of iterations is not from 1 to 10000000",
		"alice:$7$101$AAAA":                     "line 1: the hash has a part too few or too many",
		"alice:$7$101$AAAA$AAAA":                "line 1: salt or hash is cut off or not base64",
		"alice:$argon2id$v=19$x$y":              `line 1: hash type "argon2id" is not known, only 7 (PBKDF2) and 6 (SHA-512) are`,
		alice + "\n" + alice:                    `line 2: a second line of "alice"`,
		"#mqx-scram-sha-256 x:1":                "line 1: a SCRAM record is name:iterations:salt:stored-key:server-key",
		"#mqx-scram-sha-256 x:1:AAAA:AAAA:AAAA": "line 1: the number of SCRAM iterations is not from 4096 to 10000000",
		"a\x00b:$7$1$AAAA$AAAA":                 "line 1: a user name cannot have a colon, a line break or invalid UTF-8: \"a\\x00b\"",
	} {
		f, err := users.Parse([]byte(text))
		if err == nil {
			t.Errorf("%q: no error, users %q", text, f.Names())
		} else if got, _, _ := strings.Cut(err.Error(), "\n"); got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestNamesThatAFileCannotHoldAreRefused(t *testing.T) {
	var f users.File
	for _, name := range []string{"", "a:b", "a\nb", "#a", "\xff", strings.Repeat("x", 65536)} {
		if err := f.Set(name, "secret", false); err == nil {
			t.Errorf("%.10q was taken", name)
		}
	}
	if err := f.Set("a", "", false); err == nil {
		t.Error("an empty password was taken")
	}
	if got := f.Bytes(); len(got) != 0 {
		t.Errorf("the file has %q", got)
	}
}

func TestScramRecordIsThatOfThePreparedPassword(t *testing.T) {
	for password, same := range map[string]string{"\u2168x\u00ad": "IXx", "secret": "secret"} { // RFC 4013, section 3
		var f users.File
		if err := f.Set("alice", password, true); err != nil {
			t.Fatal(err)
		}
		record, _ := f.Scram("alice")
		client, err := scram.SHA256.NewClientUnprepped("alice", same, "")
		if err != nil {
			t.Fatal(err)
		}
		want, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(record.Salt), Iters: record.Iterations})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(record.StoredKey, want.StoredKey) || !bytes.Equal(record.ServerKey, want.ServerKey) {
			t.Errorf("%q: another record than that of %q", password, same)
		}
	}
	var f users.File
	if err := f.Set("alice", "bell\a", true); err == nil {
		t.Error("a password that clients cannot use was taken")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(alice + "\n" + bob))
	f.Add([]byte("#mqx-scram-sha-256 x:4096:AAAA:AAAA:AAAA\n# c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := users.Parse(data)
		if err != nil {
			return
		}
		again, err := users.Parse(file.Bytes())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(file.Names(), again.Names()); diff != "" {
			t.Fatal(diff)
		}
	})
}
