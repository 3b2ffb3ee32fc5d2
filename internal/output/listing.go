package output

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

const (
	// tableRows is how many rows the widths of a table's columns are taken from.
	tableRows = 1000
	// previewWidth is how much of a payload is shown on a terminal, in characters.
	previewWidth = 60
	// topicWidth is the widest that the column of topics gets; longer topics shift their own row.
	topicWidth = 60
)

// ListingOptions say how a listing of Retained Messages is shown.
type ListingOptions struct {
	JSON bool
	// Tree shows the levels of the topics as a tree.
	Tree bool
	// Sort is topic, size or age; empty is the order of arrival.
	Sort string
	// Now is what ages are taken from.
	Now   time.Time
	Color Color
}

// Listing prints Retained Messages: a table or a tree for people, lines with tabs in a pipe (topic, bytes, QoS, age in
// seconds, payload), or JSON. It streams unless it has to sort. It is not safe for concurrent use.
type Listing struct {
	options ListingOptions
	w       io.Writer
	buf     []byte
	tty     bool
	styles  styles
	rows    []row // that wait to be sorted, or for the widths of a table
	table   *table
}

// row is one message. text is its preview, its payload, or the whole line, as the form needs it.
type row struct {
	topic  string
	levels []string
	text   string
	size   int
	age    time.Duration
	dated  bool
	qos    byte
}

// NewListing returns a printer for the standard output of s.
func NewListing(s Streams, o ListingOptions) *Listing {
	return &Listing{options: o, w: s.Out, tty: s.OutTTY, styles: newStyles(o.Color.styled(s.OutTTY, s.NoColor) && !o.JSON)}
}

// Message takes m. It is never enough.
func (l *Listing) Message(m message.Message) (bool, error) {
	if l.options.JSON && l.options.Sort == "" {
		l.buf = l.appendJSON(l.buf, m)
		return false, nil
	}
	r := l.row(m)
	switch {
	case l.collects():
		l.rows = append(l.rows, r)
	case !l.tty:
		l.buf = r.appendTabbed(l.buf)
	case l.table != nil:
		l.buf = l.table.append(l.buf, r)
	default:
		if l.rows = append(l.rows, r); len(l.rows) == tableRows {
			l.startTable()
		}
	}
	return false, nil
}

// collects reports whether nothing can be shown before everything is there.
func (l *Listing) collects() bool { return l.options.Sort != "" || l.options.Tree }

func (l *Listing) row(m message.Message) row {
	r := row{topic: string(AppendEscaped(nil, []byte(m.Topic))), size: len(m.Payload), qos: m.QoS}
	if l.options.Sort != "" || l.options.Tree {
		r.levels = strings.Split(m.Topic, "/")
	}
	if made, ok := payload.Timestamp(m.Payload); ok {
		r.age, r.dated = l.options.Now.Sub(made), true
	}
	switch {
	case l.options.JSON:
		r.text = string(l.appendJSON(nil, m))
	case l.tty || l.options.Tree:
		r.text = preview(m.Payload)
	default:
		r.text = string(AppendEscaped(nil, m.Payload))
	}
	return r
}

func (l *Listing) appendJSON(dst []byte, m message.Message) []byte {
	if l.tty {
		return append(appendSafeJSON(dst, message.AppendJSON(nil, m)), '\n')
	}
	return append(message.AppendJSON(dst, m), '\n')
}

// preview is the beginning of a payload on one line.
func preview(p []byte) string {
	const longest = 4 * previewWidth // bytes of as many characters
	cut := len(p) > longest
	if cut {
		p = p[:longest]
	}
	text := []rune(string(AppendEscaped(nil, p)))
	if len(text) > previewWidth {
		text, cut = text[:previewWidth], true
	}
	if cut {
		return string(text) + "…"
	}
	return string(text)
}

// appendTabbed appends the form for pipes.
func (r *row) appendTabbed(dst []byte) []byte {
	dst = append(dst, r.topic...)
	dst = strconv.AppendInt(append(dst, '\t'), int64(r.size), 10)
	dst = strconv.AppendUint(append(dst, '\t'), uint64(r.qos), 10)
	dst = append(dst, '\t')
	if r.dated {
		dst = strconv.AppendInt(dst, int64(r.age/time.Second), 10)
	} else {
		dst = append(dst, '-')
	}
	dst = append(dst, '\t')
	return append(append(dst, r.text...), '\n')
}

// Buffered is how many bytes wait for Flush.
func (l *Listing) Buffered() int { return len(l.buf) }

// Flush writes what can be shown already. When nobody reads any more the error wraps exit.ErrOutputClosed.
func (l *Listing) Flush() error {
	if len(l.buf) == 0 {
		return nil
	}
	_, err := l.w.Write(l.buf)
	if l.buf = l.buf[:0]; cap(l.buf) > keepBuffer {
		l.buf = nil
	}
	return writeError(err)
}

