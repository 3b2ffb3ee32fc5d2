package client

import (
	"errors"

	"github.com/mqx-cli/mqx/internal/wire"
)

// ErrConnectionLost is wrapped by the error of every call that a lost connection ended.
var ErrConnectionLost = errors.New("connection lost")

// RefusedError is the Server's refusal of a CONNECT, PUBLISH or SUBSCRIBE.
type RefusedError struct {
	// Packet is what was refused: wire.CONNECT, wire.PUBLISH or wire.SUBSCRIBE.
	Packet wire.Type
	// Code is the Reason Code; below MQTT 5 its equivalent.
	Code wire.ReasonCode
	// Reason is the Server's Reason String, often empty.
	Reason string
	// Topic is the Topic Name or Topic Filter that was refused, empty for CONNECT.
	Topic string
	// ServerReference names another Server to use, often empty.
	ServerReference string
}

// DisconnectedError is a DISCONNECT that the Server sent. It wraps [ErrConnectionLost].
type DisconnectedError struct {
	Code            wire.ReasonCode
	Reason          string
	ServerReference string
}
