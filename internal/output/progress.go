package output

import (
	"fmt"
	"io"
	"time"
)

// progressEvery is how often progress is shown.
const progressEvery = 100 * time.Millisecond

// Progress shows on standard error how far long work has come, when that is a terminal. It is not safe for concurrent use.
type Progress struct {
	w     io.Writer
	last  time.Time
	shown bool
}

// NewProgress returns a Progress for the standard error of s.
func NewProgress(s Streams) *Progress {
	if !s.ErrTTY {
		return &Progress{}
	}
	return &Progress{w: s.Err, last: time.Now()}
}

// Update shows how far the work has come in place of what was shown before.
func (p *Progress) Update(what string, done, all int) {
	if p.w == nil || time.Since(p.last) < progressEvery {
		return
	}
	p.last, p.shown = time.Now(), true
	if all > 0 {
		fmt.Fprintf(p.w, "\r%s %d of %d (%d %%)\x1b[K", what, done, all, done*100/all)
		return
	}
	fmt.Fprintf(p.w, "\r%s %d\x1b[K", what, done)
}

// Done takes away what was shown.
func (p *Progress) Done() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// ProgressLine shows a line of text on standard error, each in place of the last, when that is a terminal.
type ProgressLine struct{ p *Progress }

// NewProgressLine returns a ProgressLine for the standard error of s.
func NewProgressLine(s Streams) *ProgressLine { return &ProgressLine{NewProgress(s)} }

// Show shows a text.
func (l *ProgressLine) Show(text string) {
	if l.p.w != nil {
		l.p.shown = true
		fmt.Fprintf(l.p.w, "\r%s\x1b[K", text)
	}
}

// Done takes away what was shown.
func (l *ProgressLine) Done() { l.p.Done() }
