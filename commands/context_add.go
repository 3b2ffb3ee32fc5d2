package commands

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
)

type contextAddOptions struct {
	connection config.Connection
	given      map[string]*givenFlag

	guard       bool
	replace     bool
	use         bool
	askPassword bool
}

func newContextAdd(e *env) *cobra.Command {
	o := &contextAddOptions{given: map[string]*givenFlag{}}
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Keep a connection under a name",
		Long: "Keep the connection flags of this command line under a name; environment variables are left out. The password,\n" +
			"and the user name, may be a reference: env:NAME, file:PATH or cmd:COMMAND, which is kept as it is and resolved\n" +
			"when it is needed. A password in plain text is kept in the file, which only you can read. Paths are kept absolute.\n\n" +
			"Status 8: there is a context with this name, and --force was not given.",
		Example: "  mqx context add local --url mqtt://localhost --use\n" +
			"  mqx context add prod --url mqtts://broker.example -u me -P env:PROD_PASSWORD --guard\n" +
			"  mqx context add site -h 10.0.0.7 -u me -P 'cmd:pass show mqtt/site'",
		ValidArgsFunction: cobra.NoFileCompletions,
		Annotations:       readOnly(),
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.guard, "guard", false, "have commands that clear or overwrite in bulk ask first, or take --yes")
	fs.BoolVar(&o.replace, "force", false, "replace the context of this name")
	fs.BoolVar(&o.use, "use", false, "make it the current context")
	fs.BoolVar(&o.askPassword, "ask-password", false, "ask for a password now, or read a line of standard input, and keep it in the file")
	e.addJSONFlag(cmd, "print the context as a JSON object")
	addConnectionFlags(cmd, &o.connection, "publish")
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Annotations[connectionFlag] != nil {
			o.given[f.Name] = &givenFlag{Value: f.Value}
			f.Value = o.given[f.Name]
		}
	})
	cmd.RunE = e.runAfter(func(cmd *cobra.Command, _ []string) error {
		return e.applyEnvironmentTo(cmd, func(f *pflag.Flag) bool { return f.Annotations[connectionFlag] == nil })
	}, func(ctx context.Context, args []string) error { return o.run(ctx, e, cmd, args) })
	return cmd
}

// givenFlag keeps what a flag was given, word for word.
type givenFlag struct {
	pflag.Value

	words []string
}

// Set takes a value.
func (g *givenFlag) Set(s string) error {
	if err := g.Value.Set(s); err != nil {
		return err
	}
	if _, list := g.Value.(repeated); !list && g.Type() != "stringSlice" {
		g.words = nil
	}
	g.words = append(g.words, s)
	return nil
}

func (o *contextAddOptions) run(ctx context.Context, e *env, cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(cmd, "a name is needed for the context, and only one")
	}
	if err := config.CheckContextName(args[0]); err != nil {
		return exit.Wrap(exit.Usage, "context", "", err)
	}
	x, err := o.contextOf(ctx, e, cmd, args[0])
	if err != nil {
		return err
	}
	file, err := e.contextFile()
	if err != nil {
		return err
	}
	if err := e.checkContext(x, file); err != nil {
		return err
	}
	var contexts config.Contexts
	err = file.Update(func(c *config.Contexts) error {
		if _, there := c.Find(x.Name); there && !o.replace {
			return exit.New(exit.Conflict, "context", x.Name, "there is one with this name").Hint("--force replaces it, mqx context edit changes it")
		}
		if c.Put(x); o.use {
			c.Current = x.Name
		}
		contexts = *c
		return nil
	})
	if err != nil {
		return e.contextsError(file.Path, err)
	}
	o.warn(e, x, file)
	object := e.contextObject(file, contexts, x)
	object.Settings = settingsObject(file, x)
	return e.done(object, "context %s is %s", x.Name, object.Address)
}

