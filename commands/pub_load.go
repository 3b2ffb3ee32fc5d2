package commands

import (
	"context"
	"io"
	"iter"

	"github.com/mqx-cli/mqx/internal/dump"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/publish"
)

// loading is a Source of the messages that `sub --dump` has kept.
type loading struct {
	reader *dump.Reader
	next   func() (message.Message, error, bool)
	stop   func()
}

// openLoad opens a folder.
func openLoad(dir string, defaults message.Message) (*loading, error) {
	r, err := dump.Open(dir)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--from-dump", "", err)
	}
	l := &loading{reader: r}
	l.next, l.stop = iter.Pull2(r.Messages(defaults))
	return l, nil
}

// Next returns the next message. A file that is none does not end the stream.
func (l *loading) Next(ctx context.Context) (message.Message, int, error) {
	m, err, more := l.next()
	switch {
	case ctx.Err() != nil:
		return message.Message{}, 0, ctx.Err()
	case !more:
		return message.Message{}, 0, io.EOF
	case err != nil:
		return message.Message{}, 0, &publish.LineError{Err: err}
	default:
		return m, 0, nil
	}
}

// close says which files were left out.
func (l *loading) close(e *env) {
	if l == nil {
		return
	}
	l.stop()
	_ = l.reader.Close() // it was read only
	if n, first := l.reader.Ignored(); n > 0 {
		e.note("%s without a message left out, first %s", count(n, "file"), first)
	}
}
