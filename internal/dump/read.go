package dump

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Reader reads what a [Writer] has kept.
type Reader struct {
	root    *os.Root
	ignored int
	first   string
}

// Open opens a folder for reading.
func Open(dir string) (*Reader, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Reader{root: root}, nil
}

// Close closes the folder.
func (r *Reader) Close() error { return r.root.Close() }

// Ignored is how many files were met that hold no message, and the first of them.
func (r *Reader) Ignored() (files int, first string) { return r.ignored, r.first }

// Messages goes through all messages in the order of their files: topic by topic, those of a topic in the order of arrival.
// defaults hold for files with nothing beside them, as one can make them by hand. An error names the file, and the walk goes on.
func (r *Reader) Messages(defaults message.Message) iter.Seq2[message.Message, error] {
	return func(yield func(message.Message, error) bool) {
		_ = fs.WalkDir(r.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error { // which only ever is SkipAll
			switch {
			case err != nil:
				return skipUnless(yield(message.Message{}, err))
			case entry.IsDir(), strings.HasPrefix(entry.Name(), "."):
				return nil
			case strings.HasSuffix(name, aboutSuffix) && r.has(strings.TrimSuffix(name, aboutSuffix)+payloadSuffix):
				return nil
			case !strings.HasSuffix(name, payloadSuffix):
				if r.ignored++; r.ignored == 1 {
					r.first = name
				}
				return nil
			}
			m, err := r.message(name, defaults)
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			return skipUnless(yield(m, err))
		})
	}
}

func skipUnless(more bool) error {
	if more {
		return nil
	}
	return fs.SkipAll
}

func (r *Reader) has(name string) bool {
	_, err := r.root.Lstat(name)
	return err == nil
}

// errLong is a file that no MQTT packet can carry.
var errLong = errors.New("longer than an MQTT packet can be")

// message reads a message.
func (r *Reader) message(name string, defaults message.Message) (message.Message, error) {
	m := defaults
	kept := strings.TrimSuffix(name, payloadSuffix)
	about, err := r.root.ReadFile(kept + aboutSuffix)
	switch {
	case err == nil:
		m, err = message.ParseJSONOver(bytes.TrimSpace(about), defaults)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
		if folder := path.Dir(kept); strings.HasSuffix(folder, eachSuffix) {
			kept = strings.TrimSuffix(folder, eachSuffix)
		}
		var ok bool
		if m.Topic, ok = topicOf(kept); !ok {
			err = fmt.Errorf("its topic is in %s, which is not there", path.Base(kept)+aboutSuffix)
		}
	}
	if err == nil {
		_, err = topic.ParseName(m.Topic)
	}
	if err != nil {
		return m, err
	}
	info, err := r.root.Stat(name)
	switch {
	case err != nil:
		return m, err
	case !info.Mode().IsRegular():
		return m, errors.New("not a file")
	case info.Size() > wire.MaxRemainingLength:
		return m, errLong
	}
	m.Payload, err = r.root.ReadFile(name)
	return m, err
}
