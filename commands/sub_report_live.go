package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/live"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/topicstats"
)

// reportScreen is the live table of --report.
type reportScreen struct {
	sink   *reportSink
	screen *live.Screen[*live.Board]
	cancel context.CancelCauseFunc
}

// showReport takes over the terminal.
func showReport(ctx context.Context, s *reportSink, title string) (*reportScreen, context.Context) {
	in, out, _ := s.env.streams.Terminal()
	first := topicstats.Order(s.options.order)
	if first == "" {
		first = topicstats.ByRate
	}
	board := live.NewBoard(live.Options{
		Title: title, Noun: "topics", Columns: reportColumns(), Painter: output.NewPainter(s.env.streams, s.env.color),
		Orders: reportOrders(first), Finds: findTopics, Summary: func(now time.Time) string { return totalText(s.table.All(), now) },
	})
	r := &reportScreen{sink: s, screen: live.Show(ctx, board, in, out)}
	note := func(line string) { r.screen.Update(func(b *live.Board) { b.Note(line) }) }
	s.env.instead.Store(&note)
	ctx, r.cancel = context.WithCancelCause(ctx)
	go func() {
		select {
		case <-r.screen.Done():
			r.cancel(errTableClosed)
		case <-ctx.Done():
		}
	}()
	return r, ctx
}

// totalText is what came on all topics.
func totalText(all *topicstats.Topic, now time.Time) string {
	return fmt.Sprintf("%s, %s, %s/s", messages(all.Messages), output.Size(all.Bytes), rateText(all.Rate(now)))
}

// reportOrders are what the rows can be sorted by, the first one first.
func reportOrders(first topicstats.Order) []live.Order {
	all := topicstats.Orders()
	for all[0] != first {
		all = append(all[1:], all[0])
	}
	orders := make([]live.Order, 0, len(all))
	for _, o := range all {
		order := live.Order{Name: string(o)}
		if o != topicstats.ByTopic {
			order.Rank = func(row *live.Row, now time.Time) float64 { return o.Rank(row.Value.(*topicstats.Topic), now) }
		}
		orders = append(orders, order)
	}
	return orders
}

// findTopics finds topics by a part of their names, or by a Topic Filter with wildcards.
func findTopics(text string) func(key string) bool {
	if strings.ContainsAny(text, "+#") {
		if filter, err := topic.ParseFilter(text); err == nil {
			return filter.Match
		}
	}
	return func(key string) bool { return strings.Contains(key, text) }
}

// count counts m on the screen.
func (r *reportScreen) count(m message.Message) {
	r.screen.Update(func(b *live.Board) {
		t, fresh := r.sink.table.Add(m)
		if !fresh {
			b.Touch()
			return
		}
		b.Set(live.Row{Key: t.Name, Value: t, Cells: func(now time.Time) []output.Cell {
			return reportCells(t, t.Rate(now), output.ShortDuration(now.Sub(t.Last))+" ago", output.Size(t.Bytes))
		}})
	})
}

// close gives the terminal back. over says that the user has ended it: with Ctrl-C that is an interruption.
func (r *reportScreen) close(err error) (over bool, why error) {
	select {
	case <-r.screen.Done():
		over = true
	default:
	}
	r.cancel(nil)
	r.screen.Close()
	r.sink.env.instead.Store(nil)
	switch {
	case errors.Is(r.screen.Err(), live.ErrInterrupted):
		return true, exit.New(exit.Interrupted, "interrupted", "", messages(r.sink.table.All().Messages)+" received")
	case over && r.screen.Err() == nil:
		return true, nil
	default:
		return false, err
	}
}
