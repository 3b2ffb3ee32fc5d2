package commands_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/commands"
	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
)

// atTerminal runs a command line as at a terminal where the user types answer.
func atTerminal(t *testing.T, env environment, answer string, args ...string) (code exit.Code, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = commands.Run(t.Context(), output.Streams{
		In: strings.NewReader(answer), Out: &out, Err: &err, InTTY: true, OutTTY: true, ErrTTY: true, NoColor: true,
	}, env, args...)
	return code, out.String(), err.String()
}

func TestAGuardedContextAsksOnATerminal(t *testing.T) {
	t.Parallel()
	env := environment{"XDG_CONFIG_HOME": t.TempDir()}
	if code, _, stderr := atTerminal(t, env, "", "context", "add", "prod", "-L", "mqtt://127.0.0.1:1", "--guard", "--use"); code != exit.OK {
		t.Fatal(code, stderr)
	}
	dump := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(dump, []byte(`{"topic":"a","payload":"1","retain":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		answer string
		args   []string
		want   exit.Code
	}{
		{"n\n", nil, exit.Negative},
		{"", nil, exit.Negative},
		{"y\n", nil, exit.Unreachable}, // nobody listens there
		{"", []string{"--yes"}, exit.Unreachable},
		{"", []string{"-L", "mqtt://127.0.0.1:1"}, exit.Unreachable},
	} {
		code, _, stderr := atTerminal(t, env, tt.answer, append([]string{"retained", "load", dump}, tt.args...)...)
		asked := strings.Contains(stderr, "context prod is guarded: overwrite retained messages with those of "+dump+"? [y/N] ")
		if code != tt.want || asked == (len(tt.args) > 0) {
			t.Errorf("%q %q: got status %d, %q", tt.answer, tt.args, code, stderr)
		}
	}
}

func TestContextsOnATerminalAreATable(t *testing.T) {
	t.Parallel()
	env := environment{"XDG_CONFIG_HOME": t.TempDir()}
	for _, args := range [][]string{{"a", "-h", "bro\x1bker", "-u", "x\x1b[2J"}, {"longer", "--tls", "--guard", "--use"}} {
		if code, _, stderr := atTerminal(t, env, "", append([]string{"context", "add"}, args...)...); code != exit.OK {
			t.Fatal(code, stderr)
		}
	}
	_, stdout, _ := atTerminal(t, env, "", "context", "ls")
	const want = "NAME    ADDRESS                 USER      GUARD  CURRENT\n" +
		"a       mqtt://bro\\x1bker:1883  x\\x1b[2J  -      -\n" +
		"longer  mqtts://localhost:8883  -         guard  current\n"
	if stdout != want {
		t.Errorf("got\n%swant\n%s", stdout, want)
	}
}

// wordFor is a value that a connection flag takes.
func wordFor(f *pflag.Flag) string {
	words := map[string]string{
		"bool": "true", "port": "1883", "0|1|2": "1", "int": "3", "uint16": "3", "uint32": "3", "duration": "5s", "duration|forever": "forever",
		"KEY=VALUE": "k=v", "stringSlice": "a,b", "protocol": "5", "tls-version": "1.3", "url": "mqtt://h", "will-topic": "w",
		"client-id": "c", "N|forever": "forever", "client-id-prefix": "c",
	}
	if word, ok := words[f.Name]; ok {
		return word
	}
	if word, ok := words[f.Value.Type()]; ok {
		return word
	}
	return "/nowhere/x"
}

func TestEveryConnectionFlagHasAVariable(t *testing.T) {
	t.Parallel()
	sub, _, err := commands.Tree(output.Streams{}).Find([]string{"sub"})
	if err != nil {
		t.Fatal(err)
	}
	eachConnectionFlag(sub, func(f *pflag.Flag) {
		if f.Name == "context" { // would have to be there
			return
		}
		name, word := "MQX_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")), wordFor(f)
		if f.Name == "property" {
			word = "publish content-type text/plain"
		}
		origins, err := commands.ConnectionOrigins(environment{name: word})
		if err != nil || len(origins) != 1 || origins[f.Name] != config.Environment {
			t.Errorf("%s=%s: got %v, %v", name, word, origins, err)
		}
	})
}

// What is added to the connection flags can be kept in a context without more ado.
func TestEveryConnectionFlagCanBeKeptInAContext(t *testing.T) {
	t.Parallel()
	sub, _, err := commands.Tree(output.Streams{}).Find([]string{"sub"})
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	eachConnectionFlag(sub, func(f *pflag.Flag) {
		switch f.Name {
		case "context", "embedded", "debug", "property": // property takes several words, see context.txtar
			return
		}
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "mqx"), 0o700); err != nil {
			t.Fatal(err)
		}
		text := "contexts:\n  x:\n    " + strings.ReplaceAll(f.Name, "-", "_") + ": \"" + wordFor(f) + "\"\n"
		if err := os.WriteFile(filepath.Join(dir, "mqx", "contexts.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := atTerminal(t, environment{"XDG_CONFIG_HOME": dir}, "", "context", "show", "x", "--json")
		if code != exit.OK || !strings.Contains(stdout, strings.ReplaceAll(f.Name, "-", "_")) {
			t.Errorf("--%s: got status %d, %s%s", f.Name, code, stdout, stderr)
		}
		kept++
	})
	if kept < 30 {
		t.Errorf("only %d flags were looked at", kept)
	}
}

func eachConnectionFlag(cmd *cobra.Command, f func(*pflag.Flag)) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Annotations["mqx_connection"] != nil {
			f(flag)
		}
	})
}

func TestCompletionKnowsTheContexts(t *testing.T) {
	t.Parallel()
	env := environment{"XDG_CONFIG_HOME": t.TempDir()}
	for _, name := range []string{"prod", "test"} {
		if code, _, stderr := atTerminal(t, env, "", "context", "add", name, "-h", name); code != exit.OK {
			t.Fatal(code, stderr)
		}
	}
	for _, line := range []string{"sub --context", "pub --context", "context use", "context show", "context edit", "context rm", "context check"} {
		_, stdout, _ := atTerminal(t, env, "", append(append([]string{"__complete"}, strings.Fields(line)...), "p")...)
		if !strings.HasPrefix(stdout, "prod\tmqtt://prod:1883\n:4\n") {
			t.Errorf("%s: got %q", line, stdout)
		}
	}
}
