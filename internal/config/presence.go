package config

import (
	"crypto/rand"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// The payloads of a status topic.
const (
	online  = "online"
	offline = "offline"
)

// presence announces a client on a status topic. Will Message, birth and goodbye of a connection carry the same session id,
// so that the late Will Message of an older connection can be told apart.
type presence struct{ topic string }

func (p presence) announce(v wire.Version) client.Announcement {
	var props *wire.Properties
	if v == wire.V5 {
		props = &wire.Properties{UserProperties: []wire.UserProperty{{Key: "session", Value: rand.Text()}}}
	}
	says := func(payload string) *message.Message {
		return &message.Message{Topic: p.topic, Payload: []byte(payload), QoS: 1, Retain: true, Properties: props}
	}
	return client.Announcement{
		Will:  &wire.Will{Topic: p.topic, Payload: []byte(offline), QoS: 1, Retain: true, Properties: props},
		Birth: says(online), Goodbye: says(offline),
	}
}
