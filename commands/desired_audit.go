package commands

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/twin"
)

// auditLog is where a command writes down what it does to what is desired.
type auditLog struct {
	env    *env
	path   string // empty for no log
	run    string
	broker string
	by     string
	action string
	failed bool

	// tell, when set, publishes a record as an event; told says that there was one, refused what became of the last one that
	// the broker did not take.
	tell    func(r twin.Record, done func(error)) error
	told    bool
	refused atomic.Pointer[error]
}

// auditPath is the file of the log, empty when the environment names no folder for it.
func (e *env) auditPath() string {
	dir := config.StateDir(e.getenv)
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "audit.jsonl")
}

// write adds a record. The log must not keep a change from being made: what goes wrong is told once.
func (a *auditLog) write(r twin.Result) {
	if a.path == "" && a.tell == nil {
		return
	}
	record := twin.NewRecord(r)
	record.Run, record.Broker, record.By, record.Action = a.run, a.broker, a.by, a.action
	if a.path != "" {
		line, err := record.Append(nil)
		if err == nil {
			err = appendFile(a.path, line)
		}
		a.fails(err)
	}
	if a.tell != nil {
		a.told = true
		a.fails(a.tell(record, func(err error) {
			if err != nil {
				a.refused.Store(&err)
			}
		}))
	}
}

// fails tells of the first record that could not be written.
func (a *auditLog) fails(err error) {
	if err == nil || a.failed {
		return
	}
	a.failed = true
	a.env.note("warning: no audit log: %s (--audit none does without)", pathCause(err))
}

// tellOn publishes records over a fleet's session, from now on.
func (a *auditLog) tellOn(ctx context.Context, f *fleet) {
	a.tell = func(r twin.Record, done func(error)) error { return f.PublishRecord(ctx, r, done) }
}

// end waits until the broker has the records.
func (a *auditLog) end(ctx context.Context, f *fleet) {
	if !a.told {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	a.fails(f.session.Drain(bounded))
	if err := a.refused.Load(); err != nil {
		a.fails(*err)
	}
}

// pathCause leaves the system call out.
func pathCause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return exit.Wrap(exit.Usage, "", p.Path, p.Err)
	}
	return err
}

// appendFile adds lines to a file that only its owner may read.
func appendFile(path string, lines []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(lines) // at once: other processes write to it, too
	return errors.Join(err, f.Close())
}
