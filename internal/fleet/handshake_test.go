package fleet_test

import (
	"errors"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/mqx-cli/mqx/internal/fleet"
	"github.com/mqx-cli/mqx/internal/wire"
)

// answering is a Server that gives each CONNECT the same answer, accepts every SUBSCRIBE, and notes the levels asked for.
type answering struct {
	port int

	mu     sync.Mutex
	levels []wire.Version
}

func newAnswering(t *testing.T, connack []byte) *answering {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := l.Addr().(*net.TCPAddr)
	a := &answering{port: addr.Port}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { a.serve(nc, connack) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return a
}

func (a *answering) serve(nc net.Conn, connack []byte) {
	defer nc.Close()
	in, version := wire.NewReader(nc, 0), wire.V5
	for {
		first, body, err := in.Next()
		if err != nil {
			return
		}
		p, err := wire.Decode(version, first, body)
		if err != nil {
			return
		}
		var answer []byte
		switch p := p.(type) {
		case *wire.Connect:
			version = p.Version
			a.mu.Lock()
			a.levels = append(a.levels, version)
			a.mu.Unlock()
			answer = connack
		case *wire.Subscribe:
			answer, _ = (&wire.Suback{PacketID: p.PacketID, Codes: make([]wire.ReasonCode, len(p.Subscriptions))}).Append(nil, version)
		case *wire.Publish:
			if p.QoS == 1 {
				answer, _ = (&wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID}).Append(nil, version)
			}
		}
		if _, err := nc.Write(answer); err != nil {
			return
		}
	}
}

// A Server that accepts a CONNECT of MQTT 5 as it would one of 3.1.1 has not looked at the level.
func TestServerThatAcceptsMQTT5In311IsSpokenToIn311(t *testing.T) {
	t.Parallel()
	server := newAnswering(t, []byte{0x20, 2, 0, 0})
	s := newStage(t, calm("300ms", 1, 1))
	defer s.close()
	s.options.Target.Port = server.port
	r, err := fleet.New(s.options).Run(t.Context())
	if err != nil || r.Acknowledged == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if want := []wire.Version{wire.V5, wire.V311}; !slices.Equal(server.levels, want) {
		t.Errorf("levels %v, want %v", server.levels, want)
	}
}

func TestSessionThatIsPresentAfterCleanStartIsAProtocolErrorAtMQTT5(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		version wire.Version
		connack []byte
		length  string // of what does not end by itself
		ends    bool
	}{
		{wire.V5, []byte{0x20, 3, 1, 0, 0}, "1h", true},
		{wire.V311, []byte{0x20, 2, 1, 0}, "300ms", false},
	} {
		t.Run(tt.version.String(), func(t *testing.T) {
			t.Parallel()
			server := newAnswering(t, tt.connack)
			s := newStage(t, calm(tt.length, 1, 1))
			defer s.close()
			s.options.Target.Port = server.port
			s.options.Version = tt.version
			_, err := fleet.New(s.options).Run(t.Context())
			var fault *wire.Error
			if errors.As(err, &fault) != tt.ends || tt.ends && fault.Code != wire.ProtocolError || !tt.ends && err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}
