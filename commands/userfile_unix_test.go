//go:build unix

package commands_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mqx-cli/mqx/commands"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
)

// A pipe that nobody writes to must not keep a signal from ending the program.
func TestASignalEndsACommandThatWaitsForAFile(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"broker -p 0 --users PIPE",
		"broker -p 0 --acl PIPE",
		"broker -p 0 --faults @PIPE",
		"broker -p 0 --tls-port 0 --tls-cert PIPE --tls-key PIPE",
		"broker run --acl PIPE -- true",
		"broker export --to mosquitto --users PIPE",
		"broker passwd passwords --from PIPE",
		"pub -t a -m x --password-file PIPE -u u",
		"pub -t a -m x --cafile PIPE -p 8883",
		"pub -t a -m x --cert PIPE --key PIPE -p 8883",
		"pub -t a -m x --will-topic w --will-file PIPE",
	} {
		pipe := filepath.Join(t.TempDir(), "pipe")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Skip(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(exit.New(exit.Interrupted, "interrupted", "", ""))
		var out, err bytes.Buffer
		args := strings.Fields(strings.ReplaceAll(line, "PIPE", pipe))
		got := commands.Run(ctx, output.Streams{In: strings.NewReader(""), Out: &out, Err: &err}, nil, args...)
		if got != exit.Interrupted || err.String() != "mqx: interrupted\n" || out.Len() > 0 {
			t.Errorf("%s: got status %d, stdout %q, stderr %q", line, got, out.String(), err.String())
		}
		if f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil { // lets the reader go, if there is one
			_ = f.Close()
		}
	}
}
