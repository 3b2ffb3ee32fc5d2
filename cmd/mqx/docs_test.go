//go:build unix

package main_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/exit"
)

// Every `console` block of the documentation is run, line by line, and prints what it says it prints. After a change of
// what commands print:
//
//	MQX_UPDATE=1 go test ./cmd/mqx
//
// A document has a broker and a folder of its own. A command that ends in & runs beside the following ones, which wait
// until it is ready; what it prints is expected at the end of its block, but a broker's ready line at once. A line that
// begins with "> " continues the command above it, and unset holds for the rest of the document. The mqx that runs is this test binary, see TestMain.
func TestDocumentedCommandsPrintWhatTheDocumentsSay(t *testing.T) {
	root := filepath.Join("..", "..")
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range append(documents, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		if !consoleBlock().Match(text) {
			continue
		}
		t.Run(filepath.Base(document), func(t *testing.T) {
			t.Parallel()
			terminal := newTerminal(t)
			updated := consoleBlock().ReplaceAllStringFunc(string(text), func(block string) string {
				really := "```console\n" + terminal.replay(commands(block)) + "```\n"
				if normal(really) == normal(block) {
					return block // and not today's times and ports
				}
				if os.Getenv("MQX_UPDATE") == "" {
					t.Errorf("%s (-document +really):\n%s", document, cmp.Diff(normal(block), normal(really)))
				}
				return really
			})
			if os.Getenv("MQX_UPDATE") != "" && updated != string(text) {
				if err := os.WriteFile(document, []byte(updated), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// The README's table of exit statuses is the program's.
func TestExitStatusesInTheReadmeAreTheProgramsOwn(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, row := range exit.Table() {
		fmt.Fprintf(&want, "| %d | %s | %s |\n", row.Code, row.Meaning, row.Examples)
	}
	if !strings.Contains(string(readme), "| status | meaning | examples |\n| --- | --- | --- |\n"+want.String()) {
		t.Errorf("README.md does not hold this table:\n%s", want.String())
	}
}

func consoleBlock() *regexp.Regexp { return regexp.MustCompile("(?ms)^```console\n.*?^```\n") }

// commands returns the commands of a console block, each as it is written but for the prompts.
func commands(block string) []string {
	var found []string
	more := false // the line before was part of a command
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			found, more = append(found, command), true
		} else if rest, ok := strings.CutPrefix(line, "> "); ok && more {
			found[len(found)-1] += "\n" + rest
		} else {
			more = false
		}
	}
	return found
}

// terminal runs commands in a folder of their own, on a broker of their own.
type terminal struct {
	t      *testing.T
	dir    string
	env    []string
	beside []*beside
}

// beside is a command that runs beside the others. It prints to a file, which can be read while it runs.
type beside struct {
	cmd *exec.Cmd
	out *os.File
}

// printed is what the command has printed so far.
func (b *beside) printed(t *testing.T) string {
	t.Helper()
	out, err := os.ReadFile(b.out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	term := &terminal{t: t, dir: t.TempDir()}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "MQX_") {
			term.env = append(term.env, kv)
		}
	}
	term.env = append(term.env, "XDG_CONFIG_HOME="+term.dir, "XDG_STATE_HOME="+filepath.Join(term.dir, ".local", "state"), "GORACE=atexit_sleep_ms=0", "MQX_BROKER_PORT=0")
	for _, command := range []string{"SET", "CLEAR", "IMPORT"} {
		term.env = append(term.env, "MQX_DESIRED_"+command+"_BY=mqx:anna@ops")
	}
	ready := term.broker("mqx broker")
	address := regexp.MustCompile(`127\.0\.0\.1:(\d+)`).FindStringSubmatch(ready)
	if address == nil {
		t.Fatalf("mqx broker does not say where it listens: %q", ready)
	}
	term.env = append(term.env, "MQX_HOST=127.0.0.1", "MQX_PORT="+address[1])
	return term
}

// broker starts a broker for the rest of the document and returns its ready line.
func (term *terminal) broker(command string) string {
	term.t.Helper()
	b := term.start(command)
	term.t.Cleanup(func() {
		_ = b.cmd.Process.Signal(os.Interrupt)
		_ = b.cmd.Wait()
		_ = b.out.Close()
	})
	return b.printed(term.t)
}

// replay runs commands and returns what a terminal would show of it.
func (term *terminal) replay(commands []string) string {
	term.t.Helper()
	var shown strings.Builder
	for _, command := range commands {
		shown.WriteString("$ " + strings.ReplaceAll(command, "\n", "\n> ") + "\n" + term.run(command))
	}
	shown.WriteString(term.rest())
	return shown.String()
}

// run runs a command and returns what it printed.
func (term *terminal) run(command string) string {
	term.t.Helper()
	if names, ok := strings.CutPrefix(command, "unset "); ok {
		for name := range strings.FieldsSeq(names) {
			term.env = append(term.env, name+"=")
		}
		return ""
	}
	if command, ok := strings.CutSuffix(command, " &"); ok {
		if strings.HasPrefix(command, "mqx broker") {
			return term.broker(command)
		}
		term.beside = append(term.beside, term.start(command))
		return ""
	}
	ctx, cancel := context.WithTimeout(term.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir, cmd.Env = term.dir, term.env
	out, _ := cmd.CombinedOutput() // a document that means to show an exit status prints it
	if ctx.Err() != nil {
		term.t.Errorf("did not end: %s", command)
	}
	return strings.ReplaceAll(string(out), term.dir, "~")
}

// rest waits for the commands that run beside and returns what they printed.
func (term *terminal) rest() string {
	var out strings.Builder
	for _, b := range term.beside {
		stop := time.AfterFunc(time.Minute, func() { _ = b.cmd.Process.Kill() })
		_ = b.cmd.Wait()
		stop.Stop()
		out.WriteString(b.printed(term.t))
		_ = b.out.Close()
	}
	term.beside = nil
	return out.String()
}

// start starts a command beside the others and returns when it is ready.
func (term *terminal) start(command string) *beside {
	term.t.Helper()
	dir := term.t.TempDir()
	ready := filepath.Join(dir, "ready")
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		term.t.Fatal(err)
	}
	b := &beside{cmd: exec.Command("sh", "-c", "exec "+command+" --ready-file "+ready), out: out}
	b.cmd.Dir, b.cmd.Env, b.cmd.Stdout, b.cmd.Stderr = term.dir, term.env, out, out
	if err := b.cmd.Start(); err != nil {
		term.t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		if _, err := os.Stat(ready); err == nil {
			return b
		}
		select {
		case <-tick.C:
		case <-deadline:
			_ = b.cmd.Process.Kill()
			term.t.Fatalf("not ready: %s", command)
		}
	}
}

// normal replaces what differs from run to run: times, durations, addresses and measured values.
func normal(s string) string {
	for _, r := range []struct{ pattern, with string }{
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`, "TIME"},
		{`\b1\d{9}(\d{3})?\b`, "UNIX-TIME"},
		{`(127\.0\.0\.1|localhost):\d{2,}`, "ADDRESS"},
		{`"port":\d+`, `"port":PORT`},
		{`\b\d+\.\d+ s\b`, "DURATION"},
		{`\b\d+s ago\b`, "AGO"},
		{`"v":\d+(\.\d+)?`, `"v":VALUE`},
		{`\b01[0-9A-HJKMNP-TV-Z]{24}\b`, "ULID"},
	} {
		s = regexp.MustCompile(r.pattern).ReplaceAllString(s, r.with)
	}
	return s
}
