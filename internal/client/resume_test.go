package client_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// What was open is sent again in order: with DUP, the same identifier and PUBREL where PUBREC had come when the Server has
// the Session, and as new messages when it has not.
func TestOpenPublishesAreSentAgain(t *testing.T) {
	for _, present := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var first, second []string
			note := func(list *[]string, q wire.Packet) {
				switch q := q.(type) {
				case *wire.Publish:
					*list = append(*list, fmt.Sprintf("PUBLISH %s id %d dup %v", q.Payload, q.PacketID, q.Dup))
				case *wire.Ack:
					*list = append(*list, fmt.Sprintf("%s id %d", q.Kind, q.PacketID))
				}
			}
			s := open(t, client.Options{
				ClientID: "me", ResumeSession: true, Retry: client.Retry{Reconnect: client.Forever},
				Dial: scripts(t, func(p *peer) {
					p.accept(&wire.Connack{})
					for range 4 {
						q := want[*wire.Publish](p)
						note(&first, q)
						switch string(q.Payload) {
						case "b":
							p.send(&wire.Ack{Kind: wire.PUBREC, PacketID: q.PacketID})
							note(&first, want[*wire.Ack](p))
						case "c":
							p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: q.PacketID})
						}
					}
				}, func(p *peer) {
					p.accept(&wire.Connack{SessionPresent: present})
					var open []wire.Packet
					for range 3 {
						q := p.read()
						note(&second, q)
						open = append(open, q)
					}
					for _, q := range open {
						switch q := q.(type) {
						case *wire.Publish:
							kind := wire.PUBACK
							if q.QoS == 2 {
								kind = wire.PUBREC
							}
							p.send(&wire.Ack{Kind: kind, PacketID: q.PacketID})
						case *wire.Ack:
							p.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: q.PacketID})
						}
					}
					for q := p.read(); q != nil; q = p.read() {
						if a, ok := q.(*wire.Ack); ok {
							p.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: a.PacketID})
						}
					}
				}),
			})
			ended := map[string]int{}
			for i, payload := range []string{"a", "b", "c", "d"} {
				qos := byte(1 + i%2)
				if payload == "c" {
					qos = 1
				}
				if err := s.PublishAsync(t.Context(), text("t", payload, qos), func(r client.Result) {
					ended[payload]++
					if r.Err != nil {
						t.Errorf("%s: %v", payload, r.Err)
					}
				}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			if err := s.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantFirst := []string{"PUBLISH a id 256 dup false", "PUBLISH b id 257 dup false", "PUBREL id 257", "PUBLISH c id 258 dup false", "PUBLISH d id 259 dup false"}
			wantSecond := []string{"PUBLISH a id 256 dup true", "PUBREL id 257", "PUBLISH d id 259 dup true"}
			if !present {
				wantSecond = []string{"PUBLISH a id 256 dup false", "PUBLISH b id 257 dup false", "PUBLISH d id 259 dup false"}
			}
			if diff := cmp.Diff([][]string{wantFirst, wantSecond}, [][]string{first, second}); diff != "" {
				t.Errorf("Session Present %v (-want +got)\n%s", present, diff)
			}
			if diff := cmp.Diff(map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, ended); diff != "" {
				t.Errorf("functions called (-want +got)\n%s", diff)
			}
		})
	}
}

