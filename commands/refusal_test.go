package commands_test

import (
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/wire"
)

// verbatim is a packet that is sent as it is.
type verbatim string

func (verbatim) Type() wire.Type { return wire.CONNACK }

func (v verbatim) Append(b []byte, _ wire.Version) ([]byte, error) { return append(b, v...), nil }

// Each way in which a Server can say no is status 4, also where the protocol does not mean it to be said that way.
func TestEachRefusalIsStatus4(t *testing.T) {
	t.Parallel()
	accept := func(p wire.Packet) bool { _, ok := p.(*wire.Connect); return ok }
	tests := []struct {
		name   string
		line   []string
		answer func(wire.Packet) (wire.Packet, bool)
		want   string
	}{
		{"the level, in the form of 3.1.1", []string{"pub", "-V", "5", "-t", "a", "-m", "x"}, func(wire.Packet) (wire.Packet, bool) {
			return verbatim("\x20\x02\x00\x01"), false
		}, "the server does not speak this MQTT version - try --protocol 3.1.1"},
		{"DISCONNECT in the place of CONNACK", []string{"sub", "a"}, func(wire.Packet) (wire.Packet, bool) {
			return &wire.Disconnect{Code: wire.NotAuthorized}, false
		}, "disconnected by the server: Not authorized (0x87) - check --username and the password"},
		{"a message of QoS 0, when the client has gone", []string{"pub", "-t", "a", "-m", "x"}, func(p wire.Packet) (wire.Packet, bool) {
			if accept(p) {
				return &wire.Connack{}, true
			}
			_, gone := p.(*wire.Disconnect)
			if !gone {
				return nil, true
			}
			return &wire.Disconnect{Code: wire.NotAuthorized}, false
		}, "disconnected by the server: Not authorized (0x87) - 1 message sent"},
	}
	for _, tt := range tests {
		args, _ := scripted(t, tt.answer)
		if got, _, stderr := mqx(t, append(tt.line, args...)...); got != exit.Refused || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: status %d, stderr %q, want %q", tt.name, got, stderr, tt.want)
		}
	}
}

func TestAConfirmedMessageIsNotUndoneByAFarewell(t *testing.T) {
	t.Parallel()
	args, _ := scripted(t, func(p wire.Packet) (wire.Packet, bool) {
		switch p := p.(type) {
		case *wire.Connect:
			return &wire.Connack{}, true
		case *wire.Publish:
			return &wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID}, true
		default:
			return &wire.Disconnect{Code: wire.ServerShuttingDown}, false
		}
	})
	if got, _, stderr := mqx(t, append([]string{"pub", "-t", "a", "-m", "x", "-q", "1"}, args...)...); got != exit.OK {
		t.Errorf("status %d, stderr %q", got, stderr)
	}
}
