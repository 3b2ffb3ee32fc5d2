//go:build unix

package userfile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mqx-cli/mqx/internal/userfile"
)

func pipe(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skip(err)
	}
	return name
}

func TestAPipeIsReadLikeAFile(t *testing.T) {
	name := pipe(t)
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(name, []byte("from a pipe"), 0o600) }()
	got, err := userfile.Read(t.Context(), name, 100)
	if err != nil || string(got) != "from a pipe" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

func TestAPipeThatNobodyWritesToDoesNotHoldUpTheEnd(t *testing.T) {
	name := pipe(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	end := errors.New("the end")
	cancel(end)
	if _, err := userfile.Read(ctx, name, 100); !errors.Is(err, end) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil { // lets the reader go
		t.Fatal(err)
	}
}

func TestAPipeIsNotReadASecondTime(t *testing.T) {
	if _, err := userfile.Again(t.Context(), pipe(t), 100); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("got %v", err)
	}
}

func TestADeviceThatNeverEndsIsTooLarge(t *testing.T) {
	if _, err := userfile.Read(t.Context(), "/dev/zero", 1000); err == nil || !strings.Contains(err.Error(), "larger than 1000 bytes") {
		t.Errorf("got %v", err)
	}
}
