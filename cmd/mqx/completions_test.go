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
	for shell, file := range map[string]string{
		"bash": "mqx.bash", "zsh": "mqx.zsh", "fish": "mqx.fish", "powershell": "mqx.ps1",
	} {
		t.Run(shell, func(t *testing.T) {
			generated, err := exec.CommandContext(t.Context(), "mqx", "completion", shell).Output()
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
