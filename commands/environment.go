package commands

import (
	"slices"
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
	silent := silencedGroups(cmd)
	var failure error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || failure != nil || f.Name == "help" {
			return
		}
		for _, group := range f.Annotations[insteadOf] {
			if silent[group] {
				return
			}
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

func silencedGroups(cmd *cobra.Command) map[string]bool {
	silent := map[string]bool{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		for _, group := range f.Annotations[insteadOf] {
			if group != groupAddress || namesAddress(f.Name) {
				silent[group] = true
			}
		}
	})
	return silent
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
	f.Annotations[originKey] = []string{string(rune('0' + o))}
}

// originOf says where the value of f came from.
func originOf(f *pflag.Flag) config.Origin {
	switch {
	case f.Changed:
		return config.Flag
	case f.Annotations[originKey] != nil:
		return config.Environment
	default:
		return config.Default
	}
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

// given reports whether a flag of cmd has a value from the command line or the environment.
func given(cmd *cobra.Command, flag string) bool {
	f := cmd.Flags().Lookup(flag)
	return f != nil && originOf(f) > config.Default
}
