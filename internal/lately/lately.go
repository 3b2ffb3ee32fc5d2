// Package lately keeps the topics that a user has met lately, so that a shell can complete them. They are in a file, a
// topic a line, the newest first. When two processes write it at once, one of them is forgotten.
package lately

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mqx-cli/mqx/internal/atomicfile"
)

const (
	mostOfARun = 256  // so that one look at # does not push everything else out
	mostKept   = 2048 // in the file
	longest    = 256  // bytes of a topic: nobody completes longer ones
)

// Topics are those that were met while a command ran. The zero value is ready to use; it is for one goroutine.
type Topics struct {
	list []string // the oldest first
	last string
	seen map[string]struct{}
}

// Add takes a Topic Name or a Topic Filter. It is quick enough for each message of a stream, and leaves out what a shell
// cannot complete: what is long, is not text, or would need quotes.
func (t *Topics) Add(name string) {
	if name == t.last || len(t.list) >= mostOfARun {
		return
	}
	t.last = name
	if _, known := t.seen[name]; known || !completable(name) {
		return
	}
	if t.seen == nil {
		t.seen = map[string]struct{}{}
	}
	t.last = strings.Clone(name) // which may be a part of a packet
	t.seen[t.last] = struct{}{}
	t.list = append(t.list, t.last)
}

// Save puts the topics before those in the file, whose folder is made if need be.
func (t *Topics) Save(file string) error {
	if len(t.list) == 0 {
		return nil
	}
	kept, err := Read(file)
	if err != nil {
		return err
	}
	topics := slices.Clone(t.list)
	slices.Reverse(topics)
	for _, name := range kept {
		if _, again := t.seen[name]; !again && len(topics) < mostKept {
			topics = append(topics, name)
		}
	}
	if slices.Equal(topics, kept) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(file, 0o600, []byte(strings.Join(topics, "\n")+"\n"))
}

// Read returns the topics in a file, the newest first. Lines that could not have been written are left out; a file that is
// not there holds none.
func Read(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var topics []string
	for line := range bytes.Lines(text) {
		name := string(bytes.TrimSuffix(line, []byte("\n")))
		if completable(name) && len(topics) < mostKept {
			topics = append(topics, name)
		}
	}
	return topics, nil
}

// shownWhole is how many topics a shell is offered as they are. Of more it is offered the next level.
const shownWhole = 24

// Complete returns what a word that was begun may become: the topics that begin with it, or when these are many, their
// beginnings up to the end of the next level, which end in a slash.
func Complete(topics []string, begun string) []string {
	var found []string
	for _, name := range topics {
		if strings.HasPrefix(name, begun) && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	for len(found) > shownWhole {
		levels := nextLevels(found, len(begun))
		if len(levels) != 1 || !strings.HasSuffix(levels[0], "/") {
			return levels
		}
		begun = levels[0] // the only way on: there is nothing to choose yet
	}
	return found
}

// nextLevels returns the beginnings of topics up to the first slash behind the first n bytes, in their order. A topic that
// is alone with its beginning stays whole.
func nextLevels(topics []string, n int) []string {
	var levels []string
	at := map[string]int{}
	for _, name := range topics {
		level := name
		if i := strings.IndexByte(name[n:], '/'); i >= 0 {
			level = name[:n+i+1]
		}
		if i, again := at[level]; again {
			levels[i] = level
			continue
		}
		at[level] = len(levels)
		levels = append(levels, name)
	}
	return levels
}

// completable reports whether a shell can insert a topic as a bare word. Wildcards can stand in one: shells leave words
// with + and a # inside alone.
func completable(name string) bool {
	if name == "" || len(name) > longest || !utf8.ValidString(name) || name[0] == '#' || name[0] == '~' || name[0] == '=' {
		return false
	}
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/+#-_.:,=@%~", r) {
			return false
		}
	}
	return true
}
