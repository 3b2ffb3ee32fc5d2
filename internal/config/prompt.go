package config

import (
	"context"
	"os"
	"runtime"
	"time"

	"golang.org/x/term"
)

// OpenTerminal opens the keyboard of the terminal that this process belongs to, wherever its standard input comes from.
func OpenTerminal() (*os.File, error) {
	if runtime.GOOS == "windows" {
		return os.OpenFile("CONIN$", os.O_RDWR, 0)
	}
	return os.OpenFile("/dev/tty", os.O_RDWR, 0)
}

// ReadSecret asks for a line on a terminal, once that does not show any more what is typed, and reads it. When ctx ends first,
// the terminal is put back as it was.
func ReadSecret(ctx context.Context, terminal *os.File, ask func()) (string, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type answer struct {
		text []byte
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		done <- answer{text, err}
	}()
	// ReadPassword does not tell when echo is off. It may have been off before.
	const mostLooks = 50
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for looks := 0; ; looks++ {
		select {
		case a := <-done:
			return string(a.text), a.err
		case <-ctx.Done():
			_ = term.Restore(fd, before)
			return "", ctx.Err()
		case <-look.C:
			if now, err := term.GetState(fd); err != nil || *now != *before || looks == mostLooks {
				look.Stop()
				ask()
			}
		}
	}
}
