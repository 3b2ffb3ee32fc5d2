package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/wire"
)

// answering is a peer that answers CONNECT with raw bytes and then reads to the end.
func answering(raw ...byte) func(*peer) {
	return func(p *peer) {
		if want[*wire.Connect](p) != nil {
			_, _ = p.c.Write(raw)
			p.drain()
		}
	}
}

// accepting accepts in the version of the CONNECT, then runs the rest.
func accepting(rest func(*peer)) func(*peer) {
	return func(p *peer) {
		if p.accept(&wire.Connack{}) != nil {
			rest(p)
		}
		p.drain()
	}
}

func TestConnackThatBreaksTheRulesIsNotAConnection(t *testing.T) {
	tests := []struct {
		name    string
		version wire.Version
		raw     []byte
		want    string
	}{
		{"a Session where none was asked for", wire.V5, []byte{0x20, 3, 1, 0, 0}, "Session Present where a new Session was asked for"},
		{"reserved flags", wire.V5, []byte{0x20, 3, 2, 0, 0}, "Connect Acknowledge Flags 0x02"},
		{"reserved flags of 3.1.1", wire.V311, []byte{0x20, 2, 2, 0}, "Connect Acknowledge Flags 0x02"},
		{"a Session in a refusal", wire.V5, []byte{0x20, 3, 1, 0x87, 0}, "Session Present in a refusal"},
		{"a Reason Code that there is not", wire.V5, []byte{0x20, 3, 0, 0xFE, 0}, "Reason Code 0xFE"},
		{"a Reason Code between success and failure", wire.V5, []byte{0x20, 3, 0, 1, 0}, "Reason Code 0x01"},
		{"a return code that there is not", wire.V311, []byte{0x20, 2, 0, 6}, "Connect Return code 6"},
		{"Receive Maximum 0", wire.V5, []byte{0x20, 6, 0, 0, 3, 0x21, 0, 0}, "Receive Maximum 0"},
		{"Maximum Packet Size 0", wire.V5, []byte{0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 0}, "Maximum Packet Size 0"},
		{"Maximum QoS 2", wire.V5, []byte{0x20, 5, 0, 0, 2, 0x24, 2}, "Maximum QoS 2"},
		{"Retain Available 2", wire.V5, []byte{0x20, 5, 0, 0, 2, 0x25, 2}, "Retain Available 2"},
		{"a property twice", wire.V5, []byte{0x20, 7, 0, 0, 4, 0x25, 1, 0x25, 1}, "Retain Available twice"},
		{"a property of another packet", wire.V5, []byte{0x20, 5, 0, 0, 2, 0x01, 1}, "Payload Format Indicator does not belong in CONNACK"},
		{"text that is not UTF-8", wire.V5, []byte{0x20, 7, 0, 0, 4, 0x1F, 0, 1, 0xFF}, "not UTF-8"},
		{"an older level's form", wire.V5, []byte{0x20, 2, 0, 0}, "does not speak this MQTT version"},
		{"a newer level's form", wire.V311, []byte{0x20, 3, 0, 0, 0}, "bytes too many"},
		{"AUTH that nobody asked for", wire.V5, []byte{0xF0, 6, 0x18, 4, 0x15, 0, 1, 'x'}, "no Authentication Method was asked for"},
		{"AUTH below MQTT 5", wire.V311, []byte{0xF0, 6, 0x18, 4, 0x15, 0, 1, 'x'}, "does not speak MQTT"},
		{"PUBLISH before it", wire.V5, []byte{0x30, 4, 0, 1, 'a', 0}, "does not speak MQTT"},
		{"DISCONNECT before it, with the reason", wire.V5, []byte{0xE0, 1, 0x8B}, "Server shutting down (0x8b)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := client.Open(t.Context(), client.Options{Version: tt.version, Dial: overTCP(t, answering(tt.raw...))})
			if err == nil {
				s.Abandon()
				t.Fatal("a connection was made")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open: %v, want %q", err, tt.want)
			}
		})
	}
}

func TestConnackThatIsCutOffIsNotAConnection(t *testing.T) {
	whole := map[wire.Version][]byte{wire.V5: {0x20, 6, 0, 0, 3, 0x21, 0, 9}, wire.V311: {0x20, 2, 0, 0}, wire.V31: {0x20, 2, 0, 0}}
	for version, raw := range whole {
		for n := range raw {
			s, err := client.Open(t.Context(), client.Options{ClientID: "me", Version: version, Dial: overTCP(t, func(p *peer) {
				want[*wire.Connect](p)
				_, _ = p.c.Write(raw[:n])
			})})
			if err == nil {
				s.Abandon()
			}
			if !errors.Is(err, client.ErrConnectionLost) {
				t.Errorf("%v, % x: %v, want a lost connection", version, raw[:n], err)
			}
		}
	}
}

// A Session that is said to be there and is not would leave subscriptions unmade after a loss.
func TestSessionPresentOf311CountsOnlyWhereASessionWasAskedFor(t *testing.T) {
	for _, resume := range []bool{false, true} {
		s := open(t, client.Options{ClientID: "me", Version: wire.V311, ResumeSession: resume, Dial: overTCP(t, answering(0x20, 2, 1, 0))})
		if got := s.Caps().SessionPresent; got != resume {
			t.Errorf("ResumeSession %v: SessionPresent = %v", resume, got)
		}
	}
}

