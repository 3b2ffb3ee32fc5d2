package demo

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// view is what one subscriber has seen so far.
type view struct {
	session  *client.Session
	last     map[string]string   // the last payload on each topic
	all      map[string][]string // every payload on each topic
	retained int                 // messages that came with the RETAIN flag
}

// watch connects a subscriber.
func watch(ctx context.Context, open Opener, id, filter string) (*view, error) {
	s, err := open(ctx, client.Options{ClientID: id})
	if err != nil {
		return nil, err
	}
	if _, err := s.Subscribe(ctx, nil, wire.Subscription{Filter: filter, QoS: 1}); err != nil {
		s.Abandon()
		return nil, err
	}
	return &view{session: s, last: map[string]string{}, all: map[string][]string{}}, nil
}

// await takes messages until seen holds, or says which step waited for what in vain.
func (v *view) await(ctx context.Context, title, what string, seen func(*view) bool) error {
	bounded, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	for !seen(v) {
		m, err := v.session.Recv(bounded)
		switch {
		case err == nil:
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			return &NotObservedError{title, what}
		default:
			return err
		}
		v.session.AckReceived()
		v.last[m.Topic] = string(m.Payload)
		v.all[m.Topic] = append(v.all[m.Topic], string(m.Payload))
		if m.Retain {
			v.retained++
		}
	}
	return nil
}

// statuses reports whether the last status of every device is the given one.
func (v *view) statuses(want string) bool {
	for i := range fleet {
		if v.last[base(i)+"/status"] != want {
			return false
		}
	}
	return true
}

func (v *view) topics() []string { return slices.Sorted(maps.Keys(v.last)) }
