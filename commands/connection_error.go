package commands

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/wire"
)

// unansweredHint says what a server often wants that did not answer CONNECT, or not in MQTT.
func unansweredHint(t link.Target, err error) string {
	plain := t.TLS == nil && t.WebSocket == nil && t.Unix == ""
	switch {
	case errors.Is(err, link.ErrSpeaksTLS) && plain:
		return "this is a TLS port: try --tls, or mqtts://"
	case errors.Is(err, link.ErrSpeaksHTTP) && t.WebSocket == nil:
		return "MQTT over WebSocket is ws:// or wss://, or --ws-path"
	case !errors.Is(err, link.ErrNoAnswer):
		return ""
	case plain:
		return "a TLS port does that: try --tls, or mqtts://"
	case t.TLS != nil && len(t.TLS.Certificates) == 0:
		return "the broker may want a client certificate (--cert, --key)"
	case t.TLS != nil:
		return "the broker may not accept the client certificate"
	default:
		return ""
	}
}

// connectError gives a failure to connect its exit status and its next step.
func connectError(t link.Target, err error) error {
	if refused, ok := errors.AsType[*client.RefusedError](err); ok {
		if refused.Packet == wire.PUBLISH { // the birth of --presence
			return requestError("publish", err)
		}
		return exit.Wrap(exit.Refused, "connect", t.String(), err).Hint(refusalHint(refused.Code))
	}
	if errors.Is(err, client.ErrAuthentication) {
		return exit.Wrap(exit.Refused, "connect", t.String(), err)
	}
	if late := link.AfterHandshake(t, err); late != nil {
		err = late
	}
	if errors.Is(err, link.ErrUnsupportedVersion) {
		why := link.ErrUnsupportedVersion // without that the connection is lost, which goes without saying
		return exit.Wrap(exit.Refused, "connect", t.String(), why).Hint(refusalHint(wire.UnsupportedProtocolVersion))
	}
	if said, ok := errors.AsType[*client.DisconnectedError](err); ok && said.Code.IsError() {
		return exit.Wrap(exit.Refused, "connect", t.String(), err).Hint(refusalHint(said.Code))
	}
	failure := exit.Wrap(exit.Unreachable, "connect", t.String(), err)
	if dial, ok := errors.AsType[*link.DialError](err); ok {
		return failure.Hint(dial.Hint)
	}
	if errors.Is(err, client.ErrNoConnack) {
		return failure.Hint("is it an MQTT broker? --connect-timeout waits longer")
	}
	return failure.Hint(unansweredHint(t, err))
}

func refusalHint(code wire.ReasonCode) string {
	switch code {
	case wire.BadUserNameOrPassword, wire.NotAuthorized:
		return "check --username and the password"
	case wire.ClientIdentifierNotValid:
		return "give another --client-id"
	case wire.UnsupportedProtocolVersion:
		return "try --protocol 3.1.1"
	case wire.UseAnotherServer, wire.ServerMoved:
		return "mqx does not go there by itself: name that server with -h or -L"
	default:
		return ""
	}
}

// lostError gives the end of a connection its exit status: what the Server said in a DISCONNECT decides. counts says how
// far the command had come.
func lostError(what string, t link.Target, err error, counts string) error {
	return lossOf(what, t.String(), err, counts)
}

func lossOf(what, where string, err error, counts string) *exit.Error {
	failure := exit.Wrap(exit.Unreachable, what, where, lossInWords(err)).Hint(counts)
	said, disconnected := errors.AsType[*client.DisconnectedError](err)
	_, refused := errors.AsType[*client.RefusedError](err)
	switch {
	case errors.Is(err, client.ErrTakenOver):
		failure.Code = exit.Conflict
		failure.Next = strings.TrimSuffix("give each client a client id of its own; "+counts, "; ")
	case disconnected && said.Code == wire.SessionTakenOver:
		failure.Code = exit.Conflict
		failure.Next = strings.TrimSuffix("another client uses the same client id; "+counts, "; ")
	case refused, disconnected && said.Code.IsError():
		failure.Code = exit.Refused
	case errors.Is(err, client.ErrUnacknowledged):
		failure.Code = exit.Timeout
	}
	if disconnected && (said.Code == wire.UseAnotherServer || said.Code == wire.ServerMoved) {
		failure.Next = strings.TrimSuffix(refusalHint(said.Code)+"; "+counts, "; ")
	}
	return failure
}

// lossInWords replaces the text of a network error, which is full of addresses and system calls.
func lossInWords(err error) error {
	if gaveUp, ok := errors.AsType[*client.GaveUpError](err); ok {
		return &client.GaveUpError{Cause: gaveUp.Cause, Attempts: gaveUp.Attempts, Err: problem(gaveUp.Err)}
	}
	if errors.Is(err, client.ErrUnacknowledged) {
		return client.ErrUnacknowledged // it was us who gave the connection up
	}
	if op := problem(err); op != err { //nolint:errorlint // whether it was replaced
		return fmt.Errorf("%w: %w", client.ErrConnectionLost, op)
	}
	return err
}

// problem is what is wrong with a connection, without addresses and system calls where those would be shown.
func problem(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	_, dial := errors.AsType[*link.DialError](err)
	switch {
	case dial:
		return err
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		return errors.New("closed by the other side")
	case ok:
		return op.Err
	default:
		return err
	}
}

func requestError(what string, err error) error {
	if refused, ok := errors.AsType[*client.RefusedError](err); ok {
		e := exit.Wrap(exit.Refused, what, "", err)
		if refused.Code == wire.NotAuthorized {
			return e.Hint("the broker's access rules do not allow it for this user")
		}
		return e
	}
	if _, ok := errors.AsType[*publish.SetAsideError](err); ok {
		return exit.Wrap(exit.Refused, what, "", err)
	}
	if errors.Is(err, client.ErrNoAnswer) {
		return exit.Wrap(exit.Timeout, what, "", err)
	}
	return lossOf(what, "", err, "")
}
