package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The scripts in completions/ are what the binary generates. After a change of the command tree:
//
//	MQX_UPDATE=1 go test ./cmd/mqx
func TestCompletionsAreWhatTheBinaryGenerates(t *testing.T) {
	t.Parallel()
	bin := build(t)
	for shell, file := range map[string]string{
		"bash": "mqx.bash", "zsh": "mqx.zsh", "fish": "mqx.fish", "powershell": "mqx.ps1",
	} {
		t.Run(shell, func(t *testing.T) {
			generated, err := exec.CommandContext(t.Context(), filepath.Join(bin, "mqx"), "completion", shell).Output()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("..", "..", "completions", file)
			if os.Getenv("MQX_UPDATE") != "" {
				if err := os.WriteFile(path, generated, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(generated)); diff != "" {
				t.Errorf("completions/%s is not what mqx generates (-file +generated):\n%s", file, diff)
			}
		})
	}
}

// build builds mqx as a user would and returns the folder it is in.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", dir+string(os.PathSeparator), ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build mqx: %v\n%s", err, out)
	}
	return dir
}
