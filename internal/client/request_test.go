package client_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// A request that begins while the connection ends could report how it noticed, and not that the connection was lost.
func TestRequestWhileTheConnectionEndsSaysThatItIsLost(t *testing.T) {
	for range 500 {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, client.Options{ClientID: "me", Dial: scripts(t, func(p *peer) {
				p.accept(&wire.Connack{})
				p.send(&wire.Unsuback{PacketID: want[*wire.Unsubscribe](p).PacketID, Codes: []wire.ReasonCode{0}})
			})})
			_, err := s.Unsubscribe(t.Context(), "t")
			if err == nil {
				_, err = s.Unsubscribe(t.Context(), "t")
			}
			if !errors.Is(err, client.ErrConnectionLost) {
				t.Fatalf("%v, want a lost connection", err)
			}
		})
	}
}

func TestServerThatHangsUpAtOnceIsALostConnection(t *testing.T) {
	for range 500 {
		synctest.Test(t, func(t *testing.T) {
			_, err := client.Open(t.Context(), client.Options{ClientID: "me", Version: wire.V5, Dial: scripts(t, func(*peer) {})})
			if !errors.Is(err, client.ErrConnectionLost) {
				t.Fatalf("%v, want a lost connection", err)
			}
		})
	}
}
