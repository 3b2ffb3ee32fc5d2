package config

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// block is the lines of something in a file: from (counted from 0) up to and without to.
type block struct {
	name     string
	from, to int
	indent   int
}

// blocks are where things are in a file of contexts.
type blocks struct {
	current  block   // empty name: not there
	contexts block   // the key alone
	end      int     // of the last context
	each     []block // without the comments above
	first    int     // line of the first key
	total    int
}

func (b blocks) find(name string) (block, bool) {
	i := slices.IndexFunc(b.each, func(x block) bool { return x.name == name })
	if i < 0 {
		return block{}, false
	}
	return b.each[i], true
}

// blocksOf finds out where things are in a text that was read before.
func blocksOf(file string, text []byte) blocks {
	d := yamlfile.Parse(file, text)
	lines := splitLines(text)
	b := blocks{first: len(lines), total: len(lines), end: len(lines)}
	if d.Body() == nil {
		return b
	}
	pairs, _ := d.Pairs(d.Body())
	for i, p := range pairs {
		at, next := p.Key.Position.Line-1, len(lines)
		if i+1 < len(pairs) {
			next = pairs[i+1].Key.Position.Line - 1
		}
		b.first = min(b.first, at)
		switch p.Name {
		case keyCurrent:
			b.current = block{name: p.Name, from: at, to: at + 1}
		case keyContexts:
			b.contexts = block{name: p.Name, from: at, to: at + 1}
			b.each = childrenOf(d, p.Value, lines, next)
			if b.end = at + 1; len(b.each) > 0 {
				b.end = b.each[len(b.each)-1].to
			}
		}
	}
	return b
}

// childrenOf finds the lines of the contexts, up to the line end.
func childrenOf(d *yamlfile.Document, n ast.Node, lines []string, end int) []block {
	pairs, ok := d.Pairs(n)
	if !ok {
		return nil
	}
	var list []block
	for i, p := range pairs {
		c := block{name: p.Name, from: p.Key.Position.Line - 1, to: end, indent: p.Key.Position.Column - 1}
		if i+1 < len(pairs) {
			c.to = pairs[i+1].Key.Position.Line - 1
		}
		for c.to > c.from+1 && !belongs(lines[c.to-1], c.indent) {
			c.to--
		}
		list = append(list, c)
	}
	return list
}

// belongs reports whether a line at the end of a context is part of it: a comment that is not indented more than the names
// is about the next one.
func belongs(line string, indent int) bool {
	text := strings.TrimLeft(line, " ")
	if strings.TrimSpace(text) == "" {
		return false
	}
	return text[0] != '#' || len(line)-len(text) > indent
}

// edit replaces lines.
type edit struct {
	block

	text string
}

// splice changes the lines of text that must change to make after of before.
func (f ContextFile) splice(text []byte, before, after Contexts) []byte {
	lines := splitLines(text)
	if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		lines[n-1] += "\n"
	}
	b := blocksOf(f.Path, text)
	edits := f.contextEdits(lines, b, before, after)
	if before.Current != after.Current {
		e := edit{block: b.current}
		if b.current.name == "" {
			e.block = block{from: b.first, to: b.first}
		}
		if after.Current != "" {
			e.text = keyCurrent + ": " + after.Current + "\n"
		}
		edits = append(edits, e)
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return b.from - a.from }) // from the end, so that numbers stay true
	for _, e := range edits {
		lines = slices.Replace(lines, e.from, e.to, e.text)
	}
	return []byte(strings.Join(lines, ""))
}

func (f ContextFile) contextEdits(lines []string, b blocks, before, after Contexts) []edit {
	var edits []edit
	indent := 2
	for _, at := range b.each {
		indent = at.indent
		old, _ := before.Find(at.name)
		x, kept := after.Find(at.name)
		switch {
		case !kept:
			for at.from > 0 && strings.HasPrefix(strings.TrimLeft(lines[at.from-1], " "), "#") && at.from-1 > b.contexts.from {
				at.from-- // a comment above is about it
			}
			edits = append(edits, edit{block: at})
		case x.body != "" || !x.Same(old):
			edits = append(edits, edit{block: at, text: f.render(x, indent)})
		}
	}
	var added strings.Builder
	for _, x := range after.List {
		if _, there := before.Find(x.Name); !there {
			added.WriteString(f.render(x, indent))
		}
	}
	if added.Len() == 0 {
		return edits
	}
	if b.contexts.name == "" {
		return append(edits, edit{block: block{from: b.total, to: b.total}, text: keyContexts + ":\n" + added.String()})
	}
	return append(edits, edit{block: block{from: b.end, to: b.end}, text: added.String()})
}

// splitLines returns the lines of a text with their ends.
func splitLines(text []byte) []string { return slices.Collect(strings.Lines(string(text))) }

// unindented takes as many spaces off each line as the first one has.
func unindented(lines []string) []string {
	if len(lines) == 0 {
		return nil
	}
	margin := len(lines[0]) - len(strings.TrimLeft(lines[0], " "))
	out := make([]string, len(lines))
	for i, line := range lines {
		have := len(line) - len(strings.TrimLeft(line, " "))
		out[i] = line[min(have, margin):]
	}
	return out
}

func indented(text, margin string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(margin)
		}
		b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}
