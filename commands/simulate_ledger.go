package commands

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// ledgerFile is a ledger that is written; the one without a file keeps nothing.
type ledgerFile struct {
	file *os.File
	w    *bufio.Writer
	text []byte
}

// createLedger creates the file of --ledger, or the one that the profile names.
func createLedger(e *env, flag, inProfile string) (*ledgerFile, error) {
	name := flag
	var err error
	if name == "" && inProfile != "" {
		name = inProfile
		err = os.MkdirAll(filepath.Dir(name), 0o755) //nolint:gosec // G301: it is meant to be shared
	}
	if name == "" {
		return &ledgerFile{w: bufio.NewWriter(io.Discard)}, nil
	}
	var f *os.File
	if err == nil {
		f, err = os.Create(name)
	}
	if err != nil {
		if pathError, ok := errors.AsType[*os.PathError](err); ok {
			err = pathError.Err
		}
		return nil, exit.Wrap(exit.Usage, "--ledger", name, err)
	}
	if flag == "" {
		e.note("the ledger is %s", name)
	}
	return &ledgerFile{file: f, w: bufio.NewWriterSize(f, flushAt)}, nil
}

func (l *ledgerFile) write(m *simulate.Made) error {
	if l.file == nil {
		return nil
	}
	entry := m.Entry()
	l.text = entry.AppendJSON(l.text[:0])
	_, err := l.w.Write(l.text)
	return err
}

// Close writes what is left.
func (l *ledgerFile) Close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.w.Flush(), l.file.Close())
}
