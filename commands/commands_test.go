package commands_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/commands"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
)

// mqx runs a command line that needs no broker.
func mqx(t *testing.T, args ...string) (code exit.Code, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = commands.Run(t.Context(), output.Streams{In: strings.NewReader(""), Out: &out, Err: &err}, nil, args...)
	return code, out.String(), err.String()
}

func TestMistakesOnTheCommandLineAreUsageErrorsOnOneLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		want string
	}{
		{"sbu", `unknown command "sbu" - did you mean sub?`},
		{"xyz", `unknown command "xyz" - see mqx --help`},
		{"help xyz", `unknown command "xyz"`},
		{"sub -h", "-h: it takes the broker's host - use --help for help"},
		{"sub -h -t a", "-h: it takes the broker's host - use --help for help"},
		{"sub", "what to subscribe to? a Topic Filter is needed"},
		{"sub a/#/b", "filter: topic filter"},
		{"sub a --cuont 1", "did you mean --count?"},
		{"sub a -C x", "--count"},
		{"sub a -C -1", "--count -1: it cannot be negative"},
		{"sub a -W soon", `--timeout: "soon" is not a duration`},
		{"sub a -q 3", "--qos: 0, 1 or 2 is expected"},
		{"sub a -t", "-t needs a value"},
		{"sub a --json -F x", "--json and --format exclude each other"},
		{"sub a --path v -F x", "--path and --format exclude each other"},
		{"sub a -F %z", "--format: unknown field %z at position 1"},
		{"sub a -R --retained-only", "leave nothing"},
		{"sub a --retained-only --retain-handling new", "sets --retain-as-published"},
		{"sub a --retained-only -E", "exclude each other"},
		{"sub a --retain-handling some", "always, new or never is expected"},
		{"sub a --no-local -V 3.1.1", "--no-local: it needs MQTT 5"},
		{"sub $share/g/a --no-local", "protocol error with the shared subscription"},
		{"sub -L mqtt://h/a/#b", "the topic in the URL"},
		{"pub -t a", "what is to be published?"},
		{"pub -m x", "where to? --topic is needed"},
		{"pub -t a -m x -n", "--message and --empty exclude each other"},
		{"pub -t a -s --json", "--stdin and --json exclude each other"},
		{"pub -t a/+ -m x", "--topic: topic name"},
		{"pub -t a -m x y", `unexpected argument "y"`},
		{"pub -t a -m x --repeat 0", "--repeat 0: at least 1"},
		{"pub -t a -l --repeat 2", "--repeat is for one message, not for --lines"},
		{"pub -t a -t b --json", "one --topic can be the default"},
		{"pub -t a -m x --rate fast", `"fast" is not a rate`},
		{"pub -t a -m x --rate 1/d", `"d" is none of the units`},
		{"pub -t a -f /nowhere/x", "read the payload: open /nowhere/x"},
		{"pub -t a -s", "standard input is empty - -n publishes an empty message"},
		{"broker --bind 0.0.0.0", "pass --users FILE, or --allow-anonymous"},
		{"broker -p 70000", "not from 0 to 65535"},
		{"completion tcsh", "one of bash, zsh, fish and powershell"},
		{"version x", `unexpected argument "x"`},
		{"version --color blue", "--color: auto, always or never"},
	} {
		code, stdout, stderr := mqx(t, strings.Fields(tt.line)...)
		if code != exit.Usage || !strings.HasPrefix(stderr, "mqx: ") && !strings.HasPrefix(stderr, "{") || strings.Count(stderr, "\n") != 1 ||
			!strings.Contains(strings.ReplaceAll(stderr, `\"`, `"`), tt.want) || stdout != "" {
			t.Errorf("%s: got status %d, stdout %q, stderr %q, want %q", tt.line, code, stdout, stderr, tt.want)
		}
	}
}

func TestJSONCommandsReportTheirErrorAsJSON(t *testing.T) {
	t.Parallel()
	_, _, stderr := mqx(t, "sub", "--json")
	var e struct {
		Error string `json:"error"`
		Code  int    `json:"code"`
	}
	if err := json.Unmarshal([]byte(stderr), &e); err != nil || e.Code != 2 || e.Error == "" {
		t.Errorf("got %q: %v", stderr, err)
	}
}

func TestHelpGoesToStandardOutput(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--help"}, {"help"}, {"help", "sub"}, {"sub", "--help"}, {"broker", "--help"}} {
		code, stdout, stderr := mqx(t, args...)
		if code != exit.OK || stderr != "" || !strings.Contains(stdout, "Usage:") || !strings.Contains(stdout, "Exit status:") {
			t.Errorf("%q: got status %d, stderr %q, stdout %.80q", args, code, stderr, stdout)
		}
	}
}

