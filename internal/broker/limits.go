package broker

import (
	"strings"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// rate lets so many happen in a second, in bursts of as many.
type rate struct {
	mu     sync.Mutex
	tokens float64
	last   time.Time
}

// take reports whether one more may happen now, of perSecond.
func (r *rate) take(perSecond int, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	full := float64(perSecond)
	if r.last.IsZero() {
		r.tokens = full
	} else {
		r.tokens = min(full, r.tokens+now.Sub(r.last).Seconds()*full)
	}
	r.last = now
	if r.tokens < 1 {
		return false
	}
	r.tokens--

	return true
}

// admit counts the client in, unless there are too many. A client that takes over its Session replaces one that is counted.
func (b *Broker) admit(c *client) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sessions[c.info.ID]
	switch {
	case s == nil && b.cfg.MaxSessions > 0 && len(b.sessions) >= b.cfg.MaxSessions:
		return refuse(wire.QuotaExceeded, "there are %d Sessions, the most is %d", len(b.sessions), b.cfg.MaxSessions)
	case (s == nil || s.owner == nil) && b.cfg.MaxClients > 0 && b.connected >= b.cfg.MaxClients:
		return refuse(wire.ServerBusy, "there are %d clients, the most is %d", b.connected, b.cfg.MaxClients)
	}
	c.admitted = true
	b.connected++
	b.mostConnected = max(b.mostConnected, b.connected)

	return nil
}

// discharge takes back what admit has counted. b.mu is locked.
func (b *Broker) discharge(c *client) {
	if c.admitted {
		c.admitted = false
		b.connected--
	}
}

// mayConnect keeps to the rate of connections.
func (b *Broker) mayConnect() error {
	most := b.cfg.MaxConnectRate
	if most == 0 || b.connects.take(most, time.Now()) {
		return nil
	}

	return refuse(wire.ConnectionRateExceeded, "more than %d connections a second", most)
}

// olderCode is what a client below MQTT 5 is told in CONNACK instead of code.
func olderCode(code wire.ReasonCode) wire.ReasonCode {
	switch code {
	case wire.ServerBusy, wire.QuotaExceeded, wire.ConnectionRateExceeded:
		return wire.ServerUnavailable
	default:
		return code
	}
}

// tooDeep reports whether a Topic Name or Topic Filter has more levels than are allowed.
func (b *Broker) tooDeep(name string) bool {
	most := b.cfg.MaxTopicLevels

	return most > 0 && strings.Count(name, "/") >= most
}

// retainable refuses a message for which there is no room among the Retained Messages. The caller holds the topic's lock
// of Broker.publishing.
func (b *Broker) retainable(m *message) error {
	if len(m.payload) == 0 || isServerTopic(m.topic) {
		return nil
	}
	r := &b.retained
	r.mu.Lock()
	defer r.mu.Unlock()
	count, size := r.count+1, r.bytes+m.size()
	if old, ok := r.store.Get(m.topic); ok {
		count, size = count-1, size-old.size()
	}
	switch most, bytes := b.cfg.MaxRetained, b.cfg.MaxRetainedBytes; {
	case most > 0 && count > most:
		return refuse(wire.QuotaExceeded, "no more than %d messages can be retained", most)
	case bytes > 0 && size > bytes && size > r.bytes:
		return refuse(wire.QuotaExceeded, "no more than %d bytes can be retained", bytes)
	default:
		return nil
	}
}

// isServerTopic reports whether a topic is one of the Server's own.
func isServerTopic(name string) bool { return strings.HasPrefix(name, "$") }
