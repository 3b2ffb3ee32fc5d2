package client_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// closes accepts the connection and closes it after a time, in which it answers nothing.
func closes(d time.Duration) func(*peer) {
	return func(p *peer) {
		p.accept(&wire.Connack{})
		<-time.After(d)
	}
}

func TestTakenOverAgainAndAgainWithoutAWord(t *testing.T) {
	tests := []struct {
		name  string
		id    string
		probe func(*peer)
		stops bool
	}{
		{"only this client is closed", "me", stays(&wire.Connack{}), true},
		{"the link is the reason", "me", closes(time.Second), false},
		{"the probe is refused", "me", func(p *peer) { p.accept(&wire.Connack{Code: wire.NotAuthorized}) }, false},
		{"nobody else can have the id", "", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				each := []func(*peer){closes(time.Hour), closes(2 * time.Second), closes(2 * time.Second)}
				if tt.probe != nil {
					each = append(each, tt.probe)
				}
				each = append(each, stays(&wire.Connack{}))
				s := open(t, client.Options{
					Version: wire.V311, ClientID: tt.id, Retry: client.Retry{Reconnect: client.Forever}, Dial: scripts(t, each...),
				})
				advance(2 * time.Hour)
				if err := s.Err(); errors.Is(err, client.ErrTakenOver) != tt.stops || tt.stops != (err != nil) {
					t.Errorf("Err() = %v, want an end: %v", err, tt.stops)
				}
			})
		})
	}
}

// A Server far away that hangs up at a message does so a while after it was sent, which is no sign of another client.
func TestHangingUpAtAMessageIsNoTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangsUp := func(p *peer) {
			p.accept(&wire.Connack{})
			want[*wire.Publish](p)
			<-time.After(100 * time.Millisecond)
		}
		s := open(t, client.Options{
			Version: wire.V311, ClientID: "me", Retry: client.Retry{Reconnect: client.Forever, MaxWait: time.Millisecond},
			Dial: scripts(t, hangsUp, hangsUp, hangsUp, hangsUp, stays(&wire.Connack{})),
		})
		if err := s.PublishAsync(t.Context(), text("t", "bad", 1), nil); err != nil {
			t.Fatal(err)
		}
		advance(time.Minute)
		if err := s.Err(); err != nil {
			t.Errorf("Err() = %v", err)
		}
	})
}
