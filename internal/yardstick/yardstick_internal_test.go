package main

import (
	"bytes"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/mqx-cli/mqx/internal/wire"
)

func TestFiguresAreMediansAndRatiosPairByPair(t *testing.T) {
	t.Parallel()
	f := figures{3, 1, 1200}
	if got, want := f.show(), "3.00 [1.00-1,200]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := f.over(figures{1, 2, 100}), (figures{3, 0.5, 12}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestASinkCountsAndAcknowledges(t *testing.T) {
	t.Parallel()
	for qos := range byte(2) {
		p, err := listen(0, nil)
		if err != nil {
			t.Fatal(err)
		}
		l, err := dial(p.addr, "pub")
		if err != nil {
			t.Fatal(err)
		}
		const n = 1000
		if err := l.publish(n, qos, make(chan struct{}, n)); err != nil {
			t.Fatal(err)
		}
		if err := l.drainAcks(n * int(qos)); err != nil {
			t.Errorf("QoS %d: %v", qos, err)
		}
		bye, err := (&wire.Disconnect{}).Append(nil, wire.V5)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.conn.Write(bye); err != nil {
			t.Fatal(err)
		}
		if err := p.received(n); err != nil {
			t.Errorf("QoS %d: %v", qos, err)
		}
		l.conn.Close()
		p.close()
	}
}

func TestABlasterSendsWhatItIsToSend(t *testing.T) {
	t.Parallel()
	const n = 5000
	p, err := listen(n, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := dial(p.addr, "sub")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.subscribe(benchTopic, 0); err != nil {
		t.Fatal(err)
	}
	if err := l.drain(n, 0, nil); err != nil {
		t.Error(err)
	}
	l.conn.Close()
	<-p.got
	p.close()
}

// onlyReads is a connection that can be read.
type onlyReads struct {
	net.Conn
	io.Reader
}

func (o onlyReads) Read(p []byte) (int, error) { return o.Reader.Read(p) }

func TestRecordsAreCountedHoweverTheyArrive(t *testing.T) {
	t.Parallel()
	stream := bytes.Repeat([]byte{23, 3, 3, 0, 2, 'h', 'i'}, 3)
	for name, r := range map[string]io.Reader{
		"at once":      bytes.NewReader(stream),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(stream)),
	} {
		var n atomic.Int64
		if _, err := io.Copy(io.Discard, &recordCounter{Conn: onlyReads{Reader: r}, n: &n}); err != nil || n.Load() != 3 {
			t.Errorf("%s: %d records, %v", name, n.Load(), err)
		}
	}
}
