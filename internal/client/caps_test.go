package client_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// What CONNACK says the Server does not have is refused before anything is sent.
func TestSubscribeHoldsToTheLimitsOfConnack(t *testing.T) {
	props := (&wire.Properties{MaximumPacketSize: 60}).Set(wire.PropMaximumPacketSize, wire.PropWildcardSubscriptionAvailable,
		wire.PropSharedSubscriptionAvailable, wire.PropSubscriptionIdentifierAvailable)
	s := open(t, client.Options{Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{Properties: props})
		if got := want[*wire.Subscribe](p); got != nil && got.Subscriptions[0].Filter != "plain" {
			t.Errorf("the server got %+v", got)
		} else if got != nil {
			p.send(&wire.Suback{PacketID: got.PacketID, Codes: []wire.ReasonCode{wire.Success}})
		}
		p.drain()
	})})
	id := &wire.Properties{SubscriptionIdentifiers: []uint32{7}}
	for _, tt := range []struct {
		filter string
		props  *wire.Properties
		code   wire.ReasonCode
	}{
		{"a/+", nil, wire.WildcardSubscriptionsNotSupported},
		{"#", nil, wire.WildcardSubscriptionsNotSupported},
		{"$share/g/a", nil, wire.SharedSubscriptionsNotSupported},
		{"a", id, wire.SubscriptionIdentifiersNotSupported},
		{strings.Repeat("a", 60), nil, wire.PacketTooLarge},
		{"plain", nil, wire.Success},
	} {
		_, err := s.Subscribe(t.Context(), tt.props, wire.Subscription{Filter: tt.filter})
		var refused *client.RefusedError
		if errors.As(err, &refused) != (tt.code != 0) || refused != nil && (refused.Code != tt.code || refused.Topic != tt.filter) {
			t.Errorf("%s: got %v, want code %v", tt.filter, err, tt.code)
		}
	}
	_, err := s.Unsubscribe(t.Context(), strings.Repeat("a", 60))
	if refused, ok := errors.AsType[*client.RefusedError](err); !ok || refused.Code != wire.PacketTooLarge || refused.Packet != wire.UNSUBSCRIBE {
		t.Errorf("UNSUBSCRIBE: got %v", err)
	}
}

// The Server's Keep Alive takes the place of the client's, in both directions ([MQTT-3.2.2-21]).
func TestServerKeepAliveTakesThePlaceOfTheClients(t *testing.T) {
	for _, tt := range []struct{ own, servers uint16 }{{60, 2}, {2, 60}, {0, 5}, {5, 0}} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			first := time.Duration(0)
			open(t, client.Options{KeepAlive: tt.own, Dial: overPipe(t, func(p *peer) {
				p.accept(&wire.Connack{Properties: (&wire.Properties{ServerKeepAlive: tt.servers}).Set(wire.PropServerKeepAlive)})
				for q := p.read(); q != nil; q = p.read() {
					if _, ok := q.(*wire.Pingreq); ok {
						if first == 0 {
							first = time.Since(began)
						}
						p.send(&wire.Pingresp{})
					}
				}
			})})
			advance(3 * time.Minute)
			most := time.Duration(tt.servers) * time.Second
			if first > most || (first == 0) != (tt.servers == 0) || tt.servers == 60 && first < 10*time.Second {
				t.Errorf("Keep Alive %d, the server's %d: PINGREQ after %v", tt.own, tt.servers, first)
			}
		})
	}
}

func TestAssignedClientIdentifierIsKnownAndKept(t *testing.T) {
	props := (&wire.Properties{AssignedClientIdentifier: "given"}).Set(wire.PropAssignedClientIdentifier)
	again := make(chan string, 1)
	s := open(t, client.Options{Retry: client.Retry{Reconnect: 3, MaxWait: 1}, Dial: overTCP(t, func(p *peer) {
		if c := p.accept(&wire.Connack{Properties: props}); c.ClientID != "" {
			t.Errorf("the first connection asks for %q", c.ClientID)
		}
	}, func(p *peer) {
		again <- p.accept(&wire.Connack{}).ClientID
		p.drain()
	})})
	if got := <-again; got != "given" || s.Caps().ClientID != "given" {
		t.Errorf("the next connection asks for %q, Caps say %q", got, s.Caps().ClientID)
	}
}
