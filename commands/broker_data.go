package commands

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/boltstore"
	"github.com/mqx-cli/mqx/internal/exit"
)

// brokerData is what the broker keeps when it ends.
type brokerData struct {
	dir   string
	store *boltstore.Store // nil without a folder
	end   context.CancelCauseFunc
}

func (o *brokerData) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.dir, "data-dir", "", "keep Retained Messages, Sessions and their messages in this folder, also when the process is killed")
}

// open opens the folder. When it cannot be written to any more, ctx ends.
func (o *brokerData) open(ctx context.Context, config *broker.Config) (context.Context, error) {
	if o.dir == "" {
		return ctx, nil
	}
	ctx, o.end = context.WithCancelCause(ctx)
	store, err := boltstore.Open(o.dir, func(err error) { o.end(dataError(o.dir, err)) })
	if err != nil {
		o.end(err)
		return ctx, openDataError(o.dir, err)
	}
	o.store, config.Store = store, store
	return ctx, nil
}

// close writes what is left. It returns err, unless that fails and err does not say so.
func (o *brokerData) close(err error) error {
	if o.store == nil {
		return err
	}
	defer o.end(err)
	if closeErr := o.store.Close(); closeErr != nil && !errors.Is(err, closeErr) {
		return dataError(o.dir, closeErr)
	}
	return err
}

const dataFlag = "--data-dir"

// openDataError says what is wrong with the folder, and what to do.
func openDataError(dir string, err error) error {
	const flag = dataFlag
	var damaged *boltstore.DamagedError
	switch {
	case errors.Is(err, boltstore.ErrInUse):
		return exit.Wrap(exit.Usage, flag, dir, err).Hint("end that one, or take another folder")
	case errors.Is(err, boltstore.ErrNewer):
		return exit.Wrap(exit.Usage, flag, dir, err).Hint("use that one, or take another folder")
	case errors.As(err, &damaged):
		return exit.Wrap(exit.BadData, flag, "", err).Hint("it was left as it is: put a copy in its place, or move it away to begin without it")
	default:
		return exit.Wrap(exit.Usage, flag, dir, err)
	}
}

// dataError says that the folder can no longer be used, while the broker runs.
func dataError(dir string, err error) error {
	return exit.Wrap(exit.Usage, dataFlag, dir, err).Hint("what was acknowledged is kept; look after the disk and start again")
}
