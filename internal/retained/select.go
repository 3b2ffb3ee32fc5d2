package retained

import (
	"context"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/sift"
	"github.com/mqx-cli/mqx/internal/topic"
)

// Selector picks messages. The zero Selector picks all.
type Selector struct {
	// Filters are those of which one must match; none means that any topic does.
	Filters []topic.Filter
	// Exclude are those of which none may match.
	Exclude []topic.Filter
	// OlderThan leaves out messages that are not that old by the timestamp in their payload: those without a timestamp,
	// too, because nobody knows their age. 0 asks for no age.
	OlderThan time.Duration
	// Where, when set, must hold.
	Where *sift.Where
	// Now is what ages are taken from.
	Now time.Time
}

// Selects reports whether m is picked.
func (s *Selector) Selects(m message.Message) bool {
	matches := func(f topic.Filter) bool { return f.Match(m.Topic) }
	if len(s.Filters) > 0 && !slices.ContainsFunc(s.Filters, matches) || slices.ContainsFunc(s.Exclude, matches) {
		return false
	}
	if s.OlderThan > 0 {
		if made, ok := payload.Timestamp(m.Payload); !ok || s.Now.Sub(made) <= s.OlderThan {
			return false
		}
	}
	return s.Where == nil || s.Where.Holds(m, nil, s.Now)
}

// Lines gives messages of a capture with their line numbers, as a publish.Source does.
type Lines interface {
	Next(ctx context.Context) (m message.Message, line int, err error)
}

// Load gives those messages of a capture that can be published to restore the state it holds. They keep their payloads,
// QoS and properties byte for byte; a Message Expiry Interval begins anew with what was left of it when it was recorded.
type Load struct {
	lines    Lines
	selector Selector
	skipped  int
	live     int
}

// NewLoad returns a Load. A line that does not say "retain" counts as retained if the defaults that lines has been made
// with say so.
func NewLoad(lines Lines, s Selector) *Load { return &Load{lines: lines, selector: s} }

// Next returns the next message to publish. Errors, those of single lines among them, are passed on.
func (l *Load) Next(ctx context.Context) (message.Message, int, error) {
	for {
		m, line, err := l.lines.Next(ctx)
		switch {
		case err != nil:
			return m, line, err
		case !m.Retain:
			l.live++
		case !l.selector.Selects(m):
			l.skipped++
		default:
			m.Dup, m.PacketID = false, 0
			return m, line, nil
		}
	}
}

// Skipped is how many messages the selector left out.
func (l *Load) Skipped() int { return l.skipped }

// Live is how many messages were left out because they were recorded live: they are no state.
func (l *Load) Live() int { return l.live }
