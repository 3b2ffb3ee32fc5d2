package client_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// aliased is what is of interest of a PUBLISH.
type aliased struct {
	Topic, Payload string
	Alias          uint16
	Expiry         uint32
}

// collect answers CONNECT and returns the PUBLISH packets of QoS 0 and 1 until DISCONNECT.
func collect(p *peer, ca *wire.Connack, got chan<- []aliased) {
	p.accept(ca)
	var all []aliased
	for {
		q, ok := p.read().(*wire.Publish)
		if !ok {
			got <- all
			return
		}
		a := aliased{Topic: q.Topic, Payload: string(q.Payload)}
		if q.Properties != nil {
			a.Alias, a.Expiry = q.Properties.TopicAlias, q.Properties.MessageExpiryInterval
		}
		all = append(all, a)
		if q.QoS == 1 {
			p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: q.PacketID})
		}
	}
}

func connackAliases(most uint16, size uint32) *wire.Connack {
	props := (&wire.Properties{TopicAliasMaximum: most}).Set(wire.PropTopicAliasMaximum)
	if size > 0 {
		props.MaximumPacketSize = size
		props.Set(wire.PropMaximumPacketSize)
	}
	return &wire.Connack{Properties: props}
}

func TestTopicAliasesReplaceTopicsThatComeAgain(t *testing.T) {
	expiry := (&wire.Properties{MessageExpiryInterval: 60}).Set(wire.PropMessageExpiryInterval)
	own := (&wire.Properties{TopicAlias: 1}).Set(wire.PropTopicAlias)
	long := strings.Repeat("long/", 20)
	tests := []struct {
		name    string
		connack *wire.Connack
		send    []message.Message
		want    []aliased
	}{
		{
			"each topic has its own, as long as there are any", connackAliases(2, 0),
			[]message.Message{
				text("acme/a", "1", 0), text("acme/b", "2", 1), text("acme/c", "3", 0), text("acme/a", "4", 1), text("acme/b", "5", 0), text("acme/c", "6", 0),
			},
			[]aliased{
				{"acme/a", "1", 1, 0},
				{"acme/b", "2", 2, 0},
				{"acme/c", "3", 0, 0},
				{"", "4", 1, 0},
				{"", "5", 2, 0},
				{"acme/c", "6", 0, 0},
			},
		},
		{
			"beside the other properties", connackAliases(9, 0),
			[]message.Message{{Topic: "acme/a", Properties: expiry}, {Topic: "acme/a", Properties: expiry}, {Topic: "acme/a"}},
			[]aliased{{"acme/a", "", 1, 60}, {"", "", 1, 60}, {"", "", 1, 0}},
		},
		{
			"not for topics that are short", connackAliases(9, 0),
			[]message.Message{text("a/b", "1", 0), text("a/b", "2", 0)},
			[]aliased{{"a/b", "1", 0, 0}, {"a/b", "2", 0, 0}},
		},
		{
			"not where the Server has none", &wire.Connack{},
			[]message.Message{text("acme/a", "1", 0), text("acme/a", "2", 0)},
			[]aliased{{"acme/a", "1", 0, 0}, {"acme/a", "2", 0, 0}},
		},
		{
			// 2 bytes of fixed header, 2 of length, the topic and an empty property length fill the packet exactly.
			"not where the packet would become too large", connackAliases(9, uint32(2+2+len(long)+1)),
			[]message.Message{text(long, "", 0), text(long, "", 0), text("acme/a", "", 0), text("acme/a", "", 0)},
			[]aliased{{long, "", 0, 0}, {long, "", 0, 0}, {"acme/a", "", 1, 0}, {"", "", 1, 0}},
		},
		{
			"not together with the user's own", connackAliases(9, 0),
			[]message.Message{text("acme/a", "1", 0), text("acme/a", "2", 0), {Topic: "acme/b", Properties: own}, text("acme/a", "3", 0)},
			[]aliased{{"acme/a", "1", 1, 0}, {"", "2", 1, 0}, {"acme/b", "", 1, 0}, {"acme/a", "3", 0, 0}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := make(chan []aliased, 1)
			s := open(t, client.Options{TopicAliases: true, Dial: overTCP(t, func(p *peer) { collect(p, tt.connack, got) })})
			for _, m := range tt.send {
				before := m.Properties
				if err := s.Publish(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				if before.Has(wire.PropTopicAlias) != (before == own) {
					t.Error("the message was changed")
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tt.want, <-got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A message that could not be encoded has set no alias.
func TestTopicAliasIsSetByWhatWasSent(t *testing.T) {
	got := make(chan []aliased, 1)
	s := open(t, client.Options{TopicAliases: true, Dial: overTCP(t, func(p *peer) { collect(p, connackAliases(9, 0), got) })})
	bad := (&wire.Properties{ContentType: "\xff"}).Set(wire.PropContentType)
	if err := s.Publish(t.Context(), message.Message{Topic: "acme/a", Properties: bad}); err == nil {
		t.Fatal("bad properties were sent")
	}
	if err := s.Publish(t.Context(), text("acme/a", "1", 0)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]aliased{{"acme/a", "1", 1, 0}}, <-got); diff != "" {
		t.Error(diff)
	}
}

// Topic Aliases end with the connection: what is sent again on the next one begins with its topic.
func TestTopicAliasesAreThoseOfOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read := func(p *peer, n int, answer bool) (all []aliased) {
			for range n {
				q := want[*wire.Publish](p)
				if q == nil {
					return all
				}
				a := aliased{Topic: q.Topic, Payload: string(q.Payload)}
				if q.Properties != nil {
					a.Alias = q.Properties.TopicAlias
				}
				all = append(all, a)
				if answer {
					p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: q.PacketID})
				}
			}
			return all
		}
		got := make(chan []aliased, 2)
		s := open(t, client.Options{
			ClientID: "me", TopicAliases: true, ResumeSession: true, Retry: client.Retry{Reconnect: client.Forever},
			Dial: scripts(t, func(p *peer) {
				p.accept(connackAliases(9, 0))
				got <- read(p, 3, false)
			}, func(p *peer) {
				ca := connackAliases(1, 0)
				ca.SessionPresent = true
				p.accept(ca)
				got <- read(p, 3, true)
				p.drain()
			}),
		})
		for _, m := range []message.Message{text("acme/a", "1", 1), text("acme/b", "2", 1), text("acme/b", "3", 1)} {
			if err := s.PublishAsync(t.Context(), m, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantFirst := []aliased{{"acme/a", "1", 1, 0}, {"acme/b", "2", 2, 0}, {"", "3", 2, 0}}
		wantSecond := []aliased{{"acme/a", "1", 1, 0}, {"acme/b", "2", 0, 0}, {"acme/b", "3", 0, 0}}
		if diff := cmp.Diff([][]aliased{wantFirst, wantSecond}, [][]aliased{<-got, <-got}); diff != "" {
			t.Error(diff)
		}
	})
}
