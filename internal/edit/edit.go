// Package edit changes files by byte ranges: it applies edits that do not overlap, shows them as a unified diff, and
// replaces a file in one step.
//
// Start with [Apply], then [Diff]. What the bytes mean is not its business: line ends, a missing final
// newline and everything that no edit names stay as they are.
package edit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Edit replaces a range of bytes.
type Edit struct {
	// Start and End are offsets from 0; End is behind the last byte that is replaced, and equal to Start for an insertion.
	Start int `json:"start"`
	End   int `json:"end"`
	// Text is what stands there afterwards.
	Text string `json:"text"`
}

// overlaps reports whether e and the later one want the same bytes. Two insertions at one place do not: both are made, in
// the order they came.
func (e *Edit) overlaps(later *Edit) bool { return later.Start < e.End }

// Apply returns text with the edits. Of edits that overlap the first one wins, by its place and then by its turn; the same
// edit twice is one. applied says for each edit whether what it asks for is now there. An edit beyond the text is an error:
// it was made for another text.
func Apply(text []byte, edits []Edit) (out []byte, applied []bool, err error) {
	order := make([]int, len(edits))
	for i := range order {
		order[i] = i
		if e := &edits[i]; e.Start < 0 || e.End < e.Start || e.End > len(text) {
			return nil, nil, fmt.Errorf("bytes %d to %d of %d: the text is not the one that was read", e.Start, e.End, len(text))
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(edits[a].Start, edits[b].Start), cmp.Compare(edits[a].End, edits[b].End))
	})
	applied = make([]bool, len(edits))
	last, at := -1, 0
	for _, i := range order {
		e := &edits[i]
		if last >= 0 {
			before := &edits[last]
			if *before == *e && e.End > e.Start {
				applied[i] = true
				continue
			}
			if before.overlaps(e) {
				continue
			}
		}
		out = append(append(out, text[at:e.Start]...), e.Text...)
		at, last, applied[i] = e.End, i, true
	}
	return append(out, text[at:]...), applied, nil
}

// Diff returns what changes a file called name from before to after, as a unified diff; nothing when they are equal.
func Diff(name string, before, after []byte) []byte {
	text := diff.Diff(name, before, name, after)
	// The line that names both files once more is no part of the format.
	_, text, _ = cutLine(text)
	return text
}

func cutLine(text []byte) (line, rest []byte, found bool) {
	i := slices.Index(text, '\n')
	if i < 0 {
		return text, nil, false
	}
	return text[:i], text[i+1:], true
}

// LineEnd returns how the lines of a text end: as the first one does, and with a line feed when there is none.
func LineEnd(text string) string {
	if first, _, ok := strings.Cut(text, "\n"); ok && strings.HasSuffix(first, "\r") {
		return "\r\n"
	}
	return "\n"
}
