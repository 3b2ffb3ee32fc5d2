package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// contextFlag takes the name of a context. It leads from the flags of a command to its connection.
type contextFlag struct{ c *config.Connection }

// Set takes a name.
func (f contextFlag) Set(name string) error {
	f.c.Context = name
	return nil
}

// String returns the name.
func (f contextFlag) String() string {
	if f.c == nil {
		return ""
	}
	return f.c.Context
}

// Type names the value in help.
func (contextFlag) Type() string { return "NAME" }

// storable tells the connection flags that a context may hold.
func storable(f *pflag.Flag) bool {
	return f.Annotations[connectionFlag] != nil && !slices.Contains([]string{"context", "embedded", "debug"}, f.Name)
}

// contextKeys are the settings that a context may have: the connection flags. Whatever is added to them is one.
func contextKeys() []config.Key {
	probe := &cobra.Command{}
	addConnectionFlags(probe, &config.Connection{}, "publish")
	var keys []config.Key
	probe.Flags().VisitAll(func(f *pflag.Flag) {
		if !storable(f) {
			return
		}
		_, list := f.Value.(repeated)
		keys = append(keys, config.Key{
			Flag: f.Name, Repeated: list, Bare: slices.Contains([]string{"bool", "int", "uint16", "uint32", "port", "0|1|2"}, f.Value.Type()),
			Check: func(value string) error {
				if err := setLine(f, value); err != nil {
					return valueError(err)
				}
				return nil
			},
		})
	})
	return keys
}

// setLine sets f, once more if it may be repeated.
func setLine(f *pflag.Flag, value string) error {
	if r, ok := f.Value.(repeated); ok {
		return r.SetLine(value)
	}
	return f.Value.Set(value)
}

// contextFile is the file of contexts of this user.
func (e *env) contextFile() (config.ContextFile, error) {
	path := config.ContextPath(e.getenv)
	if path == "" {
		return config.ContextFile{}, exit.New(exit.Usage, "contexts", "", "neither XDG_CONFIG_HOME nor HOME says where they are kept")
	}
	return config.ContextFile{Path: path, Keys: contextKeys()}, nil
}

// contextsError puts a failure to read or to change the file into words.
func (e *env) contextsError(path string, err error) error {
	if mistakes, ok := errors.AsType[*yamlfile.Error](err); ok {
		return e.mistakesError("contexts", mistakes)
	}
	if _, ok := errors.AsType[*exit.Error](err); ok {
		return err
	}
	failure := exit.Wrap(exit.Usage, "contexts", path, err)
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		failure.Why = pathError.Err
	}
	if errors.Is(err, config.ErrExposed) {
		return failure.Hint("chmod 600 the file, or keep references like env:NAME in it")
	}
	return failure
}

// noContext says that there is no context with a name.
func noContext(code exit.Code, contexts config.Contexts, name string) error {
	err := exit.New(code, "context", fmt.Sprintf("%q", name), "there is none with this name")
	if near := contexts.Nearest(name); near != "" {
		return err.Hint("did you mean " + near + "?")
	}
	if len(contexts.List) == 0 {
		return err.Hint("mqx context add " + name + " --url mqtt://HOST makes one")
	}
	return err.Hint("see mqx context ls")
}

// applyContext sets the connection flags of cmd that nothing else has set from the context that is asked for, or else
// from the current one.
func (e *env) applyContext(cmd *cobra.Command) error {
	f := cmd.Flags().Lookup("context")
	if f == nil {
		return nil
	}
	flag, ok := f.Value.(contextFlag)
	asked := originOf(f) > config.Default
	if !ok || asked && flag.c.Context == "" {
		return nil
	}
	if !asked && config.ContextPath(e.getenv) == "" {
		return nil
	}
	file, err := e.contextFile()
	if err != nil {
		return err
	}
	contexts, err := file.Read()
	if !asked && errors.Is(err, fs.ErrPermission) { // the home of somebody else, for a service
		e.note("warning: %s", e.contextsError(file.Path, err))
		return nil
	}
	if err != nil {
		return e.contextsError(file.Path, err)
	}
	name := contexts.Current
	if asked {
		name = flag.c.Context
	}
	if name == "" {
		return nil
	}
	x, ok := contexts.Find(name)
	if !ok {
		return noContext(exit.Usage, contexts, name)
	}
	if source := namingSource(cmd, config.Environment); asked && source != "" && namesBroker(x) {
		e.note("%s comes before the context: the address, TLS and credentials of %s are not used", source, name)
	}
	return e.fillFromContext(cmd, flag.c, x, filepath.Dir(file.Path))
}

// namingSource returns the variable or flag of an origin that names the broker, empty for none.
func namingSource(cmd *cobra.Command, origin config.Origin) string {
	name := ""
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if name == "" && namesAddress(f.Name) && originOf(f) == origin {
			name = environmentName(cmd, f)
		}
	})
	return name
}

// namesBroker reports whether a context names a broker.
func namesBroker(x config.Context) bool {
	return slices.ContainsFunc(x.Settings, func(s config.Setting) bool { return namesAddress(s.Flag) })
}

// fillFromContext sets the flags that no higher source has set. Paths are relative to dir.
func (e *env) fillFromContext(cmd *cobra.Command, c *config.Connection, x config.Context, dir string) error {
	silent := silencedGroups(cmd)
	c.Context = x.Name
	c.Guard = x.Guard && !silent[groupAddress]
	for _, s := range x.Settings {
		f := cmd.Flags().Lookup(s.Flag)
		if f == nil || !storable(f) || !silent.lets(f) {
			continue
		}
		for _, value := range s.Values {
			if err := setLine(f, config.Anchored(s.Flag, value, dir, e.getenv("HOME"))); err != nil {
				return exit.Wrap(exit.Usage, "context "+x.Name, s.Flag, valueError(err))
			}
		}
		markOrigin(f, config.FromContext)
	}
	return nil
}

// applyNamedContext is for a context that is the command's own subject: it comes before the environment.
func (e *env) applyNamedContext(cmd *cobra.Command, c *config.Connection, x config.Context, file config.ContextFile) error {
	if err := e.fillFromContext(cmd, c, x, filepath.Dir(file.Path)); err != nil {
		return err
	}
	markOrigin(cmd.Flags().Lookup("context"), config.FromContext) // before MQX_CONTEXT, too
	return e.applyEnvironment(cmd)
}

// completeContexts completes the name of a context.
func (e *env) completeContexts(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	file, err := e.contextFile()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	contexts, err := file.Read()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, x := range contexts.List {
		if strings.HasPrefix(x.Name, begun) {
			names = append(names, cobra.CompletionWithDesc(x.Name, e.addressOf(file, x)))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// addressOf is the address that a context stands for, without credentials and on one line; "?" when it makes no sense.
func (e *env) addressOf(file config.ContextFile, x config.Context) string {
	var c config.Connection
	probe := &cobra.Command{}
	addConnectionFlags(probe, &c, "publish")
	if err := e.fillFromContext(probe, &c, x, filepath.Dir(file.Path)); err != nil {
		return "?"
	}
	c.Given = origins(probe)
	address, err := c.Address()
	if err != nil {
		return "?"
	}
	return string(output.AppendEscaped(nil, []byte(address)))
}
