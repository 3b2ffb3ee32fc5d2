package live_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/live"
	"github.com/mqx-cli/mqx/internal/output"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func newBoard() *live.Board {
	return live.NewBoard(live.Options{
		Title: "presence", Noun: "devices", Columns: []string{"DEVICE", "STATE", "SINCE", "WHY"},
		Groups:  []live.Group{{Name: "offline", Tone: output.Bad}, {Name: "silent"}, {Name: "online", Tone: output.Good}},
		Painter: output.NewPainter(output.Streams{}, output.ColorNever),
	})
}

// set adds a device that changed n seconds after noon.
func set(b *live.Board, name, state string, n int) {
	changed := noon().Add(time.Duration(n) * time.Second)
	b.Set(live.Row{Key: name, Group: state, Changed: changed, Cells: func(now time.Time) []output.Cell {
		return []output.Cell{{Text: name}, {Text: state}, {Text: now.Sub(changed).String()}, {Text: "it says " + state}}
	}})
}

func check(t *testing.T, b *live.Board, width, height int, want string) {
	t.Helper()
	frame := b.Frame(width, height, noon().Add(10*time.Second))
	lines := strings.Split(frame, "\n")
	for i, line := range lines {
		if got := output.Width(line); got > width {
			t.Errorf("line %d is %d wide, and there is room for %d: %q", i, got, width, line)
		}
		lines[i] = strings.TrimRight(line, " ")
	}
	if len(lines) != height {
		t.Errorf("%d lines, and there is room for %d", len(lines), height)
	}
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), strings.Join(lines, "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBoardShowsTheLastChangeFirst(t *testing.T) {
	t.Parallel()
	b := newBoard()
	set(b, "acme/a", "online", 1)
	set(b, "acme/c", "online", 3)
	set(b, "acme/b", "offline", 2)
	b.Note("careful\x1b[31m")
	check(t, b, 100, 9, `
presence: 3 devices  1:offline 1  3:online 2
DEVICE  STATE    SINCE  WHY
acme/c  online   7s     it says online
acme/b  offline  8s     it says offline
acme/a  online   9s     it says online


careful\x1b[31m
1-3 of 3  |  / find  1-3 only one state  0 all  s by last change  p pause  arrows scroll  q quit`)
	set(b, "acme/a", "silent", 5)
	check(t, b, 100, 7, `
presence: 3 devices  1:offline 1  2:silent 1  3:online 1
DEVICE  STATE    SINCE  WHY
acme/a  silent   5s     it says silent
acme/c  online   7s     it says online
acme/b  offline  8s     it says offline
careful\x1b[31m
1-3 of 3  |  / find  1-3 only one state  0 all  s by last change  p pause  arrows scroll  q quit`)
}

func TestBoardStaysReadableWithManyRowsInLittleRoom(t *testing.T) {
	t.Parallel()
	b := newBoard()
	for n := range 5000 {
		set(b, fmt.Sprintf("acme/site-with-a-long-name/device-%04d/日本", n), "online", n%3)
	}
	b.Press("end")
	check(t, b, 44, 8, `
presence: 5000 devices  3:online 5000
DEVICE                  STATE   SINCE  WHY
acme/site-with-a-long…  online  10s    it s…
acme/site-with-a-long…  online  10s    it s…
acme/site-with-a-long…  online  10s    it s…
acme/site-with-a-long…  online  10s    it s…

4997-5000 of 5000  |  / find  1-3 only one …`)
	check(t, b, 12, 4, `
DEVICE  STA…
acme/…  onl…

4997-4997 o…`)
	b.Frame(1, 1, noon())
	b.Frame(0, 0, noon())
}

