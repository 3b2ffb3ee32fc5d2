//go:build unix

package interop_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binDir is where TestMain puts the mqx under test.
const binDir = "MQX_INTEROP_BIN"

// TestMain builds mqx once, as a user would, for all tests.
func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "mqx-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	args := append([]string{"build", "-o", dir + string(os.PathSeparator)}, buildFlags()...)
	build := exec.Command("go", append(args, "github.com/mqx-cli/mqx/cmd/mqx")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build mqx: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv("XDG_STATE_HOME", dir); err != nil { // tests write nothing into the home of who runs them
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.Setenv(binDir, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// mqx is the path of the mqx under test.
func mqx() string { return filepath.Join(os.Getenv(binDir), "mqx") }
