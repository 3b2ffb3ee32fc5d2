// Package live shows what changes while one looks at it, on the whole of a terminal.
//
// A [Board] is a table: rows that are set, keys that are pressed, and the frame that comes of both. A [Panel] shows one thing
// from all sides. Neither knows a terminal, so that their frames can be tested. [Show] shows one on a terminal.
package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/output"
)

// Row is a row of a board.
type Row struct {
	// Key names the row; a row with the same key takes its place.
	Key string
	// Group is which of the board's groups it belongs to.
	Group string
	// Changed is when it changed last.
	Changed time.Time
	// Cells are what it shows at a time; it is asked for rows that are seen only.
	Cells func(now time.Time) []output.Cell
}

// Group is a kind of rows that is counted, and can be looked at alone.
type Group struct {
	Name string
	Tone output.Tone
}

// Options say what a board looks like.
type Options struct {
	// Title is shown at the top, Noun what the rows are: devices.
	Title, Noun string
	Columns     []string
	Groups      []Group // nine at most
	Painter     *output.Painter
}

// order is what rows are sorted by.
type order int

const (
	byChange order = iota
	byKey
	byGroup
	orders
)

func (o order) String() string {
	switch o {
	case byKey:
		return "name"
	case byGroup:
		return "state"
	default:
		return "last change"
	}
}

// Board is a table that changes. It is not safe for concurrent use.
type Board struct {
	options Options
	rows    map[string]*Row
	counts  map[string]int
	sorted  []*Row // those that are shown, in order
	dirty   bool

	sortBy  order
	only    string // a group, or empty for all
	find    string // a part of the keys that are shown
	finding bool   // keys go to find
	first   int    // the row at the top
	page    int    // rows that the last frame had room for
	paused  bool
	note    string
}

// NewBoard returns an empty board.
func NewBoard(o Options) *Board {
	return &Board{options: o, rows: map[string]*Row{}, counts: map[string]int{}}
}

// Set adds a row, or changes it.
func (b *Board) Set(r Row) {
	if old := b.rows[r.Key]; old != nil {
		b.counts[old.Group]--
	}
	b.counts[r.Group]++
	b.rows[r.Key] = &r
	b.dirty = true
}

// Note shows a line at the bottom until the next one.
func (b *Board) Note(text string) { b.note = string(output.AppendEscaped(nil, []byte(text))) }

// Press takes a key by its name (a, enter, esc, up, pgdown, ctrl+c) and reports whether it was the one to end.
func (b *Board) Press(key string) (quit bool) {
	if b.finding {
		b.typeKey(key)
		return key == "ctrl+c"
	}
	switch key {
	case "q", "ctrl+c":
		return true
	case "/":
		b.finding = true
	case "esc", "0":
		b.find, b.only = "", ""
	case "s":
		b.sortBy = (b.sortBy + 1) % orders
	case "p", "space":
		b.paused = !b.paused
	case "up", "k":
		b.first--
	case "down", "j":
		b.first++
	case "pgup":
		b.first -= max(1, b.page)
	case "pgdown":
		b.first += max(1, b.page)
	case "home", "g":
		b.first = 0
	case "end", "G":
		b.first = len(b.rows)
	default:
		b.choose(key)
	}
	b.dirty = true
	return false
}

// choose shows one group alone, or all again.
func (b *Board) choose(key string) {
	if len(key) != 1 || key[0] < '1' || int(key[0]-'1') >= len(b.options.Groups) {
		return
	}
	name := b.options.Groups[key[0]-'1'].Name
	if b.only == name {
		name = ""
	}
	b.only, b.first = name, 0
}

// typeKey changes the text that is looked for.
func (b *Board) typeKey(key string) {
	switch {
	case key == "enter":
		b.finding = false
	case key == "esc":
		b.finding, b.find = false, ""
	case key == "backspace":
		if runes := []rune(b.find); len(runes) > 0 {
			b.find = string(runes[:len(runes)-1])
		}
	case len([]rune(key)) == 1:
		b.find += key
	}
	b.first, b.dirty = 0, true
}

