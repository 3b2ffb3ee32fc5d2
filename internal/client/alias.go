package client

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// shortTopic is a Topic Name that an alias does not make shorter: the property has three bytes.
	shortTopic = 3
	// maxAliases bounds what is remembered for a Server that allows 65,535.
	maxAliases = 1000
)

// aliases are the Topic Aliases that a connection has set for what it sends (MQTT 5, 3.3.2.3.4). A topic gets one with its
// first message and keeps it as long as the connection lasts; when all are taken, other topics are sent as they are.
type aliases struct {
	most    int
	byTopic map[string]uint16
	// props are those of the packet that is being encoded.
	props wire.Properties
	// fresh is the topic that this packet gives an alias to, "" when it gives none.
	fresh string
}

// newAliases returns aliases for a Server that allows so many.
func newAliases(serverMaximum uint16) *aliases {
	return &aliases{most: min(int(serverMaximum), maxAliases), byTopic: map[string]uint16{}}
}

// shorten puts an alias in the place of p's topic, or beside it the first time. What it does holds for p until the next
// call. limit is the Server's Maximum Packet Size, 0 for none: p must still fit.
func (a *aliases) shorten(p *wire.Publish, limit uint32) {
	a.fresh = ""
	if p.Properties.Has(wire.PropTopicAlias) { // the user's own, which may say something else of the same number
		a.most = 0
		clear(a.byTopic)
		return
	}
	if len(p.Topic) <= shortTopic {
		return
	}
	alias, known := a.byTopic[p.Topic]
	if !known {
		if len(a.byTopic) >= a.most {
			return
		}
		alias = uint16(len(a.byTopic) + 1)
	}
	before := *p
	a.props = wire.Properties{}
	if p.Properties != nil {
		a.props = *p.Properties
	}
	a.props.TopicAlias = alias
	p.Properties = a.props.Set(wire.PropTopicAlias)
	if known {
		p.Topic = ""
	}
	switch {
	case limit > 0 && p.Size(wire.V5) > int(limit):
		*p = before
	case !known:
		a.fresh = p.Topic
	}
}

// sent says that the packet is on its way: only now may others count on its alias.
func (a *aliases) sent() {
	if a.fresh != "" {
		a.byTopic[strings.Clone(a.fresh)] = uint16(len(a.byTopic) + 1)
		a.fresh = ""
	}
}
