package client

import (
	"errors"
	"fmt"
	"net"

	"github.com/mqx-cli/mqx/internal/wire"
)

// ErrConnectionLost is wrapped by the error of every call that a lost connection ended.
var ErrConnectionLost = errors.New("connection lost")

// ErrClosed is returned by calls on a Session after Close or Abandon.
var ErrClosed = errors.New("session closed")

// RefusedError is the refusal of a CONNECT, PUBLISH, SUBSCRIBE or UNSUBSCRIBE, by the Server or because of the limits
// that it announced in CONNACK.
type RefusedError struct {
	// Packet is what was refused: wire.CONNECT, wire.PUBLISH, wire.SUBSCRIBE or wire.UNSUBSCRIBE.
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

// Error returns what was refused and why: `PUBLISH to "a/b" refused: Not authorized (0x87)`.
func (e *RefusedError) Error() string {
	s := e.Packet.String()
	if e.Topic != "" {
		s += fmt.Sprintf(" %q", e.Topic)
	}
	return s + " refused: " + describe(e.Code, e.Reason, e.ServerReference)
}

// DisconnectedError is a DISCONNECT that the Server sent. It wraps [ErrConnectionLost].
type DisconnectedError struct {
	Code wire.ReasonCode
	// Reason is the Server's Reason String, often empty.
	Reason string
	// ServerReference names another Server to use, often empty.
	ServerReference string
}

func newDisconnectedError(p *wire.Disconnect) *DisconnectedError {
	return &DisconnectedError{Code: p.Code, Reason: reasonString(p.Properties), ServerReference: serverReference(p.Properties)}
}

// Error returns the Server's reason.
func (e *DisconnectedError) Error() string {
	return "disconnected by the server: " + describe(e.Code, e.Reason, e.ServerReference)
}

// Unwrap returns [ErrConnectionLost].
func (e *DisconnectedError) Unwrap() error { return ErrConnectionLost }

// lostError is a connection that ended without a DISCONNECT.
type lostError struct{ cause error }

func (e *lostError) Error() string { return "connection lost: " + e.cause.Error() }

func (e *lostError) Unwrap() []error { return []error{ErrConnectionLost, e.cause} }

// HungUp reports whether a connection ended because the Server, or something in between, closed it for a reason that may be a
// message that was sent: without a word, or with a Reason Code that can be about one.
func HungUp(err error) bool {
	if gaveUp, ok := errors.AsType[*GaveUpError](err); ok {
		err = gaveUp.Err
	}
	if said, ok := errors.AsType[*DisconnectedError](err); ok {
		return aboutMessage(said.Code)
	}
	if _, ok := errors.AsType[*wire.Error](err); ok {
		return false // it was the Server that made a mistake
	}
	timeout, _ := errors.AsType[net.Error](err)
	return errors.Is(err, ErrConnectionLost) && !errors.Is(err, errSilent) && !errors.Is(err, ErrUnacknowledged) &&
		!errors.Is(err, ErrTakenOver) && !errors.Is(err, ErrClosed) && (timeout == nil || !timeout.Timeout())
}

// aboutMessage reports whether a DISCONNECT with the Reason Code may answer a PUBLISH.
func aboutMessage(code wire.ReasonCode) bool {
	switch code {
	case wire.UnspecifiedError, wire.ImplementationSpecificError, wire.MalformedPacket, wire.ProtocolError,
		wire.NotAuthorized, wire.TopicNameInvalid, wire.PacketTooLarge, wire.PayloadFormatInvalid, wire.RetainNotSupported,
		wire.QoSNotSupported:
		return true
	default:
		return false
	}
}

func describe(code wire.ReasonCode, reason, reference string) string {
	s := fmt.Sprintf("%s (0x%02x)", code, byte(code))
	if reason != "" {
		s += fmt.Sprintf(": %q", reason)
	}
	if reference != "" {
		s += fmt.Sprintf(", use server %q", reference)
	}
	return s
}

func serverReference(p *wire.Properties) string {
	if p.Has(wire.PropServerReference) {
		return p.ServerReference
	}
	return ""
}

// refusesMessage reports whether a DISCONNECT with the Reason Code says that a PUBLISH was not taken.
func refusesMessage(code wire.ReasonCode) bool {
	return aboutMessage(code) || code == wire.QuotaExceeded || code == wire.MessageRateTooHigh
}