func TestJSONHelpListsEveryCommandFlagAndExitStatus(t *testing.T) {
	t.Parallel()
	type command struct {
		Name     string
		Impact   string
		Flags    []struct{ Name, Type, Environment string }
		Commands []command
		Exit     []struct{ Code int } `json:"exit_statuses"`
	}
	_, byFlag, _ := mqx(t, "--json-help")
	_, byCommand, _ := mqx(t, "help", "--json")
	if byFlag != byCommand {
		t.Error("--json-help and help --json differ")
	}
	var root command
	if err := json.Unmarshal([]byte(byFlag), &root); err != nil {
		t.Fatal(err)
	}
	if len(root.Exit) != len(exit.Table()) {
		t.Errorf("got %d exit statuses, want %d", len(root.Exit), len(exit.Table()))
	}
	variables := map[string]string{}
	for _, c := range root.Commands {
		if c.Impact != "ro" && c.Impact != "rw" {
			t.Errorf("%s: got impact %q", c.Name, c.Impact)
		}
		for _, f := range c.Flags {
			if f.Type == "" {
				t.Errorf("%s --%s has no type", c.Name, f.Name)
			}
			variables[c.Name+" --"+f.Name] = f.Environment
		}
	}
	for flag, want := range map[string]string{
		"mqx sub --host": "MQX_HOST", "mqx sub --count": "MQX_SUB_COUNT", "mqx pub --will-topic": "MQX_WILL_TOPIC",
		"mqx broker --port": "MQX_BROKER_PORT", "mqx pub --ready-file": "MQX_PUB_READY_FILE",
	} {
		if got := variables[flag]; got != want {
			t.Errorf("%s: got variable %q, want %q", flag, got, want)
		}
	}
}

func TestFlagNamesMeanTheSameEverywhere(t *testing.T) {
	t.Parallel()
	takesValue := map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Runnable() && cmd.Args == nil && len(cmd.Commands()) > 0 {
			t.Errorf("%s: a group must refuse words that are no commands", cmd.CommandPath())
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			for _, name := range []string{"--" + f.Name, "-" + f.Shorthand} {
				takes := f.NoOptDefVal == ""
				if before, seen := takesValue[name]; name != "-" && seen && before != takes {
					t.Errorf("%s %s: takes a value here and none elsewhere", cmd.CommandPath(), name)
				}
				takesValue[name] = takes
			}
		})
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(commands.Tree(output.Streams{}))
}

// A start makes the command that runs and not the others. That must not be seen.
func TestACommandIsTheSameWithAndWithoutTheOthers(t *testing.T) {
	t.Parallel()
	var visit func(cmd *cobra.Command, words []string)
	visit = func(cmd *cobra.Command, words []string) {
		alone, rest, err := commands.Tree(output.Streams{}, words...).Find(words)
		if err != nil || len(rest) > 0 {
			t.Fatalf("%q: %q is left: %v", words, rest, err)
		}
		if diff := cmp.Diff(commands.HelpJSON(cmd), commands.HelpJSON(alone)); diff != "" {
			t.Errorf("%q: %s", words, diff)
		}
		if alone.HasParent() && len(alone.Parent().Commands()) > 1 {
			t.Errorf("%q: others were made as well", words)
		}
		for _, c := range cmd.Commands() {
			visit(c, append(slices.Clone(words), c.Name()))
		}
	}
	root := commands.Tree(output.Streams{})
	for _, c := range root.Commands() {
		if c.Name() != "help" {
			visit(c, []string{c.Name()})
		}
	}
}

func TestPropertiesOnTheCommandLineAreJoined(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ args, want []string }{
		{[]string{"pub", "-D", "publish", "content-type", "-x"}, []string{"pub", "--property=publish\x00content-type\x00-x"}},
		{
			[]string{"pub", "--property", "connect", "user-property", "a", "b", "-t", "x"},
			[]string{"pub", "--property=connect\x00user-property\x00a\x00b", "-t", "x"},
		},
		{[]string{"pub", "-m", "-D", "-t", "--property"}, []string{"pub", "-m", "-D", "-t", "--property"}},
		{[]string{"pub", "-rm", "-D"}, []string{"pub", "-rm", "-D"}},
		{[]string{"pub", "--message=-D", "-mx", "-D", "will", "a", "b"}, []string{"pub", "--message=-D", "-mx", "--property=will\x00a\x00b"}},
		{[]string{"sub", "--", "-D", "a"}, []string{"sub", "--", "-D", "a"}},
		{[]string{"sub", "-h", "host", "-t", "x"}, []string{"sub", "-h", "host", "-t", "x"}},
	} {
		got, err := commands.JoinProperties(tt.args...)
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
		} else if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q: %s", tt.args, diff)
		}
	}
}

func TestVersionAsJSON(t *testing.T) {
	t.Parallel()
	code, stdout, _ := mqx(t, "version", "--json")
	var v map[string]any
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || code != exit.OK {
		t.Fatalf("status %d, %q: %v", code, stdout, err)
	}
	for _, key := range []string{"version", "go", "platform"} {
		if v[key] == "" || v[key] == nil {
			t.Errorf("%q is missing in %s", key, stdout)
		}
	}
}

func TestAStartMakesLittleOfTheTree(t *testing.T) {
	allocs := func(words ...string) float64 {
		return testing.AllocsPerRun(5, func() { commands.Tree(output.Streams{}, words...) })
	}
	all := allocs()
	for _, words := range [][]string{{"version"}, {"pub"}, {"retained", "ls"}, {"desired", "set"}} {
		if n := allocs(words...); n > all/8 {
			t.Errorf("%q: %.0f allocations of the %.0f for all commands", words, n, all)
		}
	}
}
