package lint

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidwall/gjson"
)

// ReadFile checks a file or, of a folder, every file in it that is recognised.
func (l *Linter) ReadFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return l.ReadFolder(path, "")
	}
	return l.readFile(path)
}

// ReadFileAs checks a file of a known kind.
func (l *Linter) ReadFileAs(kind Kind, path string) error {
	f, err := l.open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return l.Read(kind, path, f)
}

// ReadFolder checks the files below a folder that are recognised: of one kind, or of all when it is empty. One that cannot
// be read is reported, and the others are checked all the same; symbolic links are not followed. The error is that of the
// folder itself.
func (l *Linter) ReadFolder(path string, only Kind) error {
	var confs []string
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == path:
			return err
		case err != nil:
			l.unread("", name, err)
			return nil
		case d.IsDir() && skipFolder(d.Name()) && name != path:
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		kind, err := l.readFound(name, only)
		if err != nil {
			l.unread(kind, name, err)
		} else if kind == Conf {
			confs = append(confs, name)
		}
		return nil
	})
	l.readConfs(confs)
	return err
}

// readConfs checks the configurations that were found: those that another one includes together with it only, because by
// itself a part of a configuration lacks the rest.
func (l *Linter) readConfs(files []string) {
	parts := map[string]bool{}
	for _, file := range files {
		for _, part := range includedBy(file) {
			if filepath.Clean(part) != filepath.Clean(file) {
				parts[filepath.Clean(part)] = true
			}
		}
	}
	for _, file := range files {
		if parts[filepath.Clean(file)] {
			continue
		}
		if err := l.ReadFileAs(Conf, file); err != nil {
			l.unread(Conf, file, err)
		}
	}
}

func skipFolder(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." && name != ".." || name == "node_modules" || name == "vendor"
}

// openDetect opens a file and says what it is.
func (l *Linter) openDetect(name string) (f io.ReadCloser, r *bufio.Reader, head []byte, kind Kind, err error) {
	if f, err = l.open(name); err != nil {
		return nil, nil, nil, "", err
	}
	r = bufio.NewReaderSize(f, 64<<10)
	head, err = r.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		_ = f.Close()
		return nil, nil, nil, "", err
	}
	return f, r, head, Detect(name, head), nil
}

// readFile checks a file that the user named: it must be recognised.
func (l *Linter) readFile(name string) error {
	f, r, _, kind, err := l.openDetect(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if kind == "" {
		return fmt.Errorf("%s: %w", name, ErrNotRecognised)
	}
	if err := l.Read(kind, name, r); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readFound checks a file that was found in a folder, if it is recognised as something with MQTT in it. Configurations are
// left to the caller.
func (l *Linter) readFound(name string, only Kind) (Kind, error) {
	f, r, head, kind, err := l.openDetect(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	switch {
	case kind == "", only != "" && kind != only, kind == Payload && !looksLikePayload(head):
		return "", nil
	case kind == Conf:
		return Conf, nil
	}
	err = l.Read(kind, name, r)
	if errors.Is(err, ErrNoMessages) {
		l.note("%s: no line is a message, so that it was left alone", name)
		return kind, nil
	}
	return kind, err
}

// looksLikePayload reports whether a JSON file has what the payloads of the guide have: most JSON files of a project are
// settings of something.
func looksLikePayload(head []byte) bool {
	if !gjson.ParseBytes(head).IsObject() {
		return false
	}
	for _, member := range []string{"ts", "v", "desired_rev"} {
		if gjson.GetBytes(head, member).Exists() {
			return true
		}
	}
	return versioned(gjson.GetBytes(head, "schema"))
}
