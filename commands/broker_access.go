package commands

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/guard"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/scram"
)

// brokerAccess says who is let into the broker.
type brokerAccess struct {
	files guard.Options
	guard *guard.Guard // nil when there are no files
}

func (o *brokerAccess) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.files.Users, "users", "", "let in who this password file names, in Mosquitto's format (see mqx broker passwd)")
	fs.StringVar(&o.files.List, "acl", "", "allow what this access list says, in Mosquitto's format")
	fs.BoolVar(&o.files.Anonymous, "allow-anonymous", false, "let in clients without a user name, although there are users or others can reach the address")
}

// guards reports whether the broker may listen where others can reach it.
func (o *brokerAccess) guards() bool { return o.files.Users != "" || o.files.Anonymous }

// open reads the files.
func (o *brokerAccess) open(ctx context.Context, e *env, config *broker.Config) error {
	if o.files.Users == "" && o.files.List == "" {
		return nil
	}
	g, err := guard.New(ctx, o.files)
	if err != nil {
		flag := "--acl"
		if file, ok := errors.AsType[*guard.FileError](err); ok && file.File == o.files.Users {
			flag = "--users"
		}
		return exit.Wrap(exit.Usage, flag, "", err)
	}
	if g.Empty() && !o.files.Anonymous {
		e.note("--users %s: there is nobody in it, so nobody gets in: mqx broker passwd %s NAME adds users", o.files.Users, o.files.Users)
	}
	o.guard, config.Access = g, g
	if o.files.Users == "" {
		return nil
	}
	config.Authenticator, err = scram.New(func(user string) (scram.Credentials, bool) {
		r, ok := g.Scram(user)
		return scram.Credentials{Iterations: r.Iterations, Salt: r.Salt, StoredKey: r.StoredKey, ServerKey: r.ServerKey}, ok
	})
	if err != nil {
		return exit.Wrap(exit.Usage, "--users", o.files.Users, err)
	}
	return nil
}
