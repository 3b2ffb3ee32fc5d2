package client_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestHungUpTellsWhatAMessageMayHaveCaused(t *testing.T) {
	lost := func(cause error) error { return fmt.Errorf("%w: %w", client.ErrConnectionLost, cause) }
	said := func(code wire.ReasonCode) error { return &client.DisconnectedError{Code: code} }
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"no error", nil, false},
		{"the end of the stream", lost(link.ErrClosedByServer), true},
		{"a reset", lost(io.ErrClosedPipe), true},
		{"given up, each connection was lost", &client.GaveUpError{Attempts: 2, Err: lost(link.ErrClosedByServer)}, true},
		{"given up, nobody listens", &client.GaveUpError{Cause: lost(link.ErrClosedByServer), Err: errors.New("refused")}, false},
		{"Packet too large", said(wire.PacketTooLarge), true},
		{"Not authorized", said(wire.NotAuthorized), true},
		{"Server shutting down", said(wire.ServerShuttingDown), false},
		{"Session taken over", said(wire.SessionTakenOver), false},
		{"taken over without a word", lost(client.ErrTakenOver), false},
		{"a time limit of the network", lost(os.ErrDeadlineExceeded), false},
		{"a Server that sends nonsense", lost(&wire.Error{Code: wire.MalformedPacket}), false},
		{"our own end", client.ErrClosed, false},
	} {
		if got := client.HungUp(tt.err); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}
