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
	// Value is what the board's own orders rank it by.
	Value any
	// Cells are what it shows at a time; it is asked for rows that are seen only.
	Cells func(now time.Time) []output.Cell

	rank  float64
	shown []output.Cell // while the board is paused
}

// Order is something that rows can be sorted by.
type Order struct {
	Name string
	// Rank is what a row is sorted by, the greatest first; nil is for the keys. Rows of the same rank are sorted by their keys.
	Rank func(r *Row, now time.Time) float64
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
	// Orders are what rows can be sorted by; nil for the last change, the key and the group.
	Orders []Order
	// Finds makes of what is looked for what fits keys; nil for a part of the key.
	Finds func(text string) func(key string) bool
	// Summary, when set, is shown behind the number of rows.
	Summary func(now time.Time) string
}

// slowly is how often many rows are sorted again when they change.
const (
	manyRows = 5000
	slowly   = time.Second
)

// usualOrders are the orders of a board that has none of its own.
func usualOrders(groups []Group) []Order {
	ranks := map[string]float64{}
	for i, g := range groups {
		ranks[g.Name] = float64(-i)
	}
	return []Order{
		{Name: "last change", Rank: func(r *Row, _ time.Time) float64 { return float64(r.Changed.UnixMicro()) }},
		{Name: "name"},
		{Name: "state", Rank: func(r *Row, _ time.Time) float64 { return ranks[r.Group] }},
	}
}

// Board is a table that changes. It is not safe for concurrent use.
type Board struct {
	options Options
	rows    map[string]*Row
	counts  map[string]int
	sorted  []*Row // those that are shown, in order
	dirty   bool   // rows have changed
	pressed bool   // a key was pressed that changes what is shown
	at      time.Time

	sortBy  int    // of the orders
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
	if o.Orders == nil {
		o.Orders = usualOrders(o.Groups)
	}
	if o.Finds == nil {
		o.Finds = func(text string) func(string) bool {
			return func(key string) bool { return strings.Contains(key, text) }
		}
	}
	return &Board{options: o, rows: map[string]*Row{}, counts: map[string]int{}}
}

// Touch says that rows have changed which show what they point to.
func (b *Board) Touch() { b.dirty = true }

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
		b.find, b.only, b.pressed = "", "", true
	case "s":
		b.sortBy, b.pressed = (b.sortBy+1)%len(b.options.Orders), true
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
	b.only, b.first, b.pressed = name, 0, true
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
	b.first, b.pressed = 0, true
}

// arrange brings the rows that are shown into order.
func (b *Board) arrange(now time.Time) {
	late := len(b.sorted) > manyRows && now.Sub(b.at) < slowly
	if !b.pressed && (!b.dirty || b.paused || late) && b.sorted != nil {
		return
	}
	order := b.options.Orders[b.sortBy]
	finds := b.options.Finds(b.find)
	b.sorted = b.sorted[:0]
	for _, r := range b.rows {
		if (b.only == "" || r.Group == b.only) && (b.find == "" || finds(r.Key)) {
			if order.Rank != nil {
				r.rank = order.Rank(r, now)
			}
			b.sorted = append(b.sorted, r)
		}
	}
	slices.SortFunc(b.sorted, func(x, y *Row) int {
		if order.Rank == nil {
			return cmp.Compare(x.Key, y.Key)
		}
		return cmp.Or(cmp.Compare(y.rank, x.rank), cmp.Compare(x.Key, y.Key))
	})
	b.dirty, b.pressed, b.at = false, false, now
}

// Frame is the board for a terminal of a size, with line feeds between its lines.
func (b *Board) Frame(width, height int, now time.Time) string {
	const around = 4 // counts, head, note, keys
	b.arrange(now)
	b.page = max(1, height-around)
	b.first = max(0, min(b.first, len(b.sorted)-b.page))
	seen := b.sorted[b.first:min(b.first+b.page, len(b.sorted))]
	lines := append([]string{b.summary(width, now)}, b.table(seen, width, now)...)
	for len(lines) < height-2 {
		lines = append(lines, "")
	}
	lines = append(lines, b.paint(output.Doubtful, output.Fit(b.note, width)), b.keys(width, len(seen)))
	return strings.Join(lines[max(0, len(lines)-height):], "\n")
}

func (b *Board) paint(t output.Tone, text string) string { return b.options.Painter.Paint(t, text) }

// summary counts all rows, those that are not shown too.
func (b *Board) summary(width int, now time.Time) string {
	text := fmt.Sprintf("%s: %d %s", b.options.Title, len(b.rows), b.options.Noun)
	if b.options.Summary != nil {
		text += ", " + b.options.Summary(now)
	}
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
		cells = append(cells, b.cells(r, now))
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

// cells are what a row shows: while the board is paused, what it did when that began.
func (b *Board) cells(r *Row, now time.Time) []output.Cell {
	if b.paused && r.shown != nil {
		return r.shown
	}
	line := r.Cells(now)
	for i := range line {
		line[i].Text = string(output.AppendEscaped(nil, []byte(line[i].Text)))
	}
	r.shown = line
	return line
}

// columnWidths shares the width among the columns. The first gets a half, or what the others leave; what has no room left gets
// none.
func columnWidths(cells [][]output.Cell, width int) []int {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], output.Width(cell.Text))
		}
	}
	left, others := width, 0
	for _, w := range widths[1:] {
		others += w + 2
	}
	for i := range widths {
		if i == 0 {
			widths[i] = min(widths[i], max(width/2, width-others, 1))
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
	groups := ""
	if n := len(b.options.Groups); n > 0 {
		groups = fmt.Sprintf("1-%d only one state  ", n)
	}
	help := fmt.Sprintf("%s  |  / find  %s0 all  s by %s  p pause  arrows scroll  q quit", where, groups, b.options.Orders[b.sortBy].Name)
	return b.paint(output.Faint, output.Fit(help, width))
}
