// Package message holds the Application Message as every part of mqx passes it on, and its JSON form: the one line an
// object that `sub --json` prints, `pub --json` reads and a capture is made of.
package message

import (
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// Message is one Application Message with everything a PUBLISH says about it.
type Message struct {
	Topic   string
	Payload []byte
	// QoS is the QoS of the delivery, 0 to 2.
	QoS byte
	// Retain and Dup are the flags of the PUBLISH.
	Retain, Dup bool
	// PacketID is the Packet Identifier of a received message, 0 at QoS 0. It is ignored when publishing.
	PacketID uint16
	// Properties are nil when there are none, as always below MQTT 5.
	Properties *wire.Properties
	// Time is when the message was received, zero for one to be published.
	Time time.Time
}
