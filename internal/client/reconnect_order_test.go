package client_test

import (
	"fmt"
	"testing"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// A message that waited for room must not overtake those that are to be sent again (MQTT 5, 4.6).
func TestNewMessagesDoNotOvertakeThoseThatAreSentAgain(t *testing.T) {
	const window, rounds = 17, 60 // one more than a new connection begins with
	for range rounds {
		waiting := make(chan struct{})
		s := open(t, client.Options{
			ResumeSession: true, ClientID: "q", MaxInflight: window, Retry: client.Retry{Reconnect: 5, MaxWait: 1},
			Dial: overTCP(t, func(p *peer) {
				p.accept(&wire.Connack{})
				for range window {
					want[*wire.Publish](p)
				}
			}, func(p *peer) {
				p.accept(&wire.Connack{SessionPresent: true})
				<-waiting
				var got []*wire.Publish
				for i := range window + 1 {
					if i >= window-1 {
						p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: got[i-window+1].PacketID})
					}
					got = append(got, want[*wire.Publish](p))
					if string(got[i].Payload) != fmt.Sprint(i) {
						t.Errorf("message %d is %q", i, got[i].Payload)
					}
				}
				for _, pub := range got[2:] {
					p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: pub.PacketID})
				}
				p.drain()
			}),
		})
		for i := range window + 1 {
			if i == window {
				close(waiting)
			}
			if err := s.PublishAsync(t.Context(), text("a", fmt.Sprint(i), 1), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