// arrange brings the rows that are shown into order.
func (b *Board) arrange() {
	if !b.dirty || b.paused && b.sorted != nil {
		return
	}
	b.sorted = b.sorted[:0]
	for _, r := range b.rows {
		if (b.only == "" || r.Group == b.only) && strings.Contains(r.Key, b.find) {
			b.sorted = append(b.sorted, r)
		}
	}
	rank := map[string]int{}
	for i, g := range b.options.Groups {
		rank[g.Name] = i
	}
	slices.SortFunc(b.sorted, func(x, y *Row) int {
		switch b.sortBy {
		case byKey:
			return cmp.Compare(x.Key, y.Key)
		case byGroup:
			return cmp.Or(cmp.Compare(rank[x.Group], rank[y.Group]), cmp.Compare(x.Key, y.Key))
		default:
			if c := y.Changed.Compare(x.Changed); c != 0 {
				return c
			}
			return cmp.Compare(x.Key, y.Key)
		}
	})
	b.dirty = false
}

// Frame is the board for a terminal of a size, with line feeds between its lines.
func (b *Board) Frame(width, height int, now time.Time) string {
	const around = 4 // counts, head, note, keys
	b.arrange()
	b.page = max(1, height-around)
	b.first = max(0, min(b.first, len(b.sorted)-b.page))
	seen := b.sorted[b.first:min(b.first+b.page, len(b.sorted))]
	lines := append([]string{b.summary(width)}, b.table(seen, width, now)...)
	for len(lines) < height-2 {
		lines = append(lines, "")
	}
	lines = append(lines, b.paint(output.Doubtful, output.Fit(b.note, width)), b.keys(width, len(seen)))
	return strings.Join(lines[max(0, len(lines)-height):], "\n")
}

func (b *Board) paint(t output.Tone, text string) string { return b.options.Painter.Paint(t, text) }

// summary counts all rows, those that are not shown too.
func (b *Board) summary(width int) string {
	text := fmt.Sprintf("%s: %d %s", b.options.Title, len(b.rows), b.options.Noun)
	left := width - output.Width(text)
	var line strings.Builder
	line.WriteString(b.paint(output.Title, output.Fit(text, min(width, output.Width(text)))))
	for i, g := range b.options.Groups {
		n := b.counts[g.Name]
		if n == 0 && b.only != g.Name {
			continue
		}
		count := fmt.Sprintf("%d:%s %d", i+1, g.Name, n)
		if b.only == g.Name {
			count = "[" + count + "]"
		}
		if left -= output.Width(count) + 2; left < 0 {
			break
		}
		line.WriteString("  " + b.paint(g.Tone, count))
	}
	return line.String()
}

// table is the head and the rows, cut to the width: columns are as wide as what is seen of them needs, and the last one has
// the rest.
func (b *Board) table(rows []*Row, width int, now time.Time) []string {
	cells := make([][]output.Cell, 0, len(rows)+1)
	head := make([]output.Cell, len(b.options.Columns))
	for i, name := range b.options.Columns {
		head[i] = output.Cell{Text: name, Tone: output.Faint}
	}
	cells = append(cells, head)
	for _, r := range rows {
		line := r.Cells(now)
		for i := range line {
			line[i].Text = string(output.AppendEscaped(nil, []byte(line[i].Text)))
		}
		cells = append(cells, line)
	}
	widths := columnWidths(cells, width)
	lines := make([]string, len(cells))
	for i, row := range cells {
		var line strings.Builder
		for j, cell := range row {
			if widths[j] <= 0 {
				break
			}
			line.WriteString(b.paint(cell.Tone, output.Fit(cell.Text, widths[j])))
			if j < len(row)-1 && widths[j+1] > 0 {
				line.WriteString("  ")
			}
		}
		lines[i] = line.String()
	}
	return lines
}

// columnWidths shares the width among the columns. The first gets a half at most when all do not fit; what has no room left
// gets none.
func columnWidths(cells [][]output.Cell, width int) []int {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], output.Width(cell.Text))
		}
	}
	left := width
	for i := range widths {
		if i == 0 {
			widths[i] = min(widths[i], max(width/2, 1))
		}
		if i > 0 {
			left -= 2
		}
		widths[i] = max(0, min(widths[i], left))
		left -= widths[i]
	}
	return widths
}

// keys is the bottom line: the keys, or what is being looked for.
func (b *Board) keys(width, seen int) string {
	if b.finding {
		return b.paint(output.Title, output.Fit("find: "+b.find+"▏", width))
	}
	where := fmt.Sprintf("%d-%d of %d", min(b.first+1, len(b.sorted)), b.first+seen, len(b.sorted))
	if b.find != "" {
		where += fmt.Sprintf(" with %q", b.find)
	}
	if b.paused {
		where += ", paused"
	}
	help := fmt.Sprintf("%s  |  / find  1-%d only one state  0 all  s by %s  p pause  arrows scroll  q quit", where, len(b.options.Groups), b.sortBy)
	return b.paint(output.Faint, output.Fit(help, width))
}
