package output

import "io"

// Lines prints results that are a line or more of text, or a JSON object a line. It is not safe for concurrent use.
type Lines struct {
	w   io.Writer
	buf []byte
	tty bool
}

// NewLines returns a printer of lines for the standard output of s.
func NewLines(s Streams) *Lines { return &Lines{w: s.Out, tty: s.OutTTY} }

// Text adds text that holds nothing a terminal acts on but styles, with its line feeds.
func (l *Lines) Text(text string) { l.buf = append(l.buf, text...) }

// Escaped adds a line of text that came from elsewhere.
func (l *Lines) Escaped(text string) {
	l.buf = append(AppendEscaped(l.buf, []byte(text)), '\n')
}

// JSON adds a JSON object as a line.
func (l *Lines) JSON(object []byte) {
	if l.tty {
		l.buf = appendSafeJSON(l.buf, object)
	} else {
		l.buf = append(l.buf, object...)
	}
	l.buf = append(l.buf, '\n')
}

// Buffered is how many bytes wait for Flush.
func (l *Lines) Buffered() int { return len(l.buf) }

// Flush writes what was added. When nobody reads any more the error wraps exit.ErrOutputClosed.
func (l *Lines) Flush() error {
	if len(l.buf) == 0 {
		return nil
	}
	_, err := l.w.Write(l.buf)
	if l.buf = l.buf[:0]; cap(l.buf) > keepBuffer {
		l.buf = nil
	}
	return writeError(err)
}
