package broker

import (
	"fmt"
	"math"
	"runtime/metrics"
	"strconv"
	"time"
)

// tally is what one connection has received or sent since it was last added to the counters.
type tally struct{ packets, publishes, payload int64 }

// sysTree publishes the $SYS topics, under the names and with the meaning that Mosquitto gives them.
type sysTree struct {
	b       *Broker
	started time.Time
	last    time.Time
	heapMax uint64
	shown   map[string]string // by topic: it is published when it changes
	loads   []*load
}

// load is how much of something happened each minute, averaged over 1, 5 and 15 minutes.
type load struct {
	topic   string
	count   func() int64
	last    int64
	average [3]float64
}

// sysMinutes are the times that loads are averaged over.
func sysMinutes() [3]int { return [3]int{1, 5, 15} }

// startSys begins to publish $SYS, once, if the configuration says so.
func (b *Broker) startSys() {
	if b.cfg.SysInterval == 0 {
		return
	}
	b.sysOnce.Do(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.closing {
			return
		}
		b.work.Add(1)
		go b.runSys()
	})
}

func (b *Broker) runSys() {
	defer b.work.Done()
	t := newSysTree(b)
	t.publish()
	tick := time.NewTicker(b.cfg.SysInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.publish()
		case <-b.quit:
			return
		}
	}
}

func newSysTree(b *Broker) *sysTree {
	n := b.counters
	now := time.Now()

	return &sysTree{b: b, started: now, last: now, shown: make(map[string]string), loads: []*load{
		{topic: "messages/received", count: n.packetsReceived.Load},
		{topic: "messages/sent", count: n.packetsSent.Load},
		{topic: "publish/dropped", count: n.dropped.Load},
		{topic: "publish/received", count: n.received.Load},
		{topic: "publish/sent", count: n.sent.Load},
		{topic: "bytes/received", count: n.bytesReceived.Load},
		{topic: "bytes/sent", count: n.bytesSent.Load},
		{topic: "sockets", count: n.sockets.Load},
		{topic: "connections", count: n.connections.Load},
	}}
}

// publish publishes what has changed.
func (t *sysTree) publish() {
	now := time.Now()
	t.text("version", "mqx version "+t.b.cfg.Version)
	t.text("uptime", fmt.Sprintf("%d seconds", int64(now.Sub(t.started).Seconds())))
	t.clients()
	t.messages()
	t.heap()
	for _, l := range t.loads {
		l.update(now.Sub(t.last))
		for i, minutes := range sysMinutes() {
			t.text(fmt.Sprintf("load/%s/%dmin", l.topic, minutes), strconv.FormatFloat(l.average[i], 'f', 2, 64))
		}
	}
	t.last = now
}

func (t *sysTree) clients() {
	b := t.b
	b.mu.Lock()
	sessions, connected, most := len(b.sessions), b.connected, b.mostConnected
	b.mu.Unlock()
	t.number("clients/total", int64(sessions))
	t.number("clients/maximum", int64(most))
	for _, name := range []string{"clients/connected", "clients/active"} {
		t.number(name, int64(connected))
	}
	for _, name := range []string{"clients/disconnected", "clients/inactive"} {
		t.number(name, int64(max(0, sessions-connected)))
	}
	t.number("clients/expired", b.counters.expiredSessions.Load())
	subscriptions, shared := b.index.len()
	t.number("subscriptions/count", int64(subscriptions))
	t.number("shared_subscriptions/count", int64(shared))
}

func (t *sysTree) messages() {
	b, n := t.b, t.b.counters
	retained, bytes := b.retained.size()
	queued, queuedBytes := b.waiting()
	t.number("retained messages/count", int64(retained))
	for _, name := range []string{"messages/stored", "store/messages/count"} {
		t.number(name, int64(retained+queued))
	}
	t.number("store/messages/bytes", bytes+queuedBytes)
	t.number("messages/received", n.packetsReceived.Load())
	t.number("messages/sent", n.packetsSent.Load())
	t.number("publish/messages/received", n.received.Load())
	t.number("publish/messages/sent", n.sent.Load())
	t.number("publish/messages/dropped", n.dropped.Load())
	t.number("publish/bytes/received", n.payloadReceived.Load())
	t.number("publish/bytes/sent", n.payloadSent.Load())
	t.number("bytes/received", n.bytesReceived.Load())
	t.number("bytes/sent", n.bytesSent.Load())
}

// waiting returns how many messages wait in the queues of Sessions or for an acknowledgement, and their bytes.
func (b *Broker) waiting() (count int, bytes int64) {
	b.mu.Lock()
	sessions := make([]*session, 0, len(b.sessions))
	for _, s := range b.sessions {
		sessions = append(sessions, s)
	}
	b.mu.Unlock()
	for _, s := range sessions {
		s.mu.Lock()
		count += s.queue.len() + len(s.inflight)
		bytes += s.bytes + s.flying
		s.mu.Unlock()
	}

	return count, bytes
}

func (t *sysTree) heap() {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	now := sample[0].Value.Uint64()
	t.heapMax = max(t.heapMax, now)
	t.number("heap/current", int64(now))
	t.number("heap/maximum", int64(t.heapMax))
}

// update takes in what has happened in the time that has passed.
func (l *load) update(passed time.Duration) {
	if passed <= 0 {
		return
	}
	now := l.count()
	perMinute := float64(now-l.last) / passed.Minutes()
	l.last = now
	for i, minutes := range sysMinutes() {
		decay := math.Exp(-passed.Minutes() / float64(minutes))
		l.average[i] = perMinute + decay*(l.average[i]-perMinute)
	}
}

func (t *sysTree) number(name string, n int64) { t.text(name, strconv.FormatInt(n, 10)) }

func (t *sysTree) text(name, value string) {
	if old, ok := t.shown[name]; ok && old == value {
		return
	}
	t.shown[name] = value
	t.b.publishOwn("$SYS/broker/"+name, []byte(value))
}

// publishOwn retains and publishes a message of the Server, at QoS 0: it is not to fill the queues of Sessions.
func (b *Broker) publishOwn(topic string, payload []byte) {
	m := newMessage(topic, payload, nil)
	m.retain, m.kept = true, true
	var k kicks
	b.publish(m, &k)
	k.flush()
}
