package lint

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/edit"
)

// FixClass says how a finding can be mended.
type FixClass string

// The classes of fixes. The zero FixClass is that of what only a person can mend.
const (
	// SafeFix changes text and no meaning.
	SafeFix FixClass = "safe"
	// UnsafeFix changes what a file says: it renames a topic, or turns an option round.
	UnsafeFix FixClass = "unsafe"
	// LiveFix would publish. It is never made: the finding has the command.
	LiveFix FixClass = "live"
)

// how tells people what to do about a finding of the class.
func (c FixClass) how() string {
	switch c {
	case SafeFix:
		return "mqx lint --fix changes the text, and not what it says"
	case UnsafeFix:
		return "mqx lint --fix --unsafe-fixes, which changes what the file says: look at --diff first"
	case LiveFix:
		return "mqx lint publishes nothing; the finding has the command"
	default:
		return ""
	}
}

// Edit is a change of a file that mends a finding.
type Edit struct {
	File string `json:"file"`
	edit.Edit

	class FixClass
}

// span is where a line stands in its file. The zero span is that of what is in no file.
type span struct {
	begin int // of the line
	end   int // of its text
	next  int // of the line after it
}

// spanOf returns the span of a line that begins at an offset and is given with its line end.
func spanOf(begin int, line string) span {
	return span{begin, begin + len(strings.TrimRight(line, "\r\n")), begin + len(line)}
}

// mendable is a finding that was just taken down, so that the rule can say how to mend it. Where the finding is suppressed
// or stands in no file, that is nothing.
type mendable struct {
	group *group
	place Place
	most  int // edits that are kept
}

// at makes another line the one that is mended.
func (r mendable) at(p Place) mendable {
	r.place = p
	return r
}

// replace mends the finding by other text for the bytes from..to of the line.
func (r mendable) replace(class FixClass, from, to int, text string) {
	r.inFile(class, r.place.span.begin+from, r.place.span.begin+to, text)
}

// removeLine mends the finding by taking the line away. A line below a suppression stays: the suppression would be one of
// the next line then.
func (r mendable) removeLine(class FixClass) {
	if r.place.ignore == nil {
		r.inFile(class, r.place.span.begin, r.place.span.next, "")
	}
}

func (r mendable) inFile(class FixClass, start, end int, text string) {
	if r.group == nil || r.place.span.next == 0 || r.place.File == "" {
		return
	}
	f := &r.group.finding
	f.FixClass = leastSafe(f.FixClass, class)
	if len(f.Edits) < r.most {
		f.Edits = append(f.Edits, Edit{File: r.place.File, Edit: edit.Edit{Start: start, End: end, Text: text}, class: class})
	}
}

// leastSafe is the class of a finding that stands for many lines: that of the least safe edit.
func leastSafe(a, b FixClass) FixClass {
	if a == "" || b == UnsafeFix {
		return b
	}
	return a
}

// sortEdits puts edits into the order of their places, and leaves the first ones. A file that was given twice has them once.
func sortEdits(edits []Edit, most int) []Edit {
	slices.SortStableFunc(edits, func(a, b Edit) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	edits = slices.Compact(edits)
	return edits[:min(len(edits), most)]
}

// live says that the command of the finding's fix mends it.
func (r mendable) live() {
	if r.group != nil {
		r.group.finding.FixClass = LiveFix
	}
}

// clearCommand is the command that shows which retained messages it would clear.
func clearCommand(filter string) string {
	return "mqx retained clear '" + strings.ReplaceAll(filter, "'", `'\''`) + "' --dry-run"
}

// Change is a file before and after its findings were mended.
type Change struct {
	File          string
	Before, After []byte
}

// Fixer mends files. It makes fixes that do not overlap, lets the files be checked as they are then, and goes on until
// there is nothing more to do. Nothing is written: the files as they shall be are in Changes.
type Fixer struct {
	// Unsafe takes the unsafe fixes too.
	Unsafe bool

	changes []Change
	fixed   int
}

// maxPasses bounds how often files are checked again. Two are the rule: a fix rarely makes room for another one.
const maxPasses = 20

// Run checks with check until nothing is left that can be mended, and returns the report about what is left. check is
// called with the files that have changed so far, for [Options.Overlay].
func (x *Fixer) Run(check func(overlay map[string][]byte) (Report, error)) (Report, error) {
	overlay := map[string][]byte{}
	for range maxPasses {
		r, err := check(overlay)
		if err != nil {
			return r, err
		}
		more, err := x.apply(&r, overlay)
		if err != nil || !more {
			return r, err
		}
	}
	// Two fixes that undo each other: nothing of that is worth writing.
	return Report{}, errors.New("the fixes do not come to an end; use --select to make them one rule after the other")
}

// Changes are the files that are different now.
func (x *Fixer) Changes() []Change {
	return slices.DeleteFunc(slices.Clone(x.changes), func(c Change) bool { return bytes.Equal(c.Before, c.After) })
}

// Fixed is how many fixes were made.
func (x *Fixer) Fixed() int { return x.fixed }

// apply makes the fixes of a report and reports whether there was one.
func (x *Fixer) apply(r *Report, overlay map[string][]byte) (more bool, err error) {
	edits := map[string][]edit.Edit{}
	var files []string
	for i := range r.Findings {
		for _, e := range r.Findings[i].Edits {
			if e.class == UnsafeFix && !x.Unsafe {
				continue
			}
			if edits[e.File] == nil {
				files = append(files, e.File)
			}
			edits[e.File] = append(edits[e.File], e.Edit)
		}
	}
	for _, file := range files {
		c, err := x.change(file)
		if err != nil {
			return false, err
		}
		after, applied, err := edit.Apply(c.After, edits[file])
		if err != nil {
			return false, fmt.Errorf("%s: %w", file, err)
		}
		for _, yes := range applied {
			if yes {
				x.fixed++
				more = true
			}
		}
		c.After, overlay[file] = after, after
	}
	return more, nil
}

// change returns the change of a file, which is none before the first edit.
func (x *Fixer) change(file string) (*Change, error) {
	i := slices.IndexFunc(x.changes, func(c Change) bool { return c.File == file })
	if i < 0 {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		i = len(x.changes)
		x.changes = append(x.changes, Change{File: file, Before: text, After: text})
	}
	return &x.changes[i], nil
}

// level mends a level of a topic by another name, unless that leaves nothing of it.
func (r mendable) level(t *topicCheck, i int, name string) {
	if name == "" || name == t.levels[i] {
		return
	}
	from := i // the slashes
	for _, l := range t.levels[:i] {
		from += len(l)
	}
	r.replace(UnsafeFix, from, from+len(t.levels[i]), name)
}

// append mends the finding by a last line of its file.
func (r mendable) append(class FixClass, whole, line string) {
	end := edit.LineEnd(whole)
	if strings.HasSuffix(whole, "\n") {
		line += end
	} else {
		line = end + line
	}
	r.place.span = span{next: len(whole)}
	r.inFile(class, len(whole), len(whole), line)
}
