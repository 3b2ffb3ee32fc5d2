package twin

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/message"
)

// presence is what is known about whether a device is there.
type presence struct {
	known   bool // a status was seen
	online  bool
	session string    // of the newest birth
	since   time.Time // when the status came in; zero for one from the store
	// alive is when the device itself was last heard: what it publishes live, its status left out.
	alive time.Time
}

// observeStatus takes a status. An offline of another session than the newest birth is a late Will Message.
func (p *presence) observeStatus(m message.Message) {
	online, session, ok := parseStatus(m.Payload)
	if !ok {
		if len(m.Payload) == 0 {
			p.known = false
		}
		return
	}
	if !online && p.session != "" && session != "" && session != p.session {
		return
	}
	if online {
		p.session = session
	}
	p.known, p.online, p.since = true, online, time.Time{}
	if !m.Retain {
		p.since = m.Time
	}
}

// observeLife takes any other message of the device.
func (p *presence) observeLife(m message.Message) {
	if !m.Retain {
		p.alive = m.Time
	}
}

// offline reports whether the device is offline. Who publishes after an offline is there, whatever the status says.
func (p *presence) offline() bool { return p.known && !p.online && !p.lives() }

func (p *presence) lives() bool { return !p.alive.IsZero() && p.alive.After(p.since) }

// word is what the status says, unless the device publishes after an offline; empty for nothing.
func (p *presence) word() string {
	switch {
	case !p.known:
		return ""
	case p.offline():
		return "offline"
	default:
		return "online"
	}
}

// seen reports whether the device was ever there.
func (p *presence) seen() bool { return p.known || !p.alive.IsZero() }

// contradicts reports whether a device that says it is offline publishes.
func (p *presence) contradicts() bool { return p.known && !p.online && p.lives() }

// parseStatus takes online, offline and the words of other conventions for them, plain or as the member "status" or "state".
func parseStatus(text []byte) (online bool, session string, ok bool) {
	word := strings.TrimSpace(string(text))
	if strings.HasPrefix(word, "{") {
		doc := gjson.Parse(word)
		session = doc.Get("session").String()
		status := doc.Get("status")
		if !status.Exists() {
			status = doc.Get("state")
		}
		word = status.String()
	}
	switch strings.ToLower(strings.Trim(word, `"`)) {
	case "online", "ready", "connected", "1", "true":
		return true, session, true
	case "offline", "lost", "disconnected", "0", "false":
		return false, session, true
	default:
		return false, "", false
	}
}
