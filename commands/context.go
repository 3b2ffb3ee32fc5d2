package commands

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
)

func newContext(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "context",
		Short: "Keep connections under names",
		Long: "Keep connections under names, in $XDG_CONFIG_HOME/mqx/contexts.yaml. --context NAME or MQX_CONTEXT chooses one for\n" +
			"a command, `mqx context use` for all. A flag comes before an environment variable, and that before the context; one\n" +
			"that names the broker sets aside the address, TLS and credentials of what comes after it.\n\n" +
			"Passwords and user names may be references, resolved when they are needed: env:NAME, file:PATH, cmd:COMMAND.",
		Example: "  mqx context add prod --url mqtts://broker.example -u me -P env:PROD_PASSWORD --guard\n" +
			"  mqx context check prod\n" +
			"  mqx sub 'acme/#' --context prod",
		Args:        onlyCommands,
		Annotations: readOnly(),
	}
	cmd.RunE = e.run(group(cmd))
	e.addCommands(cmd,
		subcommand{"add", newContextAdd},
		subcommand{"ls", newContextLs},
		subcommand{"use", newContextUse},
		subcommand{"show", newContextShow},
		subcommand{"edit", newContextEdit},
		subcommand{"rm", newContextRm},
		subcommand{"check", newContextCheck},
	)
	return cmd
}

// contexts reads the file of contexts.
func (e *env) contexts() (config.ContextFile, config.Contexts, error) {
	file, err := e.contextFile()
	if err != nil {
		return file, config.Contexts{}, err
	}
	contexts, err := file.Read()
	if err != nil {
		return file, contexts, e.contextsError(file.Path, err)
	}
	return file, contexts, nil
}

// findContext finds the context that an argument names, or without one the chosen one.
func (e *env) findContext(contexts config.Contexts, args []string) (config.Context, error) {
	name := contexts.Current
	if chosen := e.getenv(config.EnvName("", "context")); chosen != "" {
		name = chosen
	}
	if len(args) > 0 {
		name = args[0]
	}
	if name == "" {
		return config.Context{}, exit.New(exit.Usage, "context", "", "which one?").Hint("name it, or choose one with mqx context use")
	}
	x, ok := contexts.Find(name)
	if !ok {
		return x, noContext(exit.Negative, contexts, name)
	}
	return x, nil
}

// atMostOne refuses more than one argument.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError(cmd, "unexpected argument %q", args[1])
	}
	return nil
}

// done tells on stderr what was done to a context, or with --json on stdout.
func (e *env) done(object any, format string, args ...any) error {
	if e.json {
		return e.printObject(object)
	}
	e.note(format, args...)
	return nil
}

// completeFirst completes the first argument with the name of a context.
func (e *env) completeFirst(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return e.completeContexts(cmd, args, begun)
}

// contextObject is a context in JSON.
type contextObject struct {
	Name     string         `json:"name"`
	Current  bool           `json:"current"`
	Guard    bool           `json:"guard"`
	Address  string         `json:"address"`
	Username string         `json:"username,omitempty"`
	Settings map[string]any `json:"settings,omitempty"`
}

func (e *env) contextObject(file config.ContextFile, contexts config.Contexts, x config.Context) contextObject {
	return contextObject{
		Name: x.Name, Current: contexts.Current == x.Name, Guard: x.Guard, Address: e.addressOf(file, x), Username: x.Value("username"),
	}
}

// settingsObject are the settings of a context in JSON, with secrets masked.
func settingsObject(file config.ContextFile, x config.Context) map[string]any {
	settings := map[string]any{}
	for _, k := range file.Keys {
		for _, s := range x.Settings {
			if s.Flag == k.Flag {
				settings[k.Name()] = settingValue(k, s)
			}
		}
	}
	return settings
}

func settingValue(k config.Key, s config.Setting) any {
	var values []string
	for _, v := range s.Values {
		values = append(values, config.Masked(s.Flag, v))
	}
	switch {
	case k.Repeated:
		return values
	case k.Bare && json.Valid([]byte(values[0])):
		return json.RawMessage(values[0])
	default:
		return values[0]
	}
}

// said is a name or a dash.
func said(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
