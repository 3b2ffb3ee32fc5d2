//go:build !unix

package output

import (
	"context"
	"errors"
	"syscall"
)

// isClosedPipe knows what Windows says: ERROR_BROKEN_PIPE and ERROR_NO_DATA.
func isClosedPipe(err error) bool {
	return errors.Is(err, syscall.Errno(109)) || errors.Is(err, syscall.Errno(232))
}

// UntilClosed returns ctx: here only a write notices that the reader of a pipe has gone.
func UntilClosed(ctx context.Context, _ any) (context.Context, context.CancelFunc) {
	return context.WithCancel(ctx)
}