func TestAutoFallsBackWhenTheServerAcceptsInTheOldForm(t *testing.T) {
	s := open(t, client.Options{ClientID: "me", Dial: overTCP(t, answering(0x20, 2, 0, 0), answering(0x20, 2, 0, 0))})
	if v := s.Caps().Version; v != wire.V311 {
		t.Errorf("Caps().Version = %v, want 3.1.1", v)
	}
}

func TestAcknowledgementOfAnotherHandshakeEndsTheConnection(t *testing.T) {
	tests := []struct {
		name string
		qos  byte
		kind wire.Type
		want string
	}{
		{"PUBACK at QoS 2", 2, wire.PUBACK, "it answers a PUBLISH of QoS 2"},
		{"PUBREC at QoS 1", 1, wire.PUBREC, "it answers a PUBLISH of QoS 1"},
		{"PUBCOMP at QoS 1", 1, wire.PUBCOMP, "it answers a PUBLISH of QoS 1"},
		{"PUBCOMP before PUBREL", 2, wire.PUBCOMP, "no PUBREL was sent"},
	}
	for _, version := range []wire.Version{wire.V5, wire.V311, wire.V31} {
		for _, tt := range tests {
			t.Run(version.String()+" "+tt.name, func(t *testing.T) {
				s := open(t, client.Options{ClientID: "me", Version: version, Dial: overTCP(t, accepting(func(p *peer) {
					if m := want[*wire.Publish](p); m != nil {
						p.send(&wire.Ack{Kind: tt.kind, PacketID: m.PacketID})
					}
				}))})
				err := s.Publish(t.Context(), text("a", "x", tt.qos))
				fault, broken := errors.AsType[*wire.Error](err)
				if !broken || fault.Code != wire.ProtocolError || !strings.Contains(fault.Msg, tt.want) {
					t.Errorf("Publish: %v, want %q", err, tt.want)
				}
			})
		}
	}
}

func TestAcknowledgementThatComesTwiceDoesNotMeetTheNextMessage(t *testing.T) {
	tests := map[byte][]wire.Type{1: {wire.PUBACK, wire.PUBACK}, 2: {wire.PUBREC, wire.PUBREC, wire.PUBCOMP, wire.PUBCOMP}}
	for qos, kinds := range tests {
		silent := make(chan struct{})
		s := open(t, client.Options{MaxInflight: 1, Dial: overTCP(t, accepting(func(p *peer) {
			m := want[*wire.Publish](p)
			if m == nil {
				return
			}
			for _, kind := range kinds {
				p.send(&wire.Ack{Kind: kind, PacketID: m.PacketID})
			}
			for kinds := len(kinds); kinds > 2; kinds-- {
				want[*wire.Ack](p) // PUBREL
			}
			next := want[*wire.Publish](p)
			if next != nil && next.PacketID == m.PacketID {
				t.Errorf("QoS %d: the next message has the identifier %d, too", qos, m.PacketID)
			}
			close(silent)
		}))})
		if err := s.Publish(t.Context(), text("a", "first", qos)); err != nil {
			t.Fatal(err)
		}
		ended := make(chan client.Result, 1)
		if err := s.PublishAsync(t.Context(), text("a", "next", qos), func(r client.Result) { ended <- r }); err != nil {
			t.Fatal(err)
		}
		<-silent
		s.Abandon()
		if r := <-ended; !errors.Is(r.Err, client.ErrClosed) {
			t.Errorf("QoS %d: the message that was never acknowledged ended with %+v", qos, r)
		}
	}
}

func TestRefusedPubrecIsTheEndOfItsMessage(t *testing.T) {
	s := open(t, client.Options{MaxInflight: 1, Dial: overTCP(t, accepting(func(p *peer) {
		first := want[*wire.Publish](p)
		p.send(
			&wire.Ack{Kind: wire.PUBREC, PacketID: first.PacketID, Code: wire.NotAuthorized},
			&wire.Ack{Kind: wire.PUBCOMP, PacketID: first.PacketID},
		)
		second := want[*wire.Publish](p)
		p.send(&wire.Ack{Kind: wire.PUBREC, PacketID: second.PacketID})
		if r := want[*wire.Ack](p); r.Kind != wire.PUBREL || r.PacketID != second.PacketID {
			t.Errorf("the client sent %+v, want PUBREL of the second message", r)
		}
		p.send(&wire.Ack{Kind: wire.PUBCOMP, PacketID: second.PacketID})
	}))})
	if _, refused := errors.AsType[*client.RefusedError](s.Publish(t.Context(), text("a", "x", 2))); !refused {
		t.Error("the refused message was not refused")
	}
	if err := s.Publish(t.Context(), text("a", "y", 2)); err != nil {
		t.Errorf("the next message: %v", err)
	}
}

func TestEachDisconnectOfTheServerIsTold(t *testing.T) {
	for code := range 0x100 {
		code := wire.ReasonCode(code)
		if !code.ValidIn(wire.DISCONNECT) {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		s := open(t, client.Options{Dial: overTCP(t, accepting(func(p *peer) {
			want[*wire.Publish](p)
			p.send(&wire.Disconnect{Code: code})
		}))})
		said, ok := errors.AsType[*client.DisconnectedError](s.Publish(ctx, text("a", "x", 1)))
		if !ok || said.Code != code {
			t.Errorf("DISCONNECT with %v: got %v", code, said)
		}
		cancel()
	}
}
