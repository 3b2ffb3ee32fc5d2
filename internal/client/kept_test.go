package client_test

import (
	"context"
	"sync"
	"testing"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// journal notes what it is told, and holds PUBREL back until its test allows it.
type journal struct {
	received  chan func()
	mu        sync.Mutex
	forgotten int
}

func newJournal() *journal { return &journal{received: make(chan func(), 10)} }

func (j *journal) Received(_ uint16, safe func()) { j.received <- safe }

func (j *journal) Forgotten(context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.forgotten++
	return nil
}

func kept(id uint16, m message.Message) client.Kept { return client.Kept{ID: id, Message: m} }

func TestPubrelOfAKeptMessageWaitsForTheJournal(t *testing.T) {
	j := newJournal()
	order := make(chan string, 10)
	s := open(t, client.Options{Journal: j, Dial: overTCP(t, func(p *peer) {
		p.accept(&wire.Connack{})
		pub := want[*wire.Publish](p)
		p.send(&wire.Ack{Kind: wire.PUBREC, PacketID: pub.PacketID})
		rel := want[*wire.Ack](p)
		order <- "PUBREL"
		if rel.Kind != wire.PUBREL || rel.PacketID != 0xE001 || pub.PacketID != 0xE001 || pub.Dup {
			t.Errorf("got %+v after %+v", rel, pub)
		}
		p.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: rel.PacketID})
		p.drain()
	})})
	done := make(chan client.Result, 1)
	if err := s.PublishKept(t.Context(), kept(0xE001, text("a", "x", 2)), func(r client.Result) { done <- r }); err != nil {
		t.Fatal(err)
	}
	safe := <-j.received
	order <- "safe"
	safe()
	safe() // a second time does no harm
	if r := <-done; r.Err != nil {
		t.Error(r.Err)
	}
	if first := <-order; first != "safe" {
		t.Errorf("%s came first", first)
	}
}

// What an earlier process has left goes on where it was: PUBLISH again with DUP, or PUBREL alone.
func TestKeptMessagesOfAnEarlierProcessGoOn(t *testing.T) {
	j := newJournal()
	s := open(t, client.Options{ResumeSession: true, ClientID: "q", Journal: j, Dial: overTCP(t, func(p *peer) {
		if c := p.accept(&wire.Connack{SessionPresent: true}); c.CleanStart || !c.Properties.Has(wire.PropSessionExpiryInterval) {
			t.Errorf("CONNECT %+v", c)
		}
		rel := want[*wire.Ack](p)
		pub := want[*wire.Publish](p)
		fresh := want[*wire.Publish](p)
		if rel.Kind != wire.PUBREL || rel.PacketID != 0xE000 || pub.PacketID != 0xE001 || !pub.Dup || fresh.Dup {
			t.Errorf("got %+v, %+v and %+v", rel, pub, fresh)
		}
		// The PUBCOMP of the first was lost with the earlier connection.
		p.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: rel.PacketID, Code: wire.PacketIdentifierNotFound})
		p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: pub.PacketID}, &wire.Ack{Kind: wire.PUBACK, PacketID: fresh.PacketID})
		d, ok := p.read().(*wire.Disconnect)
		if !ok || !d.Properties.Has(wire.PropSessionExpiryInterval) || d.Properties.SessionExpiryInterval != 0 {
			t.Errorf("the Session is not ended: %+v", d)
		}
	})})
	for _, k := range []client.Kept{
		{ID: 0xE000, Message: text("a", "1", 2), Again: true, Received: true},
		{ID: 0xE001, Message: text("a", "2", 1), Again: true},
		{ID: 0xE002, Message: text("a", "3", 1)},
	} {
		if err := s.PublishKept(t.Context(), k, func(r client.Result) {
			if r.Err != nil {
				t.Errorf("%d: %v", k.ID, r.Err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.CloseForGood(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAFreshSessionIsKeptAndGoneOnWithAfterALoss(t *testing.T) {
	j := newJournal()
	s := open(t, client.Options{
		ResumeSession: true, FreshSession: true, ClientID: "q", Journal: j, Retry: client.Retry{Reconnect: 5, MaxWait: 1},
		Dial: overTCP(t, func(p *peer) {
			if c := p.accept(&wire.Connack{}); !c.CleanStart || !c.Properties.Has(wire.PropSessionExpiryInterval) {
				t.Errorf("CONNECT %+v", c)
			}
			p.send(&wire.Ack{Kind: wire.PUBREC, PacketID: want[*wire.Publish](p).PacketID})
			(<-j.received)() // PUBREL goes out
			want[*wire.Ack](p)
		}, func(p *peer) {
			if c := p.accept(&wire.Connack{SessionPresent: true}); c.CleanStart {
				t.Error("the second connection discards the Session")
			}
			if rel := want[*wire.Ack](p); rel.Kind != wire.PUBREL {
				t.Errorf("got %+v, want PUBREL", rel)
			}
		}, func(p *peer) {
			p.accept(&wire.Connack{}) // the Session is gone: the message is a new one
			if pub := want[*wire.Publish](p); pub.Dup || pub.PacketID != 0xFFFF {
				t.Errorf("got %+v", pub)
			}
			j.mu.Lock()
			if j.forgotten != 1 {
				t.Errorf("the journal was told %d times", j.forgotten)
			}
			j.mu.Unlock()
			p.send(&wire.Ack{Kind: wire.PUBREC, PacketID: 0xFFFF})
			(<-j.received)()
			want[*wire.Ack](p)
			p.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: 0xFFFF})
			p.drain()
		}),
	})
	if err := s.PublishKept(t.Context(), kept(0xFFFF, text("a", "x", 2)), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

// The disk may be slower than the link: what it says about a connection that was replaced means nothing to the next one.
func TestPubrelIsNotSentForThePubrecOfAnOlderConnection(t *testing.T) {
	j := newJournal()
	late := make(chan func(), 1)
	s := open(t, client.Options{
		ResumeSession: true, ClientID: "q", Journal: j, Retry: client.Retry{Reconnect: 5, MaxWait: 1},
		Dial: overTCP(t, func(p *peer) {
			p.accept(&wire.Connack{})
			p.send(&wire.Ack{Kind: wire.PUBREC, PacketID: want[*wire.Publish](p).PacketID})
			late <- <-j.received
		}, func(p *peer) {
			p.accept(&wire.Connack{})
			pub := want[*wire.Publish](p)
			(<-late)()
			p.send(&wire.Ack{Kind: wire.PUBREC, PacketID: pub.PacketID})
			select {
			case safe := <-j.received:
				safe()
			case <-t.Context().Done():
				t.Error("the second PUBREC was not noted")
			}
			if rel := want[*wire.Ack](p); rel.Kind != wire.PUBREL {
				t.Errorf("got %+v", rel)
			}
			p.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: pub.PacketID})
			p.drain()
		}),
	})
	if err := s.PublishKept(t.Context(), kept(0xE000, text("a", "x", 2)), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}
