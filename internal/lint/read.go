package lint

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

const (
	// maxLine bounds a line of an input: a message in JSON may be longer than its payload.
	maxLine = 1 << 30
	// maxFile bounds the files that are read as a whole.
	maxFile = 64 << 20
)

// ErrNotRecognised says that it is not clear what a file is.
var ErrNotRecognised = errors.New("not clear what this is")

// ErrNoMessages says that no line of a capture is a message: nothing was checked, which is not the same as clean.
var ErrNoMessages = errors.New("no line is a message as JSON")

// Read checks an input of a kind. name is what findings call it.
func (l *Linter) Read(kind Kind, name string, r io.Reader) error {
	switch kind {
	case Topics, Filters, Messages, Source:
		return l.readLines(kind, name, r)
	default:
		text, err := l.ReadAll(r)
		if err != nil {
			return err
		}
		return l.readWhole(kind, name, text)
	}
}

func (l *Linter) readWhole(kind Kind, name string, text []byte) error {
	switch kind {
	case Payload:
		l.Payload("", text, Place{File: name})
	case ACL, EMQXACL:
		l.AccessList(kind, name, string(text))
	case Conf:
		l.MosquittoConf(name, string(text))
	case Contract:
		c, err := contract.Parse(name, text)
		if err != nil {
			return err
		}
		l.Contract(c)
	case Fleet:
		return l.readFleet(name, text)
	default:
		return ErrNotRecognised
	}
	return nil
}

// readLines checks an input line by line, so that it may be of any length.
func (l *Linter) readLines(kind Kind, name string, r io.Reader) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	at := Place{File: name}
	bad, checked := l.bad, l.checked
	for s.Scan() {
		at.Line++
		line := bytes.TrimSuffix(s.Bytes(), []byte("\r"))
		if kind != Source && isComment(line) {
			at.ignore = l.comment(kind, string(line), at)
			continue
		}
		if len(line) == 0 {
			continue
		}
		l.line(kind, line, at)
		at.ignore = nil
	}
	if kind == Filters {
		l.EndOfFilters()
	}
	if s.Err() == nil && l.bad > bad && l.checked == checked {
		return ErrNoMessages
	}
	return s.Err()
}

// isComment tells comments: a # before a space is no part of a topic or a filter that anybody uses.
func isComment(line []byte) bool { return bytes.HasPrefix(line, []byte("# ")) }

func (l *Linter) line(kind Kind, line []byte, at Place) {
	switch kind {
	case Topics:
		l.Topic(string(line), at)
	case Filters:
		text := string(line)
		at.Text = text
		l.Filter(text, at)
	case Source:
		l.SourceLine(string(line), at)
	default:
		l.messageLine(line, at)
	}
}

// messageLine checks a message in JSON. A line that is none loses nothing but itself.
func (l *Linter) messageLine(line []byte, at Place) {
	m, err := message.ParseJSON(line)
	if err != nil && gjson.ValidBytes(line) && gjson.GetBytes(line, "topic").Str == "" && gjson.GetBytes(line, "topic").Exists() {
		m.Topic, err = "", nil // a rule says what is wrong with it
	}
	if err != nil {
		l.badLine(at, err)
		return
	}
	// Who received a message wrote down when. Then the RETAIN flag is the Server's, which clears it for live messages.
	received := gjson.GetBytes(line, "time")
	if t, err := time.Parse(time.RFC3339Nano, received.Str); err == nil {
		m.Time = t
	}
	l.Message(Messages, m, !received.Exists(), at)
}

// badLine takes note of a line that is no message: of the first ones with their places.
func (l *Linter) badLine(at Place, err error) {
	const shown = 3
	if l.bad++; l.bad <= shown {
		l.note("%s:%d: %s", at.File, at.Line, err)
	}
}

// ReadFile checks a file or, of a folder, every file in it that is recognised.
func (l *Linter) ReadFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return l.ReadFolder(path, "")
	}
	return l.readFile(path, "", true)
}

// ReadFileAs checks a file of a known kind.
func (l *Linter) ReadFileAs(kind Kind, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return l.Read(kind, path, f)
}

// ReadFolder checks the files below a folder that are recognised: of one kind, or of all when it is empty.
func (l *Linter) ReadFolder(path string, only Kind) error {
	return filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipFolder(d.Name()) && name != path:
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		err = l.readFile(name, only, false)
		if errors.Is(err, ErrNotRecognised) {
			return nil
		}
		return err
	})
}

// ReadAll reads an input as a whole, up to the longest that is read.
func (l *Linter) ReadAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("more than %d MiB", maxFile>>20)
	}
	return text, err
}

func skipFolder(name string) bool {
	return strings.HasPrefix(name, ".") && name != "." && name != ".." || name == "node_modules" || name == "vendor"
}

// readFile checks one file. named says that the user named it: then it must be recognised.
func (l *Linter) readFile(name string, only Kind, named bool) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	head, err := r.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return fmt.Errorf("%s: %w", name, err)
	}
	kind := Detect(name, head)
	switch {
	case kind == "" && named:
		return fmt.Errorf("%s: %w", name, ErrNotRecognised)
	case kind == "" || only != "" && kind != only:
		return nil
	}
	err = l.Read(kind, name, r)
	if _, named := errors.AsType[*yamlfile.Error](err); err != nil && !named {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return err
}