// The new connection may allow less than is open.
func TestReceiveMaximumHoldsForWhatIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, limit = 10, 3
		var order []string
		s := open(t, client.Options{
			ClientID: "me", ResumeSession: true, Retry: client.Retry{Reconnect: client.Forever},
			Dial: scripts(t, func(p *peer) {
				p.accept(&wire.Connack{})
				for range n {
					want[*wire.Publish](p)
				}
			}, func(p *peer) {
				p.accept(&wire.Connack{SessionPresent: true, Properties: (&wire.Properties{ReceiveMaximum: limit}).Set(wire.PropReceiveMaximum)})
				var unanswered []uint16
				for range n + 2 {
					q := want[*wire.Publish](p)
					order = append(order, string(q.Payload))
					if unanswered = append(unanswered, q.PacketID); len(unanswered) > limit {
						t.Errorf("%d messages at once, want at most %d", len(unanswered), limit)
					}
					if len(unanswered) == limit {
						<-time.After(time.Second) // would there be another one?
						for _, id := range unanswered {
							p.send(&wire.Ack{Kind: wire.PUBACK, PacketID: id})
						}
						unanswered = nil
					}
				}
				p.drain()
			}),
		})
		var want []string
		for i := range n + 2 {
			want = append(want, fmt.Sprint(i))
			if err := s.PublishAsync(t.Context(), text("t", fmt.Sprint(i), 1), nil); err != nil {
				t.Fatal(err)
			}
			if i == n-1 {
				advance(time.Second / 2)
			}
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("sent (-want +got)\n%s", diff)
		}
	})
}

// An acknowledgement that was withheld when the connection was lost could meet another message with the same identifier.
func TestAcknowledgementsOfTheOldConnectionAreNotSentOnTheNewOne(t *testing.T) {
	for _, present := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var acks []string
			note := func(a *wire.Ack) { acks = append(acks, fmt.Sprintf("%s %d", a.Kind, a.PacketID)) }
			s := open(t, client.Options{
				ClientID: "me", ResumeSession: true, Retry: client.Retry{Reconnect: client.Forever},
				Dial: scripts(t, func(p *peer) {
					p.accept(&wire.Connack{})
					p.send(&wire.Publish{Topic: "t", Payload: []byte("one"), QoS: 1, PacketID: 1},
						&wire.Publish{Topic: "t", Payload: []byte("two"), QoS: 2, PacketID: 2},
						&wire.Publish{Topic: "t", Payload: []byte("three"), QoS: 2, PacketID: 3})
				}, func(p *peer) {
					p.accept(&wire.Connack{SessionPresent: present})
					go func() {
						<-time.After(time.Minute) // the consumer acknowledges in between
						if present {
							p.send(&wire.Publish{Topic: "t", Payload: []byte("one"), QoS: 1, PacketID: 1, Dup: true},
								&wire.Publish{Topic: "t", Payload: []byte("two"), QoS: 2, PacketID: 2, Dup: true},
								&wire.Publish{Topic: "t", Payload: []byte("three"), QoS: 2, PacketID: 3, Dup: true})
						} else {
							p.send(&wire.Publish{Topic: "t", Payload: []byte("new"), QoS: 2, PacketID: 2})
						}
					}()
					for q := p.read(); q != nil; q = p.read() {
						if a, ok := q.(*wire.Ack); ok {
							note(a)
						}
					}
				}),
			})
			advance(time.Second)
			var got []string
			for range 3 {
				got = append(got, string(recv(t, s).Payload))
			}
			s.AckReceived()
			advance(10 * time.Second)
			if len(acks) != 0 {
				t.Errorf("Session Present %v: sent %v before anything came over the new connection", present, acks)
			}
			got = append(got, string(recv(t, s).Payload))
			advance(10 * time.Second) // all three have come: what was taken before is acknowledged as it comes, this one only now
			s.AckReceived()
			advance(10 * time.Second)
			wantAcks, wantGot := []string{"PUBREC 2", "PUBREC 3", "PUBACK 1"}, []string{"one", "two", "three", "one"}
			if !present {
				wantAcks, wantGot = []string{"PUBREC 2"}, []string{"one", "two", "three", "new"}
			}
			if diff := cmp.Diff(wantGot, got); diff != "" {
				t.Errorf("Session Present %v: received (-want +got)\n%s", present, diff)
			}
			if diff := cmp.Diff(wantAcks, acks); diff != "" {
				t.Errorf("Session Present %v: acknowledged (-want +got)\n%s", present, diff)
			}
		})
	}
}