// Close shows the rest.
func (l *Listing) Close() error {
	l.sort()
	switch {
	case l.options.Tree:
		l.appendTree(0, l.rows, "")
	case l.tty && !l.options.JSON && l.table == nil && len(l.rows) > 0:
		l.startTable()
	default:
		for _, r := range l.rows {
			if l.options.JSON {
				l.buf = append(l.buf, r.text...)
			} else {
				l.buf = r.appendTabbed(l.buf)
			}
			if len(l.buf) >= keepBuffer {
				if err := l.Flush(); err != nil {
					return err
				}
			}
		}
	}
	l.rows = nil
	return l.Flush()
}

func (l *Listing) sort() {
	byTopic := func(a, b row) int { return slices.Compare(a.levels, b.levels) }
	switch {
	case l.options.Tree, l.options.Sort == "topic":
		slices.SortFunc(l.rows, byTopic)
	case l.options.Sort == "size":
		slices.SortFunc(l.rows, func(a, b row) int { return cmp.Or(cmp.Compare(b.size, a.size), byTopic(a, b)) })
	case l.options.Sort == "age":
		slices.SortFunc(l.rows, func(a, b row) int {
			if a.dated != b.dated {
				if a.dated {
					return -1
				}
				return 1
			}
			return cmp.Or(cmp.Compare(b.age, a.age), byTopic(a, b))
		})
	}
}

// table is a table whose column widths are settled.
type table struct {
	styles *styles
	widths [4]int
}

// startTable settles the widths by the rows that are there, and shows them below a head.
func (l *Listing) startTable() {
	t := &table{styles: &l.styles}
	head := [4]string{"TOPIC", "SIZE", "QOS", "AGE"}
	for i, name := range head {
		t.widths[i] = len(name)
	}
	for i := range l.rows {
		for j, cell := range l.rows[i].cells() {
			t.widths[j] = max(t.widths[j], lipgloss.Width(cell))
		}
	}
	t.widths[0] = min(t.widths[0], topicWidth)
	l.buf = t.appendCells(l.buf, head, "PAYLOAD", l.styles.time)
	for _, r := range l.rows {
		l.buf = t.append(l.buf, r)
	}
	l.rows, l.table = nil, t
}

func (r *row) cells() [4]string {
	return [4]string{r.topic, sizeText(r.size), strconv.Itoa(int(r.qos)), r.ageText()}
}

func (t *table) append(dst []byte, r row) []byte {
	return t.appendCells(dst, r.cells(), r.text, t.styles.topic)
}

func (t *table) appendCells(dst []byte, cells [4]string, text string, first lipgloss.Style) []byte {
	for i, cell := range cells {
		space := strings.Repeat(" ", max(0, t.widths[i]-lipgloss.Width(cell)))
		if i == 0 {
			dst = append(dst, t.styles.apply(first, cell)+space+"  "...)
		} else {
			dst = append(dst, space+t.styles.apply(t.styles.time, cell)+"  "...)
		}
	}
	return append(append(dst, text...), '\n')
}

func (r *row) ageText() string {
	if !r.dated {
		return "-"
	}
	return ShortDuration(r.age)
}

// ShortDuration is a duration in its largest unit that makes sense: 12s, 5m, 7h, 12d.
func ShortDuration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	switch {
	case d < 2*time.Minute:
		return sign + strconv.Itoa(int(d/time.Second)) + "s"
	case d < 2*time.Hour:
		return sign + strconv.Itoa(int(d/time.Minute)) + "m"
	case d < 48*time.Hour:
		return sign + strconv.Itoa(int(d/time.Hour)) + "h"
	default:
		return sign + strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
}

func sizeText(n int) string { return Size(int64(n)) }

// Size is a number of bytes in words: 12 B, 3.4 kB, 5.6 MB, 7.8 GB.
func Size(n int64) string {
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10) + " B"
	case n < 999_950:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " kB"
	case n < 999_950_000:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
	default:
		return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + " GB"
	}
}

// appendTree shows rows, which share their levels above depth, as a tree.
func (l *Listing) appendTree(depth int, rows []row, indent string) {
	for len(rows) > 0 {
		level := rows[0].levels[depth]
		n := 1
		for n < len(rows) && rows[n].levels[depth] == level {
			n++
		}
		last := n == len(rows)
		branch, below := "├─ ", indent+"│  "
		if last {
			branch, below = "└─ ", indent+"   "
		}
		if depth == 0 {
			branch, below = "", ""
		}
		line := indent + branch + l.styles.apply(l.styles.topic, string(AppendEscaped(nil, []byte(level))))
		group := rows[:n]
		if r := group[0]; len(r.levels) == depth+1 { // the shorter topic sorts first
			line += "  " + l.styles.apply(l.styles.time, strings.Join([]string{sizeText(r.size), "QoS " + strconv.Itoa(int(r.qos)), r.ageText()}, "  ")) + "  " + r.text
			group = group[1:]
		}
		l.buf = append(append(l.buf, line...), '\n')
		l.appendTree(depth+1, group, below)
		rows = rows[n:]
	}
}
