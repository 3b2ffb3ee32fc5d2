package publish

import (
	"io"
	"time"

	"github.com/mqx-cli/mqx/internal/queue"
)

// Remaining counts the time in the queue.
func Remaining(e *queue.Entry, now time.Time) bool { return remaining(e, now) }

// NewLimitedLines returns a source of lines that takes the protocol's limit to be longest.
func NewLimitedLines(r io.Reader, longest int) *Lines {
	return &Lines{reader: newLineReader(r, longest)}
}
