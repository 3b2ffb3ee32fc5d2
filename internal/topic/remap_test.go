package topic_test

import (
	"testing"

	"github.com/mqx-cli/mqx/internal/topic"
)

func TestRemapMovesWholeLevels(t *testing.T) {
	t.Parallel()
	tests := []struct{ remap, name, want string }{
		{"acme=test", "acme/lyon/x", "test/lyon/x"},
		{"acme=test", "acme", "test"},
		{"acme=test", "acme/", "test/"},
		{"acme=test", "acme2/lyon", ""},
		{"acme=test", "x/acme", ""},
		{"acme/lyon=a/b/c", "acme/lyon/d/t", "a/b/c/d/t"},
		{"acme/lyon/=a/", "acme/lyon/d", "a/d"},
		{"=copy", "acme/x", "copy/acme/x"},
		{"acme=", "acme/lyon", "lyon"},
		{"acme=", "acme", ""},
	}
	for _, tt := range tests {
		r, err := topic.ParseRemap(tt.remap)
		if err != nil {
			t.Fatal(err)
		}
		want := tt.want
		if want == "" {
			want = tt.name
		}
		if got, moved := r.Apply(tt.name); got != want || moved != (tt.want != "") {
			t.Errorf("%s of %s is %q, %v, want %q", tt.remap, tt.name, got, moved, want)
		}
	}
	for _, bad := range []string{"", "acme", "a/+=b", "a=b/#", "a\x00=b"} {
		if _, err := topic.ParseRemap(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
