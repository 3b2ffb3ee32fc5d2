package commands

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
)

// Annotations of flags.
const (
	// connectionFlag marks a flag whose variable is MQX_<FLAG>; others have MQX_<COMMAND>_<FLAG>.
	connectionFlag = "mqx_connection"
	// insteadOf names a group: a flag of the group on the command line silences the environment for the whole group.
	insteadOf = "mqx_group"
)

// The groups of flags that replace each other as a whole.
const (
	groupAddress     = "address" // naming an address replaces address, TLS and credentials
	groupClientID    = "client-id"
	groupPassword    = "password"
	groupWillPayload = "will-payload"
	groupPayload     = "payload"
	groupOutput      = "output"
	groupFilters     = "filters"
	groupWindow      = "window"
)

// namesAddress tells the flags of groupAddress that silence the environment; the others of the group are only silenced.
func namesAddress(flag string) bool {
	return slices.Contains([]string{"host", "url", "embedded"}, flag)
}

// inGroup puts flags into a group. A flag may be in several.
func inGroup(fs *pflag.FlagSet, group string, flags ...string) {
	for _, name := range flags {
		f := fs.Lookup(name)
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[insteadOf] = append(f.Annotations[insteadOf], group)
	}
}

// environmentName is the variable of a flag of cmd.
func environmentName(cmd *cobra.Command, f *pflag.Flag) string {
	if f.Annotations[connectionFlag] != nil || cmd.Root().PersistentFlags().Lookup(f.Name) == f {
		return config.EnvName("", f.Name)
	}
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return config.EnvName(path, f.Name)
}

// applyEnvironment sets the flags of cmd that were not given from the environment, and records where each came from.
func (e *env) applyEnvironment(cmd *cobra.Command) error {
	return e.applyEnvironmentTo(cmd, func(*pflag.Flag) bool { return true })
}

// applyEnvironmentTo does so for some flags.
func (e *env) applyEnvironmentTo(cmd *cobra.Command, which func(*pflag.Flag) bool) error {
	silent := silencedGroups(cmd)
	var failure error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failure != nil || f.Name == "help" || !which(f) || !silent.lets(f) {
			return
		}
		name := environmentName(cmd, f)
		value := e.getenv(name)
		if value == "" {
			return
		}
		if err := setFromEnvironment(f, value); err != nil {
			failure = exit.Wrap(exit.Usage, name, "", valueError(err))
			return
		}
		markOrigin(f, config.Environment)
	})
	return failure
}

// silenced are the groups that a higher source has spoken for.
type silenced map[string]bool

// silencedGroups finds the groups that the sources so far have spoken for.
func silencedGroups(cmd *cobra.Command) silenced {
	silent := silenced{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if originOf(f) == config.Default {
			return
		}
		for _, group := range f.Annotations[insteadOf] {
			if group != groupAddress || namesAddress(f.Name) {
				silent[group] = true
			}
		}
	})
	return silent
}

// lets reports whether the next source may set f.
func (s silenced) lets(f *pflag.Flag) bool {
	return originOf(f) == config.Default && !slices.ContainsFunc(f.Annotations[insteadOf], func(group string) bool { return s[group] })
}

// setFromEnvironment sets f; one that may be repeated takes a value a line.
func setFromEnvironment(f *pflag.Flag, value string) error {
	if r, ok := f.Value.(repeated); ok {
		for line := range strings.Lines(value) {
			if err := r.SetLine(strings.TrimSuffix(line, "\n")); err != nil {
				return err
			}
		}
		return nil
	}
	return f.Value.Set(value)
}

// originKey is the annotation that records a value from elsewhere than the command line.
const originKey = "mqx_origin"

func markOrigin(f *pflag.Flag, o config.Origin) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[originKey] = []string{strconv.Itoa(int(o))}
}

// originOf says where the value of f came from.
func originOf(f *pflag.Flag) config.Origin {
	if f.Changed {
		return config.Flag
	}
	if mark := f.Annotations[originKey]; mark != nil {
		if o, err := strconv.Atoi(mark[0]); err == nil {
			return config.Origin(o)
		}
	}
	return config.Default
}

// origins returns where each flag of cmd got its value from.
func origins(cmd *cobra.Command) map[string]config.Origin {
	given := map[string]config.Origin{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if o := originOf(f); o > config.Default {
			given[f.Name] = o
		}
	})
	return given
}

// given reports whether a flag of cmd has a value from elsewhere than its default.
func given(cmd *cobra.Command, flag string) bool {
	f := cmd.Flags().Lookup(flag)
	return f != nil && originOf(f) > config.Default
}
