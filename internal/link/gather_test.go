package link_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

// trickle is a [net.Conn] to which little comes at a time: what has come since the last read is read at once.
type trickle struct {
	net.Conn
	came  chan []byte   // each is a write of the Server's; closed at the end
	rest  []byte        // what has come and was not read for want of room
	open  chan struct{} // what the Server has sent and waits for an answer to: nil for no limit
	reads int
}

func (c *trickle) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		packet, ok := <-c.came
		if !ok {
			return 0, io.EOF
		}
		c.rest = packet
	}
	c.reads++
	for len(c.came) > 0 {
		c.rest = append(c.rest, <-c.came...)
	}
	for len(c.open) > 0 {
		<-c.open
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func TestPacketsThatComeQuicklyOneByOneAreReadTogether(t *testing.T) {
	const packets = 1000
	is := func(c link.Coming) func() link.Coming { return func() link.Coming { return c } }
	for name, c := range map[string]struct {
		coming      func() link.Coming
		gap         time.Duration
		least, most int // reads
	}{
		"plenty":             {is(link.Plenty), 10 * time.Microsecond, 1, packets / 20},
		"plenty, slowly":     {is(link.Plenty), 100 * time.Microsecond, 1, packets / 5},
		"unknown, quickly":   {is(link.Unknown), 10 * time.Microsecond, 1, packets / 20},
		"unknown, slowly":    {is(link.Unknown), 100 * time.Microsecond, packets, packets + 1},
		"awaited":            {is(link.Awaited), 10 * time.Microsecond, packets, packets + 1},
		"nobody who can say": {nil, 10 * time.Microsecond, packets, packets + 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, conn := newTrickle(t, packets+1, c.coming)
				go func() {
					for range packets {
						time.Sleep(c.gap)
						in.came <- []byte{0x40, 2, 1, 0}
					}
					close(in.came)
				}()
				if _, err := io.Copy(io.Discard, conn); err == nil {
					t.Error("the connection did not end")
				}
				if in.reads < c.least || in.reads > c.most {
					t.Errorf("%d reads, want %d to %d", in.reads, c.least, c.most)
				}
			})
		})
	}
}

func TestAServerWithASmallWindowIsNotHeldUp(t *testing.T) {
	const packets, gap = 5000, 10 * time.Microsecond
	for name, c := range map[string]struct {
		window int
		reads  int // at most
		longer time.Duration
	}{
		"small": {window: 20, reads: packets, longer: 10 * time.Millisecond},
		"large": {window: 1000, reads: packets / 20, longer: 2 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, conn := newTrickle(t, packets+1, func() link.Coming { return link.Windowed })
				in.open = make(chan struct{}, c.window)
				began := time.Now()
				go func() {
					for range packets {
						time.Sleep(gap)
						in.open <- struct{}{}
						in.came <- []byte{0x40, 2, 1, 0}
					}
					close(in.came)
				}()
				if _, err := io.Copy(io.Discard, conn); err == nil {
					t.Error("the connection did not end")
				}
				if took := time.Since(began); took > packets*gap+c.longer || in.reads > c.reads {
					t.Errorf("%d packets took %s and %d reads", packets, took, in.reads)
				}
			})
		})
	}
}

func TestAfterAFlurryEachPacketIsReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, conn := newTrickle(t, 1000, func() link.Coming { return link.Unknown })
		go func() {
			for range 500 {
				time.Sleep(time.Microsecond)
				in.came <- []byte{0x40, 2, 1, 0}
			}
			time.Sleep(time.Second)
			for i := range 10 {
				in.came <- []byte{0x40, 2, 1, 0}
				synctest.Wait()
				if i > 0 && len(in.came) > 0 { // the wait before the first was for the flurry
					t.Errorf("packet %d waits to be read", i)
				}
				time.Sleep(2 * time.Millisecond)
			}
			close(in.came)
		}()
		if _, err := io.Copy(io.Discard, conn); err == nil {
			t.Error("the connection did not end")
		}
	})
}

// newTrickle returns a Conn whose Server has accepted it.
func newTrickle(t *testing.T, room int, coming func() link.Coming) (*trickle, *link.Conn) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { far.Close() })
	in := &trickle{Conn: near, came: make(chan []byte, room)}
	in.came <- []byte{0x20, 3, 0, 0, 0}
	return in, link.NewConn(in, link.Config{Connect: &wire.Connect{Version: wire.V5}, Handler: newHandler(), Coming: coming})
}
