package lately_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/lately"
)

func save(t *testing.T, file string, names ...string) {
	t.Helper()
	var met lately.Topics
	for _, name := range names {
		met.Add(name)
	}
	if err := met.Save(file); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) []string {
	t.Helper()
	topics, err := lately.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return topics
}

func TestNewestTopicsComeFirstAndOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state", "topics")
	if got := read(t, file); got != nil {
		t.Fatalf("of no file: %q", got)
	}
	save(t, file, "a", "b", "a", "c")
	save(t, file, "d", "b")
	if diff := cmp.Diff([]string{"b", "d", "c", "a"}, read(t, file)); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("topics may be nobody else's business: %v %v", info.Mode(), err)
	}
}

func TestNothingMetWritesNoFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "topics")
	save(t, file)
	save(t, file, "with space", "#", "")
	if _, err := os.Stat(file); err == nil {
		t.Error("a file was written")
	}
}

func TestTopicsThatAShellCannotInsertAreLeftOut(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "topics")
	save(t, file, "$SYS/broker", "a b", "a\nb", "a\tb", "a;reboot", "a`x`", "#", "~a", "\xff", strings.Repeat("x", 257), "it's",
		"acme/+/status", "acme/#", "größe/1", "a:b@c,d=e%f")
	if diff := cmp.Diff([]string{"a:b@c,d=e%f", "größe/1", "acme/#", "acme/+/status"}, read(t, file)); diff != "" {
		t.Error(diff)
	}
	// The same holds for a file that somebody else has written.
	if err := os.WriteFile(file, []byte("ok\n$(reboot)\n\nalso/ok"), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ok", "also/ok"}, read(t, file)); diff != "" {
		t.Error(diff)
	}
}

func TestOneRunDoesNotPushOutAllOthers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "topics")
	save(t, file, "mine")
	for run := range 20 {
		var names []string
		for i := range 5000 {
			names = append(names, fmt.Sprintf("fleet-%d/%d", run, i))
		}
		save(t, file, names...)
		got := read(t, file)
		if run == 0 && (len(got) != 257 || got[256] != "mine") {
			t.Errorf("got %d topics, the last is %q", len(got), got[len(got)-1])
		}
		if len(got) > 2048 {
			t.Fatalf("run %d: %d topics are kept", run, len(got))
		}
	}
}

func TestCompleteGoesByLevelsWhenThereAreMany(t *testing.T) {
	t.Parallel()
	few := []string{"acme/lyon/cr-1/status", "acme/#", "plant/x", "acme/#"}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("acme/lyon/cr-%02d/status", i))
	}
	for _, tt := range []struct {
		topics []string
		begun  string
		want   []string
	}{
		{few, "", []string{"acme/lyon/cr-1/status", "acme/#", "plant/x"}},
		{few, "acme/l", []string{"acme/lyon/cr-1/status"}},
		{few, "none", nil},
		{nil, "", nil},
		{append([]string{"plant/x"}, many...), "", []string{"plant/x", "acme/"}},
		{append([]string{"acme"}, many...), "a", []string{"acme", "acme/"}},
		{append([]string{"plant/x/y", "plant/z"}, many...), "", []string{"plant/", "acme/"}},
		{many, "acme/lyon/cr-07", []string{"acme/lyon/cr-07/status"}},
		{many, "acme/lyon/cr-0", many[:10]},
	} {
		if diff := cmp.Diff(tt.want, lately.Complete(tt.topics, tt.begun)); diff != "" {
			t.Errorf("%q: %s", tt.begun, diff)
		}
	}
	// With one way on at every level the choice comes where the ways part.
	if got := lately.Complete(many, "ac"); !slices.Equal(got, many) {
		t.Errorf("got %q", got)
	}
	both := slices.Clone(many)
	for _, name := range many {
		both = append(both, strings.Replace(name, "status", "desired", 1))
	}
	if got := lately.Complete(both, "ac"); len(got) != 100 || !slices.Contains(got, "acme/lyon/cr-42/") {
		t.Errorf("got %q", got)
	}
}

func BenchmarkAddOfAStream(b *testing.B) {
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("acme/lyon/cr-%d/telemetry/temp", i)
	}
	var met lately.Topics
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		met.Add(names[i%len(names)])
	}
}
