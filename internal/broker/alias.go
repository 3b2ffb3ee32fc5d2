package broker

import "github.com/mqx-cli/mqx/internal/wire"

// maxOutboundAliases is how many Topic Aliases we use towards a client that allows as many.
const maxOutboundAliases = 64

// outboundAliases are the Topic Aliases of one connection towards the client. A topic keeps its alias until the connection
// ends; when all are taken, further topics are sent in full.
type outboundAliases struct {
	limit uint16 // the client's Topic Alias Maximum, or ours
	given map[string]uint16
}

// apply puts a Topic Alias into p, which is about to be sent with the properties that scratch may be changed to. It reports
// whether the alias is new, so that the caller notes it when the packet is sent.
func (a *outboundAliases) apply(p *wire.Publish, scratch *wire.Properties) (fresh bool) {
	alias, known := a.given[p.Topic]
	if !known {
		if len(a.given) >= int(a.limit) {
			return false
		}
		alias = uint16(len(a.given)) + 1
	}
	if p.Properties == nil {
		*scratch = wire.Properties{}
	} else if p.Properties != scratch {
		*scratch = *p.Properties
	}
	scratch.TopicAlias = alias
	p.Properties = scratch.Set(wire.PropTopicAlias)
	if known {
		p.Topic = ""
	}

	return !known
}

// note keeps the alias of a topic: the client knows it from now on.
func (a *outboundAliases) note(topic string, alias uint16) {
	if a.given == nil {
		a.given = make(map[string]uint16)
	}
	a.given[topic] = alias
}
