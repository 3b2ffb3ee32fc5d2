package userfile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/userfile"
)

func TestReadReturnsTheContent(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	for _, want := range []string{"", "x", strings.Repeat("y", 100)} {
		if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, read := range []func(context.Context, string, int64) ([]byte, error){userfile.Read, userfile.Again} {
			got, err := read(t.Context(), name, 100)
			if err != nil || string(got) != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, 101), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, want string }{
		{large, "larger than 100 bytes"},
		{dir, ""}, // each system has its own words for a folder
		{filepath.Join(dir, "missing"), ""},
	} {
		_, err := userfile.Read(t.Context(), tt.name, 100)
		var path *fs.PathError
		if !errors.As(err, &path) || path.Path != tt.name || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
