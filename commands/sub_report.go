package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/topicstats"
)

// reportOptions are the flags that count messages by topic instead of printing them.
type reportOptions struct {
	on    bool
	every time.Duration
	top   int
	order string
}

func (o *reportOptions) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&o.on, "report", false, "count messages by topic instead of printing them: a live table on a terminal, a list at the end in a pipe,\n"+
		"with --json an object a topic")
	fs.Var(durationFlag{&o.every}, "report-every", "with --report, print the list so often, with what came since the last one")
	fs.IntVar(&o.top, "report-top", 0, "with --report, list only so many topics")
	fs.Var(choiceFlag{&o.order, orderWords()}, "report-sort", "with --report, what topics are sorted by (default: messages; rate on a terminal)")
}

func orderWords() []string {
	var words []string
	for _, o := range topicstats.Orders() {
		words = append(words, string(o))
	}
	return words
}

// check checks what flags say together.
func (o *reportOptions) check(cmd *cobra.Command) error {
	if !o.on {
		if others := chosen(cmd, "report-every", "report-top", "report-sort"); len(others) > 0 {
			return usageError(cmd, "%s does nothing without --report", others[0])
		}
		return nil
	}
	if others := chosen(cmd, "exec", "dump", "format", "path", "jq", "verbose", "no-newline"); len(others) > 0 {
		return usageError(cmd, "--report and %s exclude each other", others[0])
	}
	if o.top < 0 || given(cmd, "report-every") && o.every <= 0 {
		return usageError(cmd, "--report-top cannot be negative, and --report-every must be more than 0")
	}
	return nil
}

// sink counts messages. On a terminal, without --json and --report-every, there is a live table.
func (o *reportOptions) sink(e *env) *reportSink {
	s := &reportSink{env: e, options: *o, table: topicstats.New(), since: time.Now()}
	_, _, terminal := e.streams.Terminal()
	s.live = terminal && !e.json && o.every == 0
	return s
}

// reportSink counts messages by topic. It is safe to print from another goroutine.
type reportSink struct {
	env     *env
	options reportOptions
	live    bool
	screen  *reportScreen // nil where there is none
	stop    func()        // ends the printing in intervals

	mu     sync.Mutex
	table  *topicstats.Table
	since  time.Time // when the list was printed last
	failed error     // of printing in intervals
}

// start begins to show what is counted, when the subscription is about to be made. The context that it returns ends when the user
// is done with the table.
func (s *reportSink) start(ctx context.Context, title string) context.Context {
	s.since = time.Now()
	if s.live {
		s.screen, ctx = showReport(ctx, s, title)
		return ctx
	}
	if s.options.every == 0 {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	ticking := context.WithoutCancel(ctx)
	ticking, stop := context.WithCancel(ticking)
	s.stop = func() {
		stop()
		<-done
		cancel(nil)
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(s.options.every)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				if err := s.print(now); err != nil {
					cancel(err)
					return
				}
			case <-ticking.Done():
				return
			}
		}
	}()
	return ctx
}

// Message counts m.
func (s *reportSink) Message(m message.Message) (bool, error) { return s.Show(m, nil) }

// Show counts m.
func (s *reportSink) Show(m message.Message, _ []byte) (bool, error) {
	if s.screen != nil {
		s.screen.count(m)
		return true, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table.Add(m)
	return true, nil
}

// Flush has nothing to write.
func (s *reportSink) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Buffered is 1, so that what was counted is acknowledged.
func (*reportSink) Buffered() int { return 0 }

// end prints the last list.
func (s *reportSink) end(_ *env, err error) error {
	if s.stop != nil {
		s.stop()
	}
	if s.screen != nil {
		if over, why := s.screen.close(err); over {
			return why
		}
	}
	if errors.Is(err, exit.ErrOutputClosed) {
		return err
	}
	if failed := s.print(time.Now()); failed != nil && err == nil {
		return failed
	}
	return err
}

// print prints the list.
func (s *reportSink) print(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	order := topicstats.Order(s.options.order)
	if order == "" {
		order = topicstats.ByMessages
	}
	atLeast := time.Second // a rate over less says nothing
	if s.options.every > 0 {
		atLeast = min(atLeast, s.options.every)
	}
	span := max(now.Sub(s.since), atLeast)
	topics := s.table.Sorted(order, now)
	if s.options.top > 0 && len(topics) > s.options.top {
		topics = topics[:s.options.top]
	}
	var err error
	if s.env.json {
		err = s.printJSON(topics, span, now)
	} else {
		err = s.printRows(topics, span)
	}
	if s.options.every > 0 {
		s.table.Mark()
		s.since = now
	}
	s.failed = err
	return err
}

// reportFlush is after how many topics a list is written.
const reportFlush = 1000

func (s *reportSink) printJSON(topics []*topicstats.Topic, span time.Duration, now time.Time) error {
	lines := output.NewLines(s.env.streams)
	for i, t := range topics {
		line := []byte(`{"time":"`)
		line = append(message.AppendTime(line, now), '"')
		if t.Name == "" {
			line = append(line, `,"topic":null`...)
		} else {
			line = message.AppendJSONString(append(line, `,"topic":`...), t.Name)
		}
		line = fmt.Appendf(line, `,"messages":%d,"rate":%s,"bytes":%d,"qos":%d,"retained":%d,"first":"`,
			t.Messages, strconv.FormatFloat(rateOver(t, span), 'f', -1, 64), t.Bytes, t.QoS, t.Retained)
		line = append(message.AppendTime(line, t.First), `","last":"`...)
		lines.JSON(append(message.AppendTime(line, t.Last), '"', '}'))
		if i%reportFlush == reportFlush-1 {
			if err := lines.Flush(); err != nil {
				return err
			}
		}
	}
	return lines.Flush()
}

func (s *reportSink) printRows(topics []*topicstats.Topic, span time.Duration) error {
	rows := output.NewRows(s.env.streams, s.env.color, reportColumns()...)
	for _, t := range topics {
		rows.Row(reportCells(t, rateOver(t, span), t.Last.UTC().Format(time.RFC3339), strconv.FormatInt(t.Bytes, 10))...)
	}
	return rows.Flush()
}

// rateOver is how many messages a second came in the time that a list is about, with two decimals.
func rateOver(t *topicstats.Topic, span time.Duration) float64 {
	const hundredths = 100
	return float64(int64(float64(t.SinceMark())/span.Seconds()*hundredths+0.5)) / hundredths
}

func reportColumns() []string {
	return []string{"TOPIC", "MESSAGES", "PER SECOND", "BYTES", "LAST", "QOS", "RETAINED"}
}

// reportCells are what is shown of a topic.
func reportCells(t *topicstats.Topic, rate float64, last, bytes string) []output.Cell {
	name := t.Name
	if name == "" {
		name = "(other topics)"
	}
	return []output.Cell{
		{Text: name, Tone: output.Informative},
		{Text: strconv.Itoa(t.Messages)},
		{Text: rateText(rate)},
		{Text: bytes},
		{Text: last, Tone: output.Faint},
		{Text: strconv.Itoa(int(t.QoS)), Tone: output.Faint},
		{Text: strconv.Itoa(t.Retained), Tone: output.Faint},
	}
}

// rateText is a rate with as many decimals as say something.
func rateText(rate float64) string {
	const many, some = 100, 10
	decimals := 2
	switch {
	case rate >= many:
		decimals = 0
	case rate >= some:
		decimals = 1
	}
	text := strconv.FormatFloat(rate, 'f', decimals, 64)
	if strings.Trim(text, "0.") == "" {
		return "0"
	}
	return text
}
