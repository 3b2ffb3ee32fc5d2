package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrTooLong says that a command has printed more than was asked for.
var ErrTooLong = errors.New("it printed too much")

// Answer runs a command line by the shell for one event and returns what it prints to its standard output, limit bytes at
// most. Its standard error goes to stderr. With the error, which says how the command failed, comes what was printed before.
func Answer(ctx context.Context, line string, e Event, stderr io.Writer, limit int) ([]byte, error) {
	printed := &limited{limit: limit}
	cmd := command(ctx, line, e)
	cmd.Stdout, cmd.Stderr = printed, stderr
	err := cmd.Run()
	switch {
	case printed.over:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLong, limit)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return printed.text.Bytes(), errors.New("it did not end in time")
	case err != nil:
		return printed.text.Bytes(), inWords(err)
	default:
		return printed.text.Bytes(), nil
	}
}

// limited keeps what is written, up to a limit.
type limited struct {
	text  bytes.Buffer
	limit int
	over  bool
}

// Write keeps p, or fails.
func (l *limited) Write(p []byte) (int, error) {
	if l.text.Len()+len(p) > l.limit {
		l.over = true
		return 0, ErrTooLong
	}
	return l.text.Write(p)
}
