package broker_test

import (
	"fmt"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

// aliasing opens a connection of a client that takes as many Topic Aliases.
func aliasing(tb testing.TB, s *brokertest.Server, id string, most uint16) *raw {
	tb.Helper()
	c := dial(tb, s, wire.V5)
	props := &wire.Properties{TopicAliasMaximum: most, SessionExpiryInterval: 60}
	c.connect(&wire.Connect{ClientID: id, Properties: props.Set(wire.PropTopicAliasMaximum, wire.PropSessionExpiryInterval)})

	return c
}

func TestAClientThatTakesTopicAliasesIsSentThem(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	sub, pub := aliasing(t, s, "sub", 2), connected(t, s, wire.V5, "pub")
	sub.sub("#", 2)
	for _, tt := range []struct {
		send, want string
		alias      uint16
	}{
		{"a", "a", 1}, {"a", "", 1}, {"b", "b", 2}, {"c", "c", 0}, {"b", "", 2}, {"a", "", 1}, {"c", "c", 0},
	} {
		for qos := range byte(3) {
			pub.publish(&wire.Publish{
				Topic: tt.send, QoS: qos, Payload: text("x"),
				Properties: (&wire.Properties{ContentType: "t"}).Set(wire.PropContentType),
			})
			p := sub.receive()
			got := uint16(0)
			if p.Properties.Has(wire.PropTopicAlias) {
				got = p.Properties.TopicAlias
			}
			if p.Topic != tt.want || got != tt.alias || p.Properties.ContentType != "t" {
				t.Fatalf("for %q: topic %q, alias %d, want %q, %d", tt.send, p.Topic, got, tt.want, tt.alias)
			}
			if tt.alias > 0 {
				tt.want = "" // the next ones need no name
			}
		}
	}
}

func TestAClientThatTakesNoTopicAliasesIsSentNone(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for i, sub := range []*raw{connected(t, s, wire.V5, "absent"), aliasing(t, s, "zero", 0), connected(t, s, wire.V311, "old")} {
		topic := fmt.Sprint("t/", i)
		sub.sub(topic, 0)
		for range 2 {
			sub.send(&wire.Publish{Topic: topic})
			if p := sub.receive(); p.Topic != topic || p.Properties.Has(wire.PropTopicAlias) {
				t.Errorf("got %+v", p)
			}
		}
	}
}

func TestTopicAliasesTowardsTheClientEndWithTheConnection(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	sub := aliasing(t, s, "sub", 1)
	sub.sub("a", 1)
	sub.send(&wire.Publish{Topic: "a", QoS: 0}, &wire.Publish{Topic: "a", QoS: 0})
	sub.receive()
	sub.receive()
	sub.send(&wire.Publish{Topic: "a", QoS: 1, PacketID: 1})
	for range 2 { // PUBACK and the message, which is not acknowledged
		if _, err := sub.next(patience); err != nil {
			t.Fatal(err)
		}
	}
	sub.drop()
	s.WaitDisconnected("sub")

	if p := aliasing(t, s, "sub", 1).receive(); p.Topic != "a" || p.Properties.TopicAlias != 1 || !p.Dup {
		t.Errorf("got %+v", p)
	}
	if p := aliasing(t, s, "sub", 1); p != nil {
		p.send(&wire.Publish{Topic: "a"})
		if got := p.receive(); got.Topic != "a" {
			t.Errorf("got %+v", got)
		}
	}
}

func TestAPacketThatWasTooLargeTaughtNoTopicAlias(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	sub, pub := dial(t, s, wire.V5), connected(t, s, wire.V5, "pub")
	props := &wire.Properties{TopicAliasMaximum: 1, MaximumPacketSize: 100}
	sub.connect(&wire.Connect{ClientID: "sub", Properties: props.Set(wire.PropTopicAliasMaximum, wire.PropMaximumPacketSize)})
	sub.sub("a", 0)
	pub.send(&wire.Publish{Topic: "a", Payload: make([]byte, 200)}, &wire.Publish{Topic: "a"})
	if p := sub.receive(); p.Topic != "a" || p.Properties.TopicAlias != 1 {
		t.Errorf("got %+v", p)
	}
}
