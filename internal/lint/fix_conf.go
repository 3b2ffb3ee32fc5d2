package lint

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/edit"
)

// option mends a finding by another value of an option of mosquitto.conf: in the line that has it, or in a new one among
// the options of the Server as a whole.
func (r mendable) option(c *confCheck, line *confLine, key, value string) {
	if line == nil {
		c.addGlobal(r, key+" "+value)
		return
	}
	from := strings.Index(line.raw, line.key) + len(line.key)
	if line.value == "" {
		r.at(line.place).replace(UnsafeFix, from, from, " "+value)
		return
	}
	from += strings.Index(line.raw[from:], line.value)
	r.at(line.place).replace(UnsafeFix, from, from+len(line.value), value)
}

// key mends a finding by another option with the same value.
func (r mendable) key(line *confLine, key string) {
	from := strings.Index(line.raw, line.key)
	r.replace(UnsafeFix, from, from+len(line.key), key)
}

// below mends a finding by a new line below another one, as far to the right.
func (r mendable) below(c *confCheck, line *confLine, text string) {
	indent := line.raw[:len(line.raw)-len(strings.TrimLeft(line.raw, " \t"))]
	r.at(line.place).inFile(UnsafeFix, line.place.span.next, line.place.span.next, c.newLine(line, indent+text))
}

// newLine is a line to be put below another one, which may be the last of its file and have no line end.
func (c *confCheck) newLine(before *confLine, text string) string {
	end := edit.LineEnd(c.lines[0].raw)
	if strings.HasSuffix(before.raw, "\n") {
		return text + end
	}
	return end + text
}

// addGlobal adds an option of the Server as a whole: below the last one before the first section, or above that section.
func (c *confCheck) addGlobal(r mendable, text string) {
	var last *confLine
	for i := range c.lines {
		line := &c.lines[i]
		if line.place.File != c.file {
			continue // it is included
		}
		if line.key == "listener" || line.key == "connection" {
			if last == nil {
				at := line.place.span.begin
				r.at(line.place).inFile(UnsafeFix, at, at, text+edit.LineEnd(line.raw))
				return
			}
			break
		}
		last = line
	}
	if last != nil {
		at := last.place.span.next
		r.at(last.place).inFile(UnsafeFix, at, at, c.newLine(last, text))
	}
}
