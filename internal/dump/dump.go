// Package dump keeps messages as files below a folder, and reads them again. The topic acme/lyon/temp is kept in
// acme/lyon/temp.payload, byte for byte, and what else there is to know about the message in acme/lyon/temp.json, where the
// payload alone does not tell: QoS, RETAIN, properties, or a topic that cannot be the name of a file. The time of the file is when
// the message came.
//
// Start with [Create] or [Open]. Topics are hostile input: what a file system cannot hold, such as .. or an empty level, is
// escaped with %XX, names that are too long are cut and carry a hash, and nothing is ever written outside of the folder, also not
// through symbolic links. Two topics never share a file; on a file system that does not tell upper from lower case they do not
// either. Files are replaced in one step.
package dump

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
)

// Writer keeps messages. It is not safe for concurrent use.
type Writer struct {
	root *os.Root
	each bool
	fold bool // the file system does not tell upper from lower case
	temp string

	numbers map[string]int // of the last message of a topic
}

// maxNumbers bounds how many topics a Writer remembers the numbers of; those of others it looks up.
const maxNumbers = 100_000

// Create opens a folder for writing, and makes it when it is not there. With each every message is kept, in numbered files
// below acme/lyon/temp.messages; without, the last one of each topic.
func Create(dir string, each bool) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // G301: as private as the user's umask says
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{root: root, each: each, temp: ".mqx-" + strconv.Itoa(os.Getpid()), numbers: map[string]int{}}
	if w.fold, err = w.foldsCase(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return w, nil
}

// foldsCase tries whether a file is found by its name in upper case.
func (w *Writer) foldsCase() (bool, error) {
	f, err := w.root.Create(w.temp)
	if err != nil {
		return false, err
	}
	_, err = w.root.Stat(strings.ToUpper(w.temp))
	return err == nil, errors.Join(f.Close(), w.root.Remove(w.temp))
}

// Close closes the folder.
func (w *Writer) Close() error { return w.root.Close() }

// Write keeps a message. An error means that it is not kept, or not all of what is known about it.
func (w *Writer) Write(m message.Message) error {
	name, exact := pathOf(m.Topic, w.fold)
	if w.each {
		n, err := w.number(name + eachSuffix)
		if err != nil {
			return err
		}
		name = fmt.Sprintf("%s/%06d", name+eachSuffix, n)
	}
	if err := w.replace(name+payloadSuffix, m.Payload, m); err != nil {
		return err
	}
	if exact && m.QoS == 0 && !m.Retain && m.Properties.Empty() {
		if err := w.root.Remove(name + aboutSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return w.replace(name+aboutSuffix, append(message.AppendHead(nil, m), '\n'), m)
}

// number returns the number of the next message in a folder.
func (w *Writer) number(folder string) (int, error) {
	n, known := w.numbers[folder]
	if !known {
		var err error
		if n, err = w.last(folder); err != nil {
			return 0, err
		}
		if len(w.numbers) >= maxNumbers {
			clear(w.numbers)
		}
	}
	w.numbers[folder] = n + 1
	return n + 1, nil
}

// last is the greatest number in a folder, 0 when it is not there.
func (w *Writer) last(folder string) (int, error) {
	f, err := w.root.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was read only
	last := 0
	for {
		const some = 1000
		names, err := f.Readdirnames(some)
		for _, name := range names {
			if n, err := strconv.Atoi(strings.TrimSuffix(name, payloadSuffix)); err == nil {
				last = max(last, n)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return last, nil
		case err != nil:
			return 0, err
		}
	}
}

// replace gives a file its content in one step.
func (w *Writer) replace(name string, content []byte, m message.Message) error {
	temp := path.Join(path.Dir(name), w.temp)
	f, err := w.root.Create(temp)
	if errors.Is(err, fs.ErrNotExist) {
		if err := w.root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		f, err = w.root.Create(temp)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil && !m.Time.IsZero() {
		err = w.root.Chtimes(temp, m.Time, m.Time)
	}
	if err == nil {
		err = w.root.Rename(temp, name)
	}
	if err != nil {
		_ = w.root.Remove(temp) // what went wrong before is what counts
	}
	return err
}
