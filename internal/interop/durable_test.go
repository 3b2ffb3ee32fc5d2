//go:build unix

package interop_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// killsVariable is how often TestNothingAcknowledgedIsLostByKills kills the broker.
const killsVariable = "MQX_KILLS"

// retainedTopics is how many topics the load retains messages on.
const retainedTopics = 300

// TestNothingAcknowledgedIsLostByKills kills a broker with --data-dir at random moments under load. What publishers were
// acknowledged must arrive at Sessions that last, at QoS 2 once and in order, and the last Retained Messages must be there.
func TestNothingAcknowledgedIsLostByKills(t *testing.T) {
	t.Parallel()
	kills := 5
	if n, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		kills = n
	}
	dir := t.TempDir()
	begin := func() server {
		return startEmbedded(t, "--data-dir", dir, "--max-queued-messages", "10000000", "--max-queued-bytes", "1000000000")
	}
	kill := func(b server) {
		b.signal(os.Kill)
		<-b.done
	}
	l := newDurableLoad(t)
	b := begin()
	for _, s := range l.subscribers {
		s.run("127.0.0.1:"+b.port, func(s *durableSubscriber) bool { return s.subscribed })
	}
	kill(b)
	for number := range kills {
		b = begin()
		clients := l.round(b, number)
		<-time.After(time.Duration(20+rand.IntN(300)) * time.Millisecond) // a kill at random is the test
		kill(b)
		clients.Wait()
	}
	b = begin()
	l.drain(b)
	kill(b)
	b = begin()
	l.receive(b)
	l.check(t)
	l.checkRetained(t, b)
	for _, p := range l.publishers {
		t.Logf("%s: %d messages", p.id, p.published)
	}
}

// durableLoad is what works against a broker that is killed again and again.
type durableLoad struct {
	publishers  []*durablePublisher
	subscribers []*durableSubscriber
}

func newDurableLoad(t *testing.T) *durableLoad {
	t.Helper()
	l := &durableLoad{}
	for _, p := range []struct {
		name   string
		qos    byte
		retain bool
		topics int
	}{
		{"one-a", 1, false, 1}, {"one-b", 1, false, 3}, {"two-a", 2, false, 1}, {"two-b", 2, false, 3}, {"kept", 1, true, retainedTopics},
	} {
		pub := &durablePublisher{durableClient: durableClient{t: t, id: p.name}, qos: p.qos, retain: p.retain, topics: p.topics}
		pub.open = make(map[uint16]*durableFlight)
		l.publishers = append(l.publishers, pub)
	}
	for _, id := range []string{"always", "sometimes"} {
		sub := &durableSubscriber{durableClient: durableClient{t: t, id: id}, got: make(map[string][]int), open: make(map[uint16]bool)}
		l.subscribers = append(l.subscribers, sub)
	}
	return l
}

// round works with a broker until that has ended.
func (l *durableLoad) round(b server, number int) *sync.WaitGroup {
	wg := &sync.WaitGroup{}
	addr := "127.0.0.1:" + b.port
	for _, p := range l.publishers {
		wg.Go(func() { p.run(addr) })
	}
	for i, s := range l.subscribers {
		if i == 0 || number%3 == 0 {
			wg.Go(func() { s.run(addr, nil) })
		}
	}
	return wg
}

// drain lets the publishers finish what they have begun.
func (l *durableLoad) drain(b server) {
	var wg sync.WaitGroup
	for _, p := range l.publishers {
		p.finishing.Store(true)
		wg.Go(func() { p.run("127.0.0.1:" + b.port) })
	}
	wg.Wait()
}

// receive lets the subscribers receive until they have everything.
func (l *durableLoad) receive(b server) {
	var wg sync.WaitGroup
	for _, s := range l.subscribers {
		wg.Go(func() { s.run("127.0.0.1:"+b.port, l.complete) })
	}
	wg.Wait()
}

// complete reports whether a subscriber has as much as was published.
func (l *durableLoad) complete(s *durableSubscriber) bool {
	return !slices.ContainsFunc(l.publishers, func(p *durablePublisher) bool { return !p.retain && len(s.got[p.id]) < p.published })
}

