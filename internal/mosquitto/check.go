package mosquitto

import (
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/wire"
)

// protocolError is what mosquitto says of properties that the specification forbids.
const (
	protocolError     = "A network protocol error occurred when communicating with the broker."
	duplicateProperty = "Duplicate property in property list"
)

// check looks at the command line as a whole, in mosquitto's order.
func (p *parser) check() *End {
	for _, step := range []func() *End{p.checkWill, p.checkTLS, p.checkSession, p.checkTopics, p.checkProperties, p.checkPurpose} {
		if end := step(); end != nil {
			return end
		}
	}
	return nil
}

func (p *parser) checkWill() *End {
	switch {
	case p.WillTopic != nil:
		return nil
	case p.WillPayload != nil:
		return p.usage("Error: Will payload given, but no will topic given.\n")
	case p.WillRetain:
		return p.usage("Error: Will retain given, but no will topic given.\n")
	}
	p.Will = nil
	return nil
}

func (p *parser) checkTLS() *End {
	if p.NoTLS {
		p.security = security{NoTLS: true}
	}
	switch {
	case (p.Cert == "") != (p.Key == ""):
		return p.usage("Error: Both certfile and keyfile must be provided if one of them is set.\n")
	case p.KeyForm != "" && p.Key == "":
		return p.usage("Error: If keyform is set, keyfile must be also specified.\n")
	case p.EnginePassword != "" && (p.Engine == "" || p.KeyForm == ""):
		return p.usage("Error: when using tls-engine-kpass-sha1, both tls-engine and keyform must also be provided.\n")
	case p.PSK != "" && (p.CAFile != "" || p.CAPath != ""):
		return p.usage("Error: Only one of --psk or --cafile/--capath may be used at once.\n")
	case p.PSK != "" && p.PSKIdentity == "":
		return p.usage("Error: --psk-identity required if --psk used.\n")
	}
	return nil
}

func (p *parser) checkSession() *End {
	if p.Version == wire.V5 {
		expiry := p.sessionExpiry
		if !p.CleanSession && !p.expiryGiven {
			expiry = forever
		}
		if expiry == forever && (p.ID == nil || p.IDPrefix != nil) {
			return p.usage("Error: You must provide a client id if you are using an infinite session expiry interval.\n")
		}
		if expiry > 0 {
			if p.Connect == nil {
				p.Connect = &wire.Properties{}
			}
			if p.Connect.Has(wire.PropSessionExpiryInterval) {
				p.duplicates = append(p.duplicates, "connect")
			}
			p.Connect.SessionExpiryInterval = uint32(expiry)
			p.Connect.Set(wire.PropSessionExpiryInterval)
		}
	}
	if !p.CleanSession && (p.ID == nil || p.IDPrefix != nil) {
		return p.usage("Error: You must provide a client id if you are using the -c option.\n")
	}
	return nil
}

func (p *parser) checkTopics() *End {
	if p.tool == Sub && len(p.Filters) == 0 && len(p.Unsubscribes) == 0 {
		return p.usage("Error: You must specify a topic to subscribe to.\n")
	}
	if p.Host == "" && !p.hostGiven {
		p.Host = "localhost"
	}
	return nil
}

// checkPurpose looks at what the programs themselves want to know, after all else.
func (p *parser) checkPurpose() *End {
	switch {
	case p.RetainedOnly && p.NoRetain:
		return plainEnd("\nError: Combining '-R' and '--retained-only' makes no sense.\n")
	case p.tool != RR:
		return nil
	case p.Topic == nil || p.Mode == NoPayload || p.ResponseTopic == nil:
		return p.usage("Error: All of topic, message, and response topic must be supplied.\n")
	case p.Publish.Has(wire.PropResponseTopic):
		return plainEnd("Error in PUBLISH properties: Duplicate response topic.\n")
	}
	return nil
}

// checkProperties refuses what no packet may carry. A program looks at the packets that it can send.
func (p *parser) checkProperties() *End {
	for _, packet := range []struct {
		name  string
		props *wire.Properties
	}{
		{"connect", p.Connect},
		{"publish", p.Publish},
		{"subscribe", p.Subscribe},
		{"unsubscribe", p.Unsubscribe},
		{"disconnect", p.Disconnect},
		{"will", p.Will},
	} {
		problem := duplicateProperty
		if !slices.Contains(p.duplicates, packet.name) {
			if !forbidden(packet.props) {
				continue
			}
			problem = protocolError
		}
		name := strings.ToUpper(packet.name)
		if packet.name == "will" {
			name = "Will"
		}
		return p.usage("Error in " + name + " properties: " + problem + "\n")
	}
	return nil
}

// forbidden reports whether a property has a value that it may not have (MQTT 5, section 2.2.2.2 and the packets' own).
func forbidden(props *wire.Properties) bool {
	if props == nil {
		return false
	}
	return props.Has(wire.PropTopicAlias) && props.TopicAlias == 0 ||
		props.Has(wire.PropReceiveMaximum) && props.ReceiveMaximum == 0 ||
		props.Has(wire.PropMaximumPacketSize) && props.MaximumPacketSize == 0 ||
		props.RequestProblemInformation > 1 || props.RequestResponseInformation > 1 || props.PayloadFormatIndicator > 1 ||
		props.Has(wire.PropSubscriptionIdentifier) && props.SubscriptionIdentifiers[0] == 0
}

// Incomplete is how mosquitto_pub ends that was not told what to publish where: it prints its help. It is nil for a command
// line that says so.
func (o *Options) Incomplete(mqx string) *End {
	if o.Tool != Pub || o.Topic != nil && o.Mode != NoPayload {
		return nil
	}
	return &End{Err: "Error: Both topic and message must be supplied.\n", Out: Usage(o.Tool, mqx), Status: statusUsage}
}
