package commands_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/commands"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
)

// files is what a shell completes by itself.
const files = ":0"

func TestShellsCompleteWhatCanStandThere(t *testing.T) {
	t.Chdir(t.TempDir()) // no contract file is above it
	env := environment{"XDG_CONFIG_HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir()}
	lately := filepath.Join(env["XDG_STATE_HOME"], "mqx", "topics")
	if err := os.MkdirAll(filepath.Dir(lately), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lately, []byte("acme/lyon/cr-001/status\nacme/+/+/status\nplant/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const (
		filters = "acme/lyon/cr-001/status acme/+/+/status plant/x :36"
		topics  = "acme/lyon/cr-001/status plant/x :36"
		devices = "acme/lyon/cr-001 :36"
	)
	for line, want := range map[string]string{
		"sub ":                           filters,
		"sub a ":                         filters,
		"sub -t ":                        filters,
		"sub --filter p":                 "plant/x :36",
		"reply ":                         filters,
		"retained ls ":                   filters,
		"retained clear -T ":             filters,
		"retained load ":                 files,
		"retained load - ":               filters,
		"lint live ":                     filters,
		"lint infer ":                    filters,
		"request ":                       topics,
		"request a ":                     ":4",
		"pub -t ":                        topics,
		"pub ":                           ":4",
		"pub --will-topic ":              topics,
		"retained get ":                  topics,
		"retained assert ":               topics,
		"presence ls ":                   devices,
		"desired get a ":                 devices,
		"desired set ":                   devices,
		"desired set a ":                 ":4",
		"desired diff --filter ":         devices,
		"cmd send ":                      devices,
		"cmd send a ":                    ":4",
		"simulate device ":               devices,
		"sub --presence ":                devices,
		"sub --protocol ":                "auto 5 3.1.1 3.1 :4",
		"sub --tls-version ":             "1.2 1.3 :4",
		"sub -q ":                        "0 1 2 :4",
		"sub --retry ":                   "forever :4",
		"sub --decode s":                 "sparkplug :4",
		"sub --color n":                  "never :4",
		"sub -D p":                       "publish :4",
		"sub --count ":                   ":4",
		"sub --where ":                   ":4",
		"sub --cafile ":                  files,
		"sub --capath ":                  ":16",
		"sub --dump ":                    ":16",
		"pub -f ":                        files,
		"pub -m ":                        ":4",
		"pub --queue ":                   ":16",
		"presence ls --state online,off": "online,offline :6",
		"presence wait --convention g":   "guide :4",
		"contract export --acl ":         "mosquitto :4",
		"broker --acl ":                  files,
		"broker export --to ":            "mosquitto :4",
		"broker passwd ":                 files,
		"broker passwd users ":           ":4",
		"broker run -- ":                 files,
		"simulate fleet ":                files,
		"simulate fleet -o ":             "jsonl :4",
		"simulate verify --observed ":    files,
		"lint --kind emq":                "emqx-acl :4",
		"lint conf ":                     files,
		"demo ":                          ":4",
		"version ":                       ":4",
		"help presence a":                "assert :4",
		"help version ":                  ":4",
	} {
		words := strings.Split(line, " ")
		code, stdout, stderr := atTerminal(t, env, "", append([]string{cobra.ShellCompNoDescRequestCmd}, words...)...)
		if got := strings.Join(strings.Fields(stdout), " "); code != exit.OK || got != want {
			t.Errorf("%q: got status %d, %q, want %q; %s", line, code, got, want, stderr)
		}
	}
}

func TestDevicesOfTheContractAreCompleted(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	const text = "version: mqx/v1\nroot: acme\ntaxonomy: '{root}/{site}/{device}/{kind}'\ndevices: {inventory: devices.csv}\n"
	for name, content := range map[string]string{"mqx.yaml": text, "devices.csv": "device,site\ncr-001,lyon\ncr-002,lyon\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := environment{"XDG_STATE_HOME": filepath.Join(dir, "none")}
	code, stdout, stderr := atTerminal(t, env, "", cobra.ShellCompNoDescRequestCmd, "desired", "get", "")
	if want := "acme/lyon/cr-001\nacme/lyon/cr-002\n:36\n"; code != exit.OK || stdout != want {
		t.Errorf("got status %d, %q, want %q; %s", code, stdout, want, stderr)
	}
}

// A flag that says that it takes a file is completed with files, so that nobody has to think of it.
func TestFlagsForFilesAreLeftToTheShell(t *testing.T) {
	t.Parallel()
	env := environment{"XDG_CONFIG_HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir()}
	seen := map[string]bool{} // many commands share flags
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			usage := strings.ToLower(f.Usage)
			if f.NoOptDefVal != "" || f.Value.Type() != "string" || !strings.Contains(usage, "this file") && !strings.Contains(usage, "pem file") {
				return
			}
			if seen[f.Name+usage] {
				return
			}
			seen[f.Name+usage] = true
			words := append(strings.Fields(cmd.CommandPath())[1:], "--"+f.Name, "")
			_, stdout, _ := atTerminal(t, env, "", append([]string{cobra.ShellCompNoDescRequestCmd}, words...)...)
			if strings.TrimSpace(stdout) != files {
				t.Errorf("%s --%s: got %q", cmd.CommandPath(), f.Name, stdout)
			}
		})
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(commands.Tree(output.Streams{}))
}

func TestTopicsAreRememberedForWhoSitsAtATerminal(t *testing.T) {
	t.Parallel()
	env := environment{"XDG_CONFIG_HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir()}
	lately := filepath.Join(env["XDG_STATE_HOME"], "mqx", "topics")
	line := []string{"pub", "--embedded", "-t", "plant/line1", "-m", "x", "-q", "1"}
	if code := commands.Run(t.Context(), output.Streams{In: strings.NewReader(""), Out: new(strings.Builder), Err: new(strings.Builder)}, env, line...); code != exit.OK {
		t.Fatal(code)
	}
	if _, err := os.Stat(lately); err == nil {
		t.Error("a script left a trace")
	}
	for _, args := range [][]string{line, {"sub", "--embedded", "plant/+", "-E"}, {"pub", "-h", "127.0.0.1", "-p", "1", "-t", "nobody/there", "-m", "x"}} {
		if code, _, stderr := atTerminal(t, env, "", args...); code != exit.OK && code != exit.Unreachable {
			t.Fatal(code, stderr)
		}
	}
	got, err := os.ReadFile(lately)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("plant/+\nplant/line1\n", string(got)); diff != "" {
		t.Error(diff)
	}
	// A folder that cannot be written to is no failure of the command.
	env["XDG_STATE_HOME"] = filepath.Join(lately, "x")
	if code, _, stderr := atTerminal(t, env, "", line...); code != exit.OK || strings.Contains(stderr, "topics") {
		t.Error(code, stderr)
	}
}
