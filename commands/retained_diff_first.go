package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// firstSide is what `retained diff` compares with: a dump, or the broker of a context.
type firstSide struct {
	payloadOnly bool // it knows no properties
	read        func(ctx context.Context, filters []topic.Filter, selector retained.Selector, differ *retained.Differ) error
	close       func()
}

// openFirst opens the dump of a name, or connects to the broker of the context that is called so.
func (o *retainedDiffOptions) openFirst(ctx context.Context, e *env, name string) (*firstSide, error) {
	if _, err := os.Stat(name); name != "-" && errors.Is(err, os.ErrNotExist) {
		return o.openContext(ctx, e, name)
	}
	in, err := openInput(e, name)
	if err != nil {
		return nil, err
	}
	return &firstSide{
		close: func() { _ = in.Close() }, // only read
		read: func(ctx context.Context, _ []topic.Filter, selector retained.Selector, differ *retained.Differ) error {
			return readBefore(ctx, retained.NewLoad(publish.NewJSON(in, message.Message{Retain: true}), selector), differ)
		},
	}, nil
}

func (o *retainedDiffOptions) openContext(ctx context.Context, e *env, name string) (*firstSide, error) {
	file, contexts, err := e.contexts()
	if err != nil {
		return nil, err
	}
	x, ok := contexts.Find(name)
	if !ok {
		err := exit.New(exit.Usage, "diff", fmt.Sprintf("%q", name), "there is neither a file nor a context with this name")
		if near := contexts.Nearest(name); near != "" {
			return nil, err.Hint("did you mean " + near + "?")
		}
		return nil, err
	}
	other := &retainedOptions{filters: o.filters, timeout: o.timeout, noPublish: o.noPublish}
	probe := &cobra.Command{}
	addConnectionFlags(probe, &other.connection, "subscribe")
	if err := e.applyNamedContext(probe, &other.connection, x, file); err != nil {
		return nil, err
	}
	s, err := other.connect(ctx, e, probe)
	if err != nil {
		return nil, err
	}
	s.name = "context " + name + ": "
	return &firstSide{
		payloadOnly: s.session.Caps().Version != wire.V5,
		close:       func() { s.close(ctx) },
		read: func(ctx context.Context, filters []topic.Filter, selector retained.Selector, differ *retained.Differ) error {
			other.filters = filters
			_, err := s.list(ctx, retained.SinkFunc(func(m message.Message) error {
				if selector.Selects(m) {
					differ.Before(m)
				}
				return nil
			}), allQoS)
			return err
		},
	}, nil
}

// readBefore reads the dump.
func readBefore(ctx context.Context, load *retained.Load, differ *retained.Differ) error {
	for {
		m, _, err := load.Next(ctx)
		switch bad, isLine := errors.AsType[*publish.LineError](err); {
		case err == nil:
			differ.Before(m)
		case errors.Is(err, io.EOF):
			return nil
		case isLine:
			return exit.Wrap(exit.BadData, "read the dump", "", bad)
		case context.Cause(ctx) != nil:
			return context.Cause(ctx)
		default:
			return exit.Wrap(exit.Usage, "read the dump", "", err)
		}
	}
}
