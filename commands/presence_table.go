package commands

import (
	"context"
	"errors"
	"time"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/live"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/presence"
)

// tableEvery is how often a table looks for signs of life that are no changes.
const tableEvery = time.Second

// errTableClosed says that the user is done with the table.
var errTableClosed = errors.New("the table was closed")

// presenceTable shows devices on the whole terminal.
type presenceTable struct {
	env    *env
	screen *live.Screen[*live.Board]
	fleet  *presence.Fleet
	seen   map[string]time.Time // the sign of life that is shown
	looked time.Time
	begun  bool
	cancel context.CancelCauseFunc
}

// showTable takes over the terminal. The context that it returns ends when the user is done with it.
func showTable(ctx context.Context, e *env, fleet *presence.Fleet) (*presenceTable, context.Context) {
	in, out, _ := e.streams.Terminal()
	var groups []live.Group
	for _, state := range presence.States() {
		groups = append(groups, live.Group{Name: string(state), Tone: toneOf(state)})
	}
	board := live.NewBoard(live.Options{
		Title: "presence", Noun: "devices", Columns: presenceColumns(), Groups: groups, Painter: output.NewPainter(e.streams, e.color),
	})
	t := &presenceTable{fleet: fleet, seen: map[string]time.Time{}, screen: live.Show(ctx, board, in, out)}
	t.env = e
	note := func(line string) { t.screen.Update(func(b *live.Board) { b.Note(line) }) }
	e.instead.Store(&note)
	ctx, t.cancel = context.WithCancelCause(ctx)
	go func() {
		select {
		case <-t.screen.Done():
			t.cancel(errTableClosed)
		case <-ctx.Done():
		}
	}()
	return t, ctx
}

// changes shows changes, and what could not be read.
func (t *presenceTable) changes(changes []presence.Change, faults []presence.Fault) {
	now := time.Now()
	look := now.Sub(t.looked) >= tableEvery
	t.screen.Update(func(b *live.Board) {
		for _, c := range changes {
			changed := c.Time
			if !t.begun { // the listing: when it changed is what the devices say
				changed = c.Device.Since
			}
			t.set(b, c.Device, changed)
		}
		for _, f := range faults {
			b.Note("the status of " + f.Device + " could not be read: " + f.Why)
		}
		if look {
			for d := range t.fleet.All() {
				if !d.LastSeen.Equal(t.seen[d.Name]) {
					t.set(b, d, d.Since)
				}
			}
		}
	})
	t.begun = true
	if look {
		t.looked = now
	}
}

func (t *presenceTable) set(b *live.Board, d presence.Device, changed time.Time) {
	t.seen[d.Name] = d.LastSeen
	b.Set(live.Row{
		Key: d.Name, Group: string(d.State), Changed: changed,
		Cells: func(now time.Time) []output.Cell { return presenceCells(d, now, true) },
	})
}

// close gives the terminal back and says why it ended, if that was the user's doing: Ctrl-C is an interruption.
func (t *presenceTable) close(err error) error {
	t.cancel(nil)
	t.screen.Close()
	t.env.instead.Store(nil)
	switch {
	case errors.Is(t.screen.Err(), live.ErrInterrupted):
		return exit.New(exit.Interrupted, "interrupted", "", devices(t.fleet.Len()))
	case errors.Is(err, errTableClosed):
		return t.screen.Err()
	default:
		return err
	}
}