func TestKeysSelectSortFindAndPause(t *testing.T) {
	t.Parallel()
	b := newBoard()
	set(b, "acme/b", "online", 1)
	set(b, "acme/a", "offline", 2)
	set(b, "acme/c", "offline", 3)
	shown := func() string {
		var names []string
		for line := range strings.Lines(b.Frame(100, 20, noon())) {
			if name, _, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, "acme/") {
				names = append(names, name[len("acme/"):])
			}
		}
		return strings.Join(names, "")
	}
	for _, step := range []struct{ keys, want string }{
		{"", "cab"},
		{"s", "abc"},
		{"s", "acb"},
		{"s", "cab"},
		{"1", "ca"},
		{"1", "cab"},
		{"3", "b"},
		{"0", "cab"},
		{"9", "cab"},
		{"/ a c m", "cab"},
		{"x", ""},
		{"backspace", "cab"},
		{"esc", "cab"},
		{"/ / b enter", "b"},
		{"esc", "cab"},
	} {
		for key := range strings.FieldsSeq(step.keys) {
			if b.Press(key) {
				t.Errorf("%q ended it", key)
			}
		}
		if got := shown(); got != step.want {
			t.Errorf("after %q: %s, want %s", step.keys, got, step.want)
		}
	}
	b.Press("p")
	set(b, "acme/d", "online", 9)
	if got := shown(); got != "cab" {
		t.Errorf("paused: %s", got)
	}
	b.Press("p")
	if got := shown(); got != "dcab" {
		t.Errorf("after the pause: %s", got)
	}
	for _, key := range []string{"up", "down", "pgup", "pgdown", "home", "end", "f1"} {
		b.Press(key)
		if got := shown(); got != "dcab" {
			t.Errorf("after %s: %s", key, got)
		}
	}
	if !b.Press("q") || !b.Press("ctrl+c") {
		t.Error("it does not end")
	}
	b.Press("/")
	if b.Press("q") || !b.Press("ctrl+c") {
		t.Error("while something is looked for, only Ctrl-C ends it")
	}
}

func BenchmarkFrameOf5000Rows(b *testing.B) {
	board := newBoard()
	for n := range 5000 {
		set(board, fmt.Sprintf("acme/lyon/device-%04d", n), "online", n)
	}
	for n := 0; b.Loop(); n++ {
		set(board, "acme/lyon/device-0001", "offline", n)
		board.Frame(120, 50, noon())
	}
}

func TestABoardHasItsOwnOrdersAndFinds(t *testing.T) {
	t.Parallel()
	b := live.NewBoard(live.Options{
		Title: "sub", Noun: "topics", Columns: []string{"TOPIC", "N"}, Painter: output.NewPainter(output.Streams{}, output.ColorNever),
		Orders:  []live.Order{{Name: "count", Rank: func(r *live.Row, _ time.Time) float64 { return float64(*r.Value.(*int)) }}, {Name: "name"}},
		Finds:   func(text string) func(string) bool { return func(key string) bool { return key > text } },
		Summary: func(time.Time) string { return "in sum" },
	})
	counts := map[string]*int{}
	for i, key := range []string{"a", "b", "c"} {
		n := i
		counts[key] = &n
		b.Set(live.Row{Key: key, Value: &n, Cells: func(time.Time) []output.Cell { return []output.Cell{{Text: key}, {Text: fmt.Sprint(n)}} }})
	}
	check(t, b, 70, 7, `
sub: 3 topics, in sum
TOPIC  N
c      2
b      1
a      0

1-3 of 3  |  / find  0 all  s by count  p pause  arrows scroll  q quit`)
	b.Press("p")
	*counts["a"] = 9
	b.Touch()
	check(t, b, 70, 7, `
sub: 3 topics, in sum
TOPIC  N
c      2
b      1
a      0

1-3 of 3, paused  |  / find  0 all  s by count  p pause  arrows scrol…`)
	b.Press("p")
	for _, key := range []string{"/", "a", "enter"} {
		b.Press(key)
	}
	check(t, b, 70, 6, `
sub: 3 topics, in sum
TOPIC  N
c      2
b      1

1-2 of 2 with "a"  |  / find  0 all  s by count  p pause  arrows scro…`)
	b.Press("esc")
	check(t, b, 70, 7, `
sub: 3 topics, in sum
TOPIC  N
a      9
c      2
b      1

1-3 of 3  |  / find  0 all  s by count  p pause  arrows scroll  q quit`)
}

func TestManyRowsAreSortedOnceASecond(t *testing.T) {
	t.Parallel()
	ranked := 0
	b := live.NewBoard(live.Options{
		Columns: []string{"TOPIC"}, Painter: output.NewPainter(output.Streams{}, output.ColorNever),
		Orders: []live.Order{{Name: "any", Rank: func(*live.Row, time.Time) float64 { ranked++; return 0 }}},
	})
	const rows = 20_000
	for i := range rows {
		key := fmt.Sprintf("topic/%06d", i)
		b.Set(live.Row{Key: key, Cells: func(time.Time) []output.Cell { return []output.Cell{{Text: key}} }})
	}
	for i := range 10 {
		b.Touch()
		if frame := b.Frame(80, 24, noon().Add(time.Duration(i)*200*time.Millisecond)); !strings.Contains(frame, "topic/000019") {
			t.Fatal(frame)
		}
	}
	if ranked != 2*rows {
		t.Errorf("in two seconds %d rows were sorted %.1f times", rows, float64(ranked)/rows)
	}
	b.Press("s")
	b.Frame(80, 24, noon().Add(1900*time.Millisecond))
	if ranked != 3*rows {
		t.Error("a key has to wait")
	}
}
