package lint

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
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
		if c, err := contract.Parse(name, text); err != nil {
			l.unread(Contract, name, err)
		} else {
			l.contract(c, string(text))
		}
	case Fleet:
		l.readFleet(name, text)
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
	var lines lineSpans
	s.Split(lines.split)
	bad, checked := l.bad, l.checked
	for s.Scan() {
		at.Line++
		at.span = lines.span
		line := s.Bytes()
		if kind != Source && isComment(line) {
			at.ignore = l.comment(kind, string(line), at)
			continue
		}
		if len(line) == 0 {
			continue
		}
		if kind == Messages {
			at.span = span{} // a capture says what was: it is not mended
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

// lineSpans is a [bufio.SplitFunc] that knows where the lines stand.
type lineSpans struct {
	offset int
	span   span
}

func (s *lineSpans) split(data []byte, atEOF bool) (advance int, token []byte, err error) {
	advance, token, err = bufio.ScanLines(data, atEOF)
	s.span = span{s.offset, s.offset + len(token), s.offset + advance}
	s.offset += advance
	return advance, token, err
}

// open opens a file, or what stands in its place.
func (l *Linter) open(name string) (io.ReadCloser, error) {
	if text, ok := l.options.Overlay[name]; ok {
		return io.NopCloser(bytes.NewReader(text)), nil
	}
	return os.Open(name)
}

// Overlaid returns what stands in the place of a file, if anything does.
func (l *Linter) Overlaid(name string) (text []byte, ok bool) {
	text, ok = l.options.Overlay[name]
	return text, ok
}

// ReadWhole returns the content of a file as the linter sees it.
func (l *Linter) ReadWhole(name string) ([]byte, error) {
	f, err := l.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return l.ReadAll(f)
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

// ReadAll reads an input as a whole, up to the longest that is read.
func (l *Linter) ReadAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("more than %d MiB", maxFile>>20)
	}
	return text, err
}