// check compares what was published with what was received. Everything that was published is acknowledged by now.
func (l *durableLoad) check(t *testing.T) {
	t.Helper()
	for _, s := range l.subscribers {
		for _, p := range l.publishers {
			got := slices.Clone(s.got[p.id])
			if p.retain {
				continue
			}
			if p.qos == 1 { // may come again
				slices.Sort(got)
				got = slices.Compact(got)
			}
			for i := range max(p.published, len(got)) {
				if i >= len(got) || got[i] != i {
					t.Errorf("%s got %d messages of %d from %s; wrong from %d on: %v", s.id, len(got), p.published, p.id, i, got[min(i, len(got)):min(i+5, len(got))])
					break
				}
			}
		}
	}
}

// checkRetained requires the last message of each topic that messages were retained on.
func (l *durableLoad) checkRetained(t *testing.T, b server) {
	t.Helper()
	p := l.publishers[len(l.publishers)-1]
	want := make(map[string]string)
	for n := range p.published {
		want[p.topic(n)] = strconv.Itoa(n)
	}
	c := durableClient{t: t, id: "look"}
	if !c.connect("127.0.0.1:" + b.port) {
		t.Fatal("no connection")
	}
	defer c.close()
	filter := []wire.Subscription{{Filter: "load/" + p.id + "/#"}}
	if err := c.send(&wire.Subscribe{PacketID: 1, Subscriptions: filter}); err != nil {
		t.Fatal(err)
	}
	for len(want) > 0 {
		switch got := c.receive().(type) {
		case nil:
			t.Fatalf("%d Retained Messages are missing", len(want))
		case *wire.Publish:
			if want[got.Topic] != string(got.Payload) {
				t.Errorf("%s: %s is retained, want %s", got.Topic, got.Payload, want[got.Topic])
			}
			delete(want, got.Topic)
		}
	}
}

// packetConn is a connection for packets of MQTT 5.
type packetConn struct {
	conn net.Conn
	in   *wire.Reader
}

func dialPackets(addr string) (*packetConn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &packetConn{conn, wire.NewReader(conn, 0)}, nil
}

func (c *packetConn) close() { c.conn.Close() }

func (c *packetConn) send(packets ...wire.Packet) error {
	var buf []byte
	for _, p := range packets {
		var err error
		if buf, err = p.Append(buf, wire.V5); err != nil {
			return err
		}
	}
	_, err := c.conn.Write(buf)
	return err
}

// receive returns the next packet, nil when the connection has ended or nothing comes.
func (c *packetConn) receive() wire.Packet {
	if c.conn.SetReadDeadline(time.Now().Add(patience)) != nil {
		return nil
	}
	first, body, err := c.in.Next()
	if err != nil {
		return nil
	}
	p, err := wire.Decode(wire.V5, first, slices.Clone(body))
	if err != nil {
		return nil
	}
	return p
}

// durableClient is what publishers and subscribers share: a Session that outlives connections.
type durableClient struct {
	t     *testing.T
	id    string
	known bool // the Server has confirmed the Session
	*packetConn
}

func (c *durableClient) connect(addr string) bool {
	conn, err := dialPackets(addr)
	if err != nil {
		return false
	}
	c.packetConn = conn
	props := (&wire.Properties{SessionExpiryInterval: 3600}).Set(wire.PropSessionExpiryInterval)
	if conn.send(&wire.Connect{Version: wire.V5, ClientID: c.id, Properties: props}) != nil {
		return false
	}
	ack, ok := conn.receive().(*wire.Connack)
	if !ok {
		return false
	}
	if ack.Code != wire.Success || c.known && !ack.SessionPresent {
		c.t.Errorf("%s: CONNACK %s, Session Present %t", c.id, ack.Code, ack.SessionPresent)
	}
	c.known = true
	return true
}

// durablePublisher publishes numbers, and sends again what was not acknowledged.
type durablePublisher struct {
	durableClient

	qos       byte
	retain    bool
	topics    int
	finishing atomic.Bool
	published int
	lastID    uint16
	open      map[uint16]*durableFlight
}

type durableFlight struct {
	number   int
	released bool
}

