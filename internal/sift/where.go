package sift

import (
	"math"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Where is a condition on messages in the language of expr-lang. It knows topic, levels (a list of strings), vars (the
// variables of a topic template, strings), payload (a JSON value, or else text), size (bytes), qos, retain, properties (by
// the names of the JSON form), user (the User Properties; of those with the same key the last one) and age (seconds by the
// payload's timestamp; nothing is known to be true of the age of a payload without one).
type Where struct{ condition *Condition[view] }

// view is what a condition sees of a message.
type view struct {
	Topic      string            `expr:"topic"`
	Levels     []string          `expr:"levels"`
	Vars       map[string]string `expr:"vars"`
	Payload    any               `expr:"payload"`
	Size       int               `expr:"size"`
	QoS        int               `expr:"qos"`
	Retain     bool              `expr:"retain"`
	Properties map[string]any    `expr:"properties"`
	User       map[string]string `expr:"user"`
	Age        float64           `expr:"age"`
}

// NewWhere compiles a condition.
func NewWhere(text string) (*Where, error) {
	condition, err := NewCondition[view](text)
	if err != nil {
		return nil, err
	}
	return &Where{condition}, nil
}

// Holds reports whether the condition holds for m, whose topic has the variables vars. It does not where it makes no
// sense, such as for a member that is not there: see Failed.
func (w *Where) Holds(m message.Message, vars map[string]string, now time.Time) bool {
	v := view{
		Topic: m.Topic, Levels: splitLevels(m.Topic), Vars: vars, Payload: payload.Native(m.Payload), Size: len(m.Payload),
		QoS: int(m.QoS), Retain: m.Retain, Age: math.NaN(),
	}
	v.Properties, v.User = propertiesOf(m.Properties)
	if made, ok := payload.Timestamp(m.Payload); ok {
		v.Age = now.Sub(made).Seconds()
	}
	return w.condition.Holds(v)
}

// Failed is for how many messages the condition made no sense, and why for the first of them.
func (w *Where) Failed() (int, error) { return w.condition.Failed() }

// propertiesOf are the properties by the names of the JSON form, and the User Properties.
func propertiesOf(p *wire.Properties) (properties map[string]any, user map[string]string) {
	if p.Empty() {
		return nil, nil
	}
	properties, user = map[string]any{}, map[string]string{}
	if p.Has(wire.PropContentType) {
		properties["content_type"] = p.ContentType
	}
	if p.Has(wire.PropMessageExpiryInterval) {
		properties["message_expiry_interval"] = int(p.MessageExpiryInterval)
	}
	if p.Has(wire.PropResponseTopic) {
		properties["response_topic"] = p.ResponseTopic
	}
	if p.Has(wire.PropCorrelationData) {
		properties["correlation_data"] = string(p.CorrelationData)
	}
	if p.Has(wire.PropPayloadFormatIndicator) {
		properties["payload_format_indicator"] = int(p.PayloadFormatIndicator)
	}
	var pairs []any
	for _, u := range p.UserProperties {
		user[u.Key] = u.Value
		pairs = append(pairs, []any{u.Key, u.Value})
	}
	if pairs != nil {
		properties["user_properties"] = pairs
	}
	var ids []any
	for _, id := range p.SubscriptionIdentifiers {
		ids = append(ids, int(id))
	}
	if ids != nil {
		properties["subscription_identifiers"] = ids
	}
	return properties, user
}

// splitLevels returns the levels of a Topic Name.
func splitLevels(name string) []string { return strings.Split(name, "/") }
