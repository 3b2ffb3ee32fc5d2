package client

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	paholog "github.com/eclipse/paho.golang/paho/log"
	"github.com/eclipse/paho.golang/paho/session"
)

// requests is the client engine's session state. Messages never pass the engine, so that is only the SUBSCRIBE and
// UNSUBSCRIBE packets whose answer is awaited; all of them fail at once when the connection is lost.
type requests struct {
	mu   sync.Mutex
	open map[uint16]chan<- packets.ControlPacket
	last uint16
}

var _ session.SessionManager = (*requests)(nil)

// ConAckReceived implements session.SessionManager.
func (r *requests) ConAckReceived(io.Writer, *packets.Connect, *packets.Connack) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = map[uint16]chan<- packets.ControlPacket{}
	return nil
}

// ConnectionLost implements session.SessionManager. The engine takes the zero packet as the sign of a lost connection.
func (r *requests) ConnectionLost(*packets.Disconnect) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, answer := range r.open {
		answer <- packets.ControlPacket{}
	}
	r.open = nil
	return nil
}

// AddToSession implements session.SessionManager.
func (r *requests) AddToSession(_ context.Context, p session.Packet, answer chan<- packets.ControlPacket) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		return session.ErrNoConnection
	}
	for range firstPublishID - 1 {
		if r.last++; r.last >= firstPublishID {
			r.last = 1
		}
		if _, taken := r.open[r.last]; !taken {
			p.SetIdentifier(r.last)
			r.open[r.last] = answer
			return nil
		}
	}
	return session.ErrPacketIdentifiersExhausted
}

// PacketReceived implements session.SessionManager. An answer to nothing that is open is ignored.
func (r *requests) PacketReceived(p *packets.ControlPacket, _ chan<- *packets.Publish) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := p.PacketID()
	if answer, ok := r.open[id]; ok {
		delete(r.open, id)
		answer <- *p // the engine makes these channels with room for one answer
	}
	return nil
}

// Ack implements session.SessionManager: the lane acknowledges messages.
func (r *requests) Ack(*packets.Publish) error { return nil }

// Close implements session.SessionManager.
func (r *requests) Close() error { return nil }

// SetErrorLogger implements session.SessionManager.
func (r *requests) SetErrorLogger(paholog.Logger) {}

// SetDebugLogger implements session.SessionManager.
func (r *requests) SetDebugLogger(paholog.Logger) {}

// errSilent ends a connection on which the Server has stopped answering.
var errSilent = errors.New("the server has stopped answering")

// pinger keeps the connection alive (MQTT 5, 3.1.2.10): a PINGREQ when nothing was sent, or nothing received, for one
// Keep Alive. It gives the connection up when nothing whole comes back in another Keep Alive, but not while reading stands
// still for a slow consumer: the answer may lie unread.
type pinger struct {
	connection *connection

	progress int64     // of what is received, when it was looked at last
	heard    time.Time // when something was received last
	waiting  time.Time // since when an answer is awaited, zero for not
}

// Run implements paho.Pinger. The Keep Alive is the Server's: the engine does not see CONNACK's properties.
func (p *pinger) Run(ctx context.Context, _ net.Conn, _ uint16) error {
	keepAlive := time.Duration(p.connection.caps.KeepAlive) * time.Second
	if keepAlive == 0 {
		return nil
	}
	p.heard = time.Now()
	timer := time.NewTimer(keepAlive)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		now := time.Now()
		p.listen(now)
		if !p.waiting.IsZero() && now.Sub(p.waiting) >= keepAlive {
			p.connection.conn.Fail(errSilent)
			return errSilent
		}
		timer.Reset(max(p.ping(now, keepAlive).Sub(now), keepAlive/16))
	}
}

// listen notes what has come.
func (p *pinger) listen(now time.Time) {
	n := p.connection.conn.Progress()
	switch {
	case p.connection.lane.in.paused.Load():
		p.heard, p.waiting = now, time.Time{}
	case n != p.progress:
		p.heard, p.waiting = p.connection.conn.LastReceived(), time.Time{}
	}
	p.progress = n
}

// ping sends a PINGREQ if it is time, a little early so that the Server sees it in time, and returns when the next is due.
func (p *pinger) ping(now time.Time, keepAlive time.Duration) time.Time {
	due := p.connection.conn.LastSent().Add(keepAlive - keepAlive/8)
	if quiet := p.heard.Add(keepAlive); quiet.Before(due) && p.waiting.IsZero() {
		due = quiet
	}
	if now.Before(due) {
		return due
	}
	p.connection.ping()
	if p.waiting.IsZero() {
		p.waiting = now
	}
	return now.Add(keepAlive - keepAlive/8)
}

// PacketSent implements paho.Pinger.
func (p *pinger) PacketSent() {}

// PacketReceived implements paho.Pinger.
func (p *pinger) PacketReceived() {}

// PingResp implements paho.Pinger.
func (p *pinger) PingResp() { p.connection.pongs.Add(1) }

// SetDebug implements paho.Pinger.
func (p *pinger) SetDebug(paholog.Logger) {}