func (p *durablePublisher) publish(id uint16, f *durableFlight, dup bool) wire.Packet {
	return &wire.Publish{Topic: p.topic(f.number), QoS: p.qos, Retain: p.retain, Dup: dup, PacketID: id, Payload: strconv.AppendInt(nil, int64(f.number), 10)}
}

func (p *durablePublisher) topic(number int) string {
	return fmt.Sprintf("load/%s/%d", p.id, number%p.topics)
}

// fill publishes as long as there is room in the window.
func (p *durablePublisher) fill() error {
	var packets []wire.Packet
	for len(p.open) < 20 && !p.finishing.Load() {
		for p.lastID++; p.lastID == 0 || p.open[p.lastID] != nil; p.lastID++ {
		}
		f := &durableFlight{number: p.published}
		p.published++
		p.open[p.lastID] = f
		packets = append(packets, p.publish(p.lastID, f, false))
	}
	return p.send(packets...)
}

func (p *durablePublisher) run(addr string) {
	if !p.connect(addr) {
		return
	}
	defer p.close()
	ids := make([]uint16, 0, len(p.open))
	for id := range p.open {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uint16) int { return p.open[a].number - p.open[b].number })
	for _, id := range ids {
		again := wire.Packet(&wire.Ack{Kind: wire.PUBREL, PacketID: id})
		if f := p.open[id]; !f.released {
			again = p.publish(id, f, true)
		}
		if p.send(again) != nil {
			return
		}
	}
	for p.fill() == nil && (len(p.open) > 0 || !p.finishing.Load()) {
		packet := p.receive()
		if packet == nil {
			return
		}
		a, ok := packet.(*wire.Ack)
		// A PUBREL that comes again may be answered with an error: PUBCOMP was lost with the broker.
		if !ok || p.open[a.PacketID] == nil || a.Kind != wire.PUBCOMP && a.Code.IsError() {
			p.t.Errorf("%s: got %+v", p.id, packet)
			return
		}
		if a.Kind == wire.PUBREC {
			p.open[a.PacketID].released = true
			_ = p.send(&wire.Ack{Kind: wire.PUBREL, PacketID: a.PacketID}) // receive tells
			continue
		}
		delete(p.open, a.PacketID)
	}
}

// durableSubscriber notes what it receives, at QoS 2 once for a Packet Identifier.
type durableSubscriber struct {
	durableClient

	subscribed bool
	got        map[string][]int // by publisher
	open       map[uint16]bool
}

// run receives until the connection ends, or enough says that there is nothing to wait for.
func (s *durableSubscriber) run(addr string, enough func(*durableSubscriber) bool) {
	if !s.connect(addr) {
		return
	}
	defer s.close()
	if !s.subscribed {
		_ = s.send(&wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "load/#", QoS: 2, RetainHandling: 2}}})
	}
	for enough == nil || !enough(s) {
		packet := s.receive()
		if packet == nil {
			return
		}
		if answer := s.handle(packet); answer != nil && s.send(answer) != nil {
			return
		}
	}
	// Whatever else was to come has come before the answer.
	_ = s.send(&wire.Pingreq{})
	for packet := s.receive(); packet != nil; packet = s.receive() {
		if _, ok := packet.(*wire.Pingresp); ok {
			return
		}
		_ = s.handle(packet)
	}
}

func (s *durableSubscriber) handle(packet wire.Packet) (answer wire.Packet) {
	switch p := packet.(type) {
	case *wire.Suback:
		s.subscribed = true
	case *wire.Publish:
		again := p.QoS == 2 && s.open[p.PacketID]
		number, err := strconv.Atoi(string(p.Payload))
		if err != nil {
			s.t.Errorf("%s: %v", s.id, err)
		}
		if !again {
			from := strings.Split(p.Topic, "/")[1]
			s.got[from] = append(s.got[from], number)
		}
		if p.QoS == 1 {
			return &wire.Ack{Kind: wire.PUBACK, PacketID: p.PacketID}
		}
		s.open[p.PacketID] = true
		return &wire.Ack{Kind: wire.PUBREC, PacketID: p.PacketID}
	case *wire.Ack:
		delete(s.open, p.PacketID)
		return &wire.Ack{Kind: wire.PUBCOMP, PacketID: p.PacketID}
	}
	return nil
}
