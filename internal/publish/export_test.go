package publish

import "io"

// NewLimitedLines returns a source of lines that takes the protocol's limit to be longest.
func NewLimitedLines(r io.Reader, longest int) *Lines {
	return &Lines{reader: newLineReader(r, longest)}
}
