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
