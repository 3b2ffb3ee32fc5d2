package output

import (
	"io"
	"strings"

	"charm.land/lipgloss/v2"
)

// Cell is a field of a row. Its text may come from elsewhere.
type Cell struct {
	Text string
	Tone Tone // 0 for plain
}

// Rows prints rows of cells: a table with a head on a terminal, as wide as the rows that wait need it, and the cells with
// tabs between them in a pipe. It is not safe for concurrent use.
type Rows struct {
	w       io.Writer
	tty     bool
	painter *Painter
	head    []string
	rows    [][]Cell
	buf     []byte
	widths  []int
	started bool
}

// NewRows returns a printer of rows with these columns for the standard output of s.
func NewRows(s Streams, c Color, head ...string) *Rows {
	return &Rows{w: s.Out, tty: s.OutTTY, painter: NewPainter(s, c), head: head, widths: make([]int, len(head))}
}

// Row adds a row. It is written with the next Flush.
func (r *Rows) Row(cells ...Cell) {
	for i := range cells {
		cells[i].Text = string(AppendEscaped(nil, []byte(cells[i].Text)))
	}
	if r.tty {
		r.rows = append(r.rows, cells)
		return
	}
	for i, cell := range cells {
		if i > 0 {
			r.buf = append(r.buf, '\t')
		}
		r.buf = append(r.buf, r.painter.Paint(cell.Tone, cell.Text)...)
	}
	r.buf = append(r.buf, '\n')
}

// Flush writes the rows that wait. When nobody reads any more the error wraps exit.ErrOutputClosed.
func (r *Rows) Flush() error {
	if r.tty && len(r.rows) > 0 {
		r.layOut()
	}
	if len(r.buf) == 0 {
		return nil
	}
	_, err := r.w.Write(r.buf)
	r.buf = r.buf[:0]
	return writeError(err)
}

// layOut turns rows into lines. Columns only grow, so that rows which come later stay below the first ones.
func (r *Rows) layOut() {
	for i, name := range r.head {
		r.widths[i] = max(r.widths[i], len(name))
	}
	for _, cells := range r.rows {
		for i := range cells[:len(cells)-1] {
			r.widths[i] = max(r.widths[i], min(lipgloss.Width(cells[i].Text), topicWidth))
		}
	}
	if !r.started {
		r.started = true
		cells := make([]Cell, len(r.head))
		for i, name := range r.head {
			cells[i] = Cell{name, Faint}
		}
		r.line(cells)
	}
	for _, cells := range r.rows {
		r.line(cells)
	}
	r.rows = r.rows[:0]
}

func (r *Rows) line(cells []Cell) {
	for i, cell := range cells {
		r.buf = append(r.buf, r.painter.Paint(cell.Tone, cell.Text)...)
		if i < len(cells)-1 {
			r.buf = append(r.buf, strings.Repeat(" ", max(0, r.widths[i]-lipgloss.Width(cell.Text))+2)...)
		}
	}
	r.buf = append(r.buf, '\n')
}
