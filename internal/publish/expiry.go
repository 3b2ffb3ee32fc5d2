package publish

import (
	"time"

	"github.com/mqx-cli/mqx/internal/queue"
	"github.com/mqx-cli/mqx/internal/wire"
)

// closeTimeout bounds the goodbye to a Server that does not read any more.
const closeTimeout = 3 * time.Second

// remaining takes the time since a message was accepted off its Message Expiry Interval. It reports false when nothing is left
// of it. A message of QoS 2 that was sent before gets a second all the same: the Server may have it halfway, and would take
// the next one with its Packet Identifier for it.
func remaining(e *queue.Entry, now time.Time) bool {
	p := e.Message.Properties
	if e.Received || !p.Has(wire.PropMessageExpiryInterval) {
		return true
	}
	passed := max(0, now.Sub(e.Accepted)) / time.Second
	left := int64(p.MessageExpiryInterval) - int64(passed)
	if left <= 0 && passed > 0 {
		if e.Message.QoS < 2 || !e.Again {
			return false
		}
		left = 1
	}
	changed := *p
	changed.MessageExpiryInterval = uint32(left)
	e.Message.Properties = &changed
	return true
}
