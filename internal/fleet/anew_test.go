package fleet_test

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/fleet"
	"github.com/mqx-cli/mqx/internal/wire"
)

// lazy is a Server that reads what comes over its first connection only after a while, and then closes it.
type lazy struct {
	mute

	connections atomic.Int32
	second      chan struct{} // closed when there is another connection
	read        atomic.Bool   // the first one was read to its end, and is about to be closed
	early       atomic.Bool   // there was another one before that
}

func newLazy(t *testing.T) *lazy {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &lazy{mute: mute{listener: l}, second: make(chan struct{})}
	s.speaks.Store(true)
	s.listen(t, s.accepted)
	return s
}

// accepted serves a connection.
func (s *lazy) accepted(nc net.Conn) {
	switch s.connections.Add(1) {
	case 1:
		nc = &slowConn{Conn: nc, server: s}
	case 2:
		s.early.Store(!s.read.Load())
		close(s.second)
	}
	s.serve(nc, 0)
}

// slowConn is read as it comes up to the first PUBLISH; what comes then lies for a while, unless it is too late anyway.
type slowConn struct {
	net.Conn

	server *lazy
	waited bool
}

// Close is called when everything was read.
func (c *slowConn) Close() error {
	c.server.read.Store(true)
	return c.Conn.Close()
}

func (c *slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil && !c.waited && wire.Type(p[0]>>4) == wire.PUBLISH {
		c.waited = true
		select {
		case <-c.server.second:
		case <-time.After(time.Second):
		}
	}
	return n, err
}

// A Server that takes a Session over need not read what still comes over the old connection: what the ledger says was sent
// would be lost, and nobody would know why.
func TestADeviceComesBackWhenTheServerHasWhatItSaidBefore(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"offline", "graceful", "disconnect_with_will", "blackhole"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			server := newLazy(t)
			s := newStage(t, faulty("1500ms", "do: "+fault+", at: 200ms, for: 50ms"))
			defer s.close()
			addr, _ := server.listener.Addr().(*net.TCPAddr)
			s.options.Target.Port = addr.Port
			s.run.Profile.Fleet[0].Count = 1
			r, err := fleet.New(s.options).Run(t.Context())
			if err != nil || r.Reconnects != 1 || server.early.Load() {
				t.Errorf("%+v, %v, connected too early: %t", r, err, server.early.Load())
			}
		})
	}
}