// warn tells about secrets that stand in the file.
func (o *contextAddOptions) warn(e *env, x config.Context, file config.ContextFile) {
	for _, s := range x.Settings {
		if s.IsSecret() && (s.Flag != "password" || !o.askPassword) {
			e.note("warning: the secret of --%s stands in %s as text, and perhaps in your shell's history; for a password, --password "+
				"env:NAME, file:PATH or cmd:COMMAND keeps it out of both", s.Flag, file.Path)
		}
	}
}

// contextOf makes a context of the flags that were given.
func (o *contextAddOptions) contextOf(ctx context.Context, e *env, cmd *cobra.Command, name string) (config.Context, error) {
	x := config.Context{Name: name, Guard: o.guard}
	here, err := filepath.Abs(".")
	if err != nil {
		return x, exit.Wrap(exit.Usage, "context", name, err)
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		g := o.given[f.Name]
		if g == nil || !f.Changed || err != nil {
			return
		}
		if !storable(f) {
			err = usageError(cmd, "--%s is not kept in a context", f.Name)
			return
		}
		s := config.Setting{Flag: f.Name}
		for _, word := range g.words {
			if f.Name == "property" {
				if word, err = propertyLine(cmd, word); err != nil {
					return
				}
			}
			s.Values = append(s.Values, config.Anchored(f.Name, word, here, e.getenv("HOME")))
		}
		if g.Type() == "stringSlice" {
			s.Values = []string{strings.Join(s.Values, ",")}
		}
		x.Settings = append(x.Settings, s)
	})
	if err != nil || !o.askPassword {
		return x, err
	}
	if slices.ContainsFunc(x.Settings, func(s config.Setting) bool { return strings.HasPrefix(s.Flag, "password") }) {
		return x, usageError(cmd, "--ask-password excludes the other flags for a password")
	}
	password, err := e.readPassword(ctx)
	x.Settings = append(x.Settings, config.Setting{Flag: "password", Values: []string{password}})
	return x, err
}

// propertyLine is the words of a --property with spaces between them, from which SetLine must get the same words.
func propertyLine(cmd *cobra.Command, joined string) (string, error) {
	words := strings.Split(joined, wordSeparator)
	for _, word := range words[:len(words)-1] {
		if strings.Contains(word, " ") {
			return "", usageError(cmd, "--property %s: a context keeps no name with a space in it, and %q has one", words[0], word)
		}
	}
	return strings.Join(words, " "), nil
}

// readPassword asks for a password, or takes a line of standard input.
func (e *env) readPassword(ctx context.Context) (string, error) {
	ask := e.promptSecret(ctx)
	if !e.streams.InTTY {
		ask = func(string) (string, error) { return readLine(ctx, e.streams.In) }
	}
	password, err := ask("Password: ")
	password = strings.TrimRight(password, "\r\n")
	switch {
	case err != nil:
		return "", exit.Wrap(exit.Usage, "--ask-password", "", err)
	case password == "":
		return "", exit.New(exit.Usage, "--ask-password", "", "no password was given")
	case config.IsReference(password):
		return "", exit.New(exit.Usage, "--ask-password", "", "a password that begins like a reference can only be kept by reference").
			Hint("for example -P file:PATH")
	default:
		return password, nil
	}
}

// checkContext refuses a context that cannot work. That a file is not there yet is only told.
func (e *env) checkContext(x config.Context, file config.ContextFile) error {
	var c config.Connection
	probe := &cobra.Command{}
	addConnectionFlags(probe, &c, "publish")
	if err := e.fillFromContext(probe, &c, x, filepath.Dir(file.Path)); err != nil {
		return err
	}
	c.Given = origins(probe)
	none := func(string) (string, error) { return "?", nil }
	_, err := c.Resolve(config.Secrets{Prompt: none, Run: none, Getenv: func(string) string { return "?" }})
	if errors.Is(err, fs.ErrNotExist) {
		e.note("warning: %s", err)
		return nil
	}
	return err
}
