package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/headroom"
	"github.com/mqx-cli/mqx/internal/lately"
	"github.com/mqx-cli/mqx/internal/output"
)

// env is what every command is given: its streams, the environment, and the flags of the root command.
type env struct {
	streams output.Streams
	getenv  func(string) string

	words []string // of the command line, as far as no command has been made for them; none makes all commands
	color output.Color
	json  bool // the running command writes JSON, and so does its last error

	atEnd []func() // what is to be done when the command has ended

	topics lately.Topics // that the command has seen

	instead atomic.Pointer[func(line string)] // takes notes while standard error cannot be written to; nil for nobody
}

// errorLine renders the error that ends the program.
func (e *env) errorLine(err error) string {
	if e.json {
		return exit.JSON(err)
	}
	return exit.Line(err)
}

// keepHeadroom lets the heap grow before it is collected, for a command that many messages pass through.
func (e *env) keepHeadroom() {
	if e.getenv("GOGC") == "" {
		e.atEnd = append(e.atEnd, headroom.Keep())
	}
}

// note tells the user something on stderr, or on what has taken over the terminal.
func (e *env) note(format string, args ...any) {
	line := exit.Line(fmt.Errorf(format, args...))
	if take := e.instead.Load(); take != nil {
		(*take)(line)
		return
	}
	fmt.Fprintln(e.streams.Err, line)
}

// printObject prints a JSON object a line, safe for a terminal.
func (e *env) printObject(object any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil {
		return err
	}
	lines := output.NewLines(e.streams)
	lines.JSON(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
	return lines.Flush()
}

// runFunc is a command's work once its flags are known.
type runFunc func(ctx context.Context, args []string) error

// run wraps a command's work: environment variables and then the context fill in the flags that were not given, and
// whatever it returns ends the program.
func (e *env) run(f runFunc) func(*cobra.Command, []string) error {
	return e.runAfter(func(cmd *cobra.Command, _ []string) error {
		if err := e.applyEnvironment(cmd); err != nil {
			return err
		}
		return e.applyContext(cmd)
	}, f)
}

// runAfter is run for a command that fills in its flags in its own way.
func (e *env) runAfter(fill func(cmd *cobra.Command, args []string) error, f runFunc) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if tree, _ := cmd.Flags().GetBool("json-help"); tree {
			return e.printJSONHelp(cmd)
		}
		if err := fill(cmd, args); err != nil {
			return err
		}
		return f(cmd.Context(), args)
	}
}

// usageError is a mistake on the command line. It points to the help of the command.
func usageError(cmd *cobra.Command, format string, args ...any) error {
	return exit.New(exit.Usage, fmt.Sprintf(format, args...), "", "").Hint("see " + cmd.CommandPath() + " --help")
}

// readyFile tells scripts that a command is ready, see --ready-file. An empty name does nothing.
func readyFile(name, content string) error {
	if name == "" {
		return nil
	}
	// Whoever polls for the file must find it complete, so it appears under its name last.
	temp := name + ".tmp"
	err := os.WriteFile(temp, []byte(content), 0o644) //nolint:gosec // G306: it holds no secret and others may wait for it
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		return exit.Wrap(exit.Usage, "--ready-file", "", err)
	}
	return nil
}
