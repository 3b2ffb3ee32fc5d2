package edit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/edit"
)

func TestApplyTakesTheFirstOfOverlappingEdits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		edits   []edit.Edit
		want    string
		applied []bool
	}{
		{"none", nil, "abcdef", []bool{}},
		{"in any order", []edit.Edit{{4, 5, "E"}, {0, 1, "A"}}, "AbcdEf", []bool{true, true}},
		{"side by side", []edit.Edit{{0, 2, "x"}, {2, 4, "y"}}, "xyef", []bool{true, true}},
		{"overlapping", []edit.Edit{{1, 3, "x"}, {2, 4, "y"}}, "axdef", []bool{true, false}},
		{"inside of another", []edit.Edit{{0, 6, ""}, {2, 3, "y"}}, "", []bool{true, false}},
		{"twice the same", []edit.Edit{{1, 3, "x"}, {1, 3, "x"}}, "axdef", []bool{true, true}},
		{"two insertions", []edit.Edit{{6, 6, "1"}, {6, 6, "2"}}, "abcdef12", []bool{true, true}},
		{"the same insertion twice is two", []edit.Edit{{6, 6, "1"}, {6, 6, "1"}}, "abcdef11", []bool{true, true}},
		{"an insertion before a deletion", []edit.Edit{{2, 4, ""}, {2, 2, "x"}}, "abxef", []bool{true, true}},
	}
	for _, tt := range tests {
		got, applied, err := edit.Apply([]byte("abcdef"), tt.edits)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, err, tt.want)
		}
		if diff := cmp.Diff(tt.applied, applied); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	for _, bad := range []edit.Edit{{-1, 0, ""}, {3, 2, ""}, {0, 7, ""}} {
		if _, _, err := edit.Apply([]byte("abcdef"), []edit.Edit{bad}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// What no edit names stays, whatever the edits are.
func FuzzApplyKeepsTheRest(f *testing.F) {
	f.Add("one\r\ntwo", 1, 2, "x", 0, 9, "y")
	f.Add("", 0, 0, "", 0, 0, "a")
	f.Fuzz(func(t *testing.T, text string, a, b int, x string, c, d int, y string) {
		out, applied, err := edit.Apply([]byte(text), []edit.Edit{{a, b, x}, {c, d, y}})
		if err != nil {
			return
		}
		want := len(text)
		if applied[0] {
			want += len(x) - (b - a)
		}
		same := a == c && b == d && x == y && b > a
		if applied[1] && !same {
			want += len(y) - (d - c)
		}
		if len(out) != want || !applied[0] && !applied[1] {
			t.Errorf("%q has %d bytes, want %d; applied %v", out, len(out), want, applied)
		}
	})
}

func TestDiffIsUnifiedAndShowsAMissingLastLineFeed(t *testing.T) {
	t.Parallel()
	got := string(edit.Diff("a.topics", []byte("/one\r\ntwo"), []byte("one\r\ntwo")))
	want := "--- a.topics\n+++ a.topics\n@@ -1,2 +1,2 @@\n-/one\r\n+one\r\n two\n\\ No newline at end of file\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := edit.Diff("a", []byte("x"), []byte("x")); len(got) > 0 {
		t.Errorf("no change is %q", got)
	}
}

func TestLineEndIsThatOfTheFirstLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "\n", "a": "\n", "a\n": "\n", "a\r\nb\n": "\r\n", "a\nb\r\n": "\n"} {
		if got := edit.LineEnd(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
