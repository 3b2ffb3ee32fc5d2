//go:build unix

package output

import (
	"context"
	"os"

	"golang.org/x/sys/unix"

	"github.com/mqx-cli/mqx/internal/exit"
)

func isClosedPipe(error) bool { return false } // EPIPE says it all

// UntilClosed returns a context that ends with exit.ErrOutputClosed as its cause when the reader of w, a pipe, has gone.
// So `mqx sub … | head -1` ends without another message. The function it returns must be called in the end.
func UntilClosed(ctx context.Context, w any) (context.Context, context.CancelFunc) {
	f, ok := underlying(w).(*os.File)
	if !ok {
		return context.WithCancel(ctx)
	}
	if info, err := f.Stat(); err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return context.WithCancel(ctx)
	}
	wake, waker, err := os.Pipe()
	if err != nil {
		return context.WithCancel(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if waitClosed(int(f.Fd()), int(wake.Fd())) {
			cancel(exit.ErrOutputClosed)
		}
	}()
	return ctx, func() {
		_ = waker.Close()
		<-done
		_ = wake.Close()
		cancel(nil)
	}
}

// waitClosed returns true when the other end of the pipe fd was closed, and false when that of wake was.
func waitClosed(fd, wake int) bool {
	fds := []unix.PollFd{{Fd: int32(fd)}, {Fd: int32(wake), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case err == unix.EINTR:
		case err != nil, fds[1].Revents != 0:
			return false
		case fds[0].Revents != 0: // POLLERR or POLLHUP: no other event was asked for
			return true
		}
	}
}

// underlying is the writer that w stands for.
func underlying(w any) any {
	if y, ok := w.(*Yielding); ok {
		return y.w
	}
	return w
}
