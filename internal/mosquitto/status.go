package mosquitto

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/link"
	"github.com/mqx-cli/mqx/internal/wire"
)

// The exit statuses that are not those of a CONNACK.
const (
	statusUsage       = 1
	statusProtocol    = 2
	statusInvalid     = 3
	StatusLost        = 7  // StatusLost is a connection that was lost before the work was done.
	statusGarbage     = 14 // what listens there does not speak MQTT
	statusKeepAlive   = 19
	statusMalformed   = 21
	StatusTimeout     = 27  // StatusTimeout is -W.
	StatusInterrupted = 255 // StatusInterrupted is a signal or -W before CONNACK.
)

// TimedOut is what is said when -W has passed.
const TimedOut = "Timed out\n"

// Lost is what is said of a connection that was lost for good.
const Lost = "Error: The connection was lost.\n"

// Denied is what mosquitto_sub says when the broker has granted none of the filters.
const Denied = "All subscription requests were denied.\n"

// BadTopic is what mosquitto_pub says of a topic that nobody can publish to.
const BadTopic = "Error: Invalid input. Does your topic contain '+' or '#'?\n"

// InvalidRequest is the end of mosquitto_rr for a topic that nobody can publish to.
func InvalidRequest() End {
	return End{Err: "Error: Invalid function arguments provided.\n", Status: statusInvalid}
}

// Failure says how a program ends whose connection could not be made, or was lost for good.
func Failure(o *Options, err error) End {
	if refused, ok := errors.AsType[*client.RefusedError](err); ok && refused.Packet == wire.CONNECT {
		return refusal(o, refused.Code)
	}
	var malformed *wire.Error
	_, dial := errors.AsType[*link.DialError](err)
	switch {
	case dial:
		return End{Err: dialText(err), Status: statusUsage}
	case errors.Is(err, client.ErrNoConnack), errors.Is(err, client.ErrNoAnswer):
		return End{Err: "Error: Keepalive exceeded.\n", Status: statusKeepAlive}
	case errors.Is(err, link.ErrNotMQTT):
		return End{Err: "Error: " + protocolError + "\n", Status: statusGarbage}
	case errors.Is(err, link.ErrUnsupportedVersion), errors.As(err, &malformed) && malformed.Code == wire.MalformedPacket:
		return End{Err: "Error: Malformed packet.\n", Status: statusMalformed}
	case malformed != nil:
		return End{Err: "Error: " + protocolError + "\n", Status: statusProtocol}
	default:
		return End{Err: Lost, Status: StatusLost}
	}
}

// refusal is a CONNACK with an error. Below MQTT 5 its code is the exit status, and mosquitto_pub says twice why.
func refusal(o *Options, code wire.ReasonCode) End {
	if o.Version == wire.V5 {
		e := End{Err: "Connection error: " + code.String() + "\n", Status: int(code)}
		if code == wire.UnsupportedProtocolVersion {
			advice := "Try connecting to an MQTT v5 broker, or use MQTT v3.x mode."
			if o.Tool == RR {
				advice = "mosquitto_rr only supports connecting to an MQTT v5 broker"
			}
			e.Err = "Connection error: " + code.String() + ". " + advice + "\n"
		}
		if o.Tool == Pub {
			e.Err += "Error: " + protocolError + "\n"
		}
		return e
	}
	status, why := returnCode(code)
	e := End{Err: "Connection error: Connection Refused: " + why + ".\n", Status: status}
	if o.Tool == Pub {
		e.Err += "Error: The connection was refused.\n"
	}
	return e
}

// returnCode is the Connect Return code of MQTT 3.1.1 (section 3.2.2.3) for a Reason Code, and mosquitto's words for it.
func returnCode(code wire.ReasonCode) (status int, why string) {
	switch code {
	case wire.UnsupportedProtocolVersion:
		return 1, "unacceptable protocol version"
	case wire.ClientIdentifierNotValid:
		return 2, "identifier rejected"
	case wire.ServerUnavailable:
		return 3, "broker unavailable"
	case wire.BadUserNameOrPassword:
		return 4, "bad user name or password"
	default:
		return 5, "not authorised"
	}
}

// dialText is what is said of a network connection that could not be made.
func dialText(err error) string {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case isTLS(err):
		return tlsFailed
	case errors.As(err, &dns):
		return "Unable to connect (Lookup error.).\n"
	case errors.Is(err, fs.ErrNotExist): // of a Unix socket
		return "Error: No such file or directory\n"
	case errors.As(err, &errno):
		return "Error: " + upperFirst(errno.Error()) + "\n"
	case errors.Is(err, context.DeadlineExceeded):
		return "Error: Connection timed out\n"
	case strings.Contains(err.Error(), "through the proxy"):
		return "Unable to connect (Proxy error.).\n"
	default:
		return "Unable to connect (" + upperFirst(err.Error()) + ").\n"
	}
}

const tlsFailed = "Unable to connect (A TLS error occurred.).\n"

func isTLS(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		invalid x509.CertificateInvalidError
	)
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &invalid)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// PublishProblem is what mosquitto_pub says of a message that cannot be sent on this connection, and its exit status.
func PublishProblem(err error) End {
	refused, ok := errors.AsType[*client.RefusedError](err)
	switch {
	case !ok:
		return End{Err: BadTopic}
	case refused.Code == wire.QoSNotSupported:
		return End{Err: "Error: Message QoS not supported on broker, try a lower QoS.\n"}
	case refused.Code == wire.PacketTooLarge:
		return End{Err: "Error: Packet larger than supported by the server.\n", Status: StatusLost}
	default:
		return End{Err: "Error: " + refused.Code.String() + "\n"}
	}
}

// PublishWarning is what mosquitto_pub says of a message that the broker has refused: the nth one.
func PublishWarning(n int, code wire.ReasonCode) string {
	return "Warning: Publish " + itoa(n) + " failed: " + code.String() + ".\n"
}
