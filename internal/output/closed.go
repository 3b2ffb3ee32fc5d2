package output

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/mqx-cli/mqx/internal/exit"
)

// writeError marks the error of a write to standard output that nobody reads any more.
func writeError(err error) error {
	_, told := errors.AsType[*exit.Error](err)
	switch {
	case err == nil:
		return nil
	case told, errors.Is(err, exit.ErrOutputClosed):
		return err
	case errors.Is(err, syscall.EPIPE) || isClosedPipe(err):
		return fmt.Errorf("%w: %w", exit.ErrOutputClosed, err)
	default:
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err // the rest says what we say
		}
		return exit.Wrap(exit.Usage, "write standard output", "", err)
	}
}
