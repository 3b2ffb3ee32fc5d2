package lint_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/lint"
)

// tree writes files below a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// One file that cannot be read hides nothing of what is wrong with the others, and is not forgotten.
func TestABrokenFileInAFolderDoesNotEndTheRun(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"a/mqx.yaml":     "version: mqx/v1\nrooot: acme\nkinds: {status: {retian: true}}\n",
		"b/x.topics":     "acme/lyon/cr-001/telemetry/Temp\n",
		"c/bomb.yaml":    "version: mqx/v1\na: &a [x, x]\nb: &b [*a, *a]\n",
		"d/log.jsonl":    "no message\n",
		"package.json":   `{"name": "x", "version": "1.0.0"}`,
		"payload.json":   `{"v": "x", "ts": 1736430000}`,
		"big.bin":        "\x00\x01\x02",
		"node_modules/y": "topic x",
	})
	locked := filepath.Join(dir, "locked")
	if err := os.WriteFile(filepath.Join(dir, "z.topics"), []byte("acme/x\n"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(locked, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "loop")); err != nil {
		t.Log("no symbolic links here:", err)
	}
	l := newLinter(t, lint.Options{})
	if err := l.ReadFolder(dir, ""); err != nil {
		t.Fatal(err)
	}
	r := l.Finish()
	got := codes(r)
	for _, want := range []string{"X005", "T013", "P007"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in %v", want, got)
		}
	}
	var places []string
	for _, f := range r.Findings {
		if f.Code == "X005" && strings.HasSuffix(f.Where.File, "a/mqx.yaml") {
			places = append(places, f.Where.Title())
		}
	}
	if len(places) != 2 || !strings.HasSuffix(places[0], ":2") || !strings.HasSuffix(places[1], ":3") {
		t.Errorf("the mistakes of the contract file are at %v", places)
	}
	want := 2 // the two contract files
	if os.Geteuid() != 0 {
		want = 4 // and what may not be opened
	}
	if len(r.Unread) != want {
		t.Errorf("%d files were not read, want %d: %v", len(r.Unread), want, r.Unread)
	}
}

// A configuration is what Mosquitto would read, and each part of it is judged once.
func TestIncludedConfigurationsBelongToTheMainFile(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"mosquitto.conf": "persistence true\npersistent_client_expiration 14d\nmax_keepalive 3600\nmax_packet_size 1048576\n" +
			"allow_anonymous false\npassword_file /nowhere/passwd\ninclude_dir conf.d\n",
		// B comes after a, and so before b: the last one says what holds.
		"conf.d/a.conf":           "max_queued_messages 1000\n",
		"conf.d/B.conf":           "listener 8883\ncertfile /nowhere/c\nkeyfile /nowhere/k\n",
		"conf.d/b.conf":           "acl_file /nowhere/acl\n",
		"conf.d/ignored.conf.off": "allow_anonymous true\n",
	})
	l := newLinter(t, lint.Options{})
	if err := l.ReadFolder(dir, ""); err != nil {
		t.Fatal(err)
	}
	if r := l.Finish(); len(r.Findings) > 0 || r.Checked != 12 {
		t.Errorf("%d checked: %s", r.Checked, r.AppendText(nil, nil))
	}
}

func TestIncludeDirSaysWhatMosquittoDoesNotRead(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"self.conf":         "include_dir .\n",
		"main.conf":         "include_dir one\ninclude_dir missing\n",
		"one/10.conf":       "include_dir ../one\nallow_anonymus true\n",
		"one/x.conf/y.conf": "",
	})
	findings := func(file string) (texts []string) {
		l := newLinter(t, lint.Options{Select: []string{"B020", "B015"}})
		if err := l.ReadFile(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
		r := l.Finish()
		for _, f := range r.Findings {
			texts = append(texts, f.Severity.String()+" "+filepath.Base(f.Where.File)+" "+f.Message)
		}
		return texts
	}
	for file, want := range map[string][]string{
		"self.conf": {"error self.conf the main file is in its own include_dir"},
		"main.conf": {
			"info main.conf missing is not there", "x.conf is a folder", "warning 10.conf an include_dir in an included file",
			`error 10.conf the option "allow_anonymus" does not exist`,
		},
	} {
		all := strings.Join(findings(file), "\n")
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: no %q in\n%s", file, w, all)
			}
		}
	}
}

func TestIncludedFilesAreReadInMosquittosOrder(t *testing.T) {
	t.Parallel()
	want := []string{"00.conf", "01.conf", "A.conf", "a.conf", "B.conf", "b.conf"} // from mosquitto.conf(5)
	got := []string{"b.conf", "A.conf", "01.conf", "a.conf", "B.conf", "00.conf"}
	slices.SortFunc(got, lint.CompareIncluded)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A line of any length is one finding, and the report does not repeat it.
func TestALineOfManyMegabytesIsOneShortFinding(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("a", 4<<20)
	for _, kind := range []lint.Kind{lint.Topics, lint.Filters} {
		r := read(t, newLinter(t, lint.Options{}), kind, line+"\n")
		if text := r.AppendText(nil, nil); len(r.Findings) == 0 || len(text) > 5000 {
			t.Errorf("%s: %d findings, %d bytes of text", kind, len(r.Findings), len(text))
		}
	}
}

// Three thousand devices with a section each are compared in no time: with every pair it took a minute.
func TestAccessListsOfManyDevicesAreCheckedInTime(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for i := range 3000 {
		n := strconv.Itoa(i)
		list.WriteString("user d" + n + "\ntopic write acme/lyon/d" + n + "/status\ntopic read acme/lyon/d" + n + "/cmd\n" +
			"topic read acme/lyon/d" + n + "/desired\n")
	}
	list.WriteString("user d7\ntopic write acme/lyon/d8/status\n")
	r := read(t, newLinter(t, lint.Options{Select: []string{"A003", "A017"}}), lint.ACL, list.String())
	if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Message, "d7 may write to another's topics, acme/lyon/d8/status") {
		t.Errorf("%s", r.AppendText(nil, nil))
	}
}
