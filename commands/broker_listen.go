package commands

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/wsconn"
)

// brokerListen says where the broker listens.
type brokerListen struct {
	port, tlsPort, wsPort, wssPort listenPort
	bind, unix                     string
	wsPath                         string
	wsOrigins                      []string
	cert, key, clientCA            string
	autoTLS                        string
	secure                         atomic.Pointer[tls.Config] // for connections to come; nil without TLS
}

// listener is one place where the broker listens.
type listener struct {
	net.Listener
	url string
}

const (
	// autoDefault is --tls-auto without a folder.
	autoDefault = "default"
	plainPort   = 1883
	securePort  = 8883
)

func (o *brokerListen) addFlags(fs *pflag.FlagSet) {
	o.port = listenPort{n: plainPort, given: true}
	fs.VarP(&o.port, "port", "p", "port to listen on, 0 picks a free one")
	fs.StringVar(&o.bind, "bind", "127.0.0.1", "address to listen on")
	fs.StringVar(&o.unix, "unix", "", "listen on this Unix socket, too")
	fs.Var(&o.tlsPort, "tls-port", "listen with TLS, too (8883 if there is a certificate and no --wss-port)")
	fs.StringVar(&o.cert, "tls-cert", "", "file with the server's certificates, PEM")
	fs.StringVar(&o.key, "tls-key", "", "file with the key of --tls-cert, PEM")
	fs.StringVar(&o.autoTLS, "tls-auto", "", "make a development CA and a certificate, kept in `folder` (--tls-auto=DIR)")
	fs.Lookup("tls-auto").NoOptDefVal = autoDefault
	fs.StringVar(&o.clientCA, "tls-client-ca", "", "let in only clients with a certificate of this CA; its common name is the user name")
	fs.Var(&o.wsPort, "ws-port", "listen for WebSockets, too")
	fs.Var(&o.wssPort, "wss-port", "listen for WebSockets with TLS, too")
	fs.StringVar(&o.wsPath, "ws-path", "", "the only path for WebSockets (default: any path)")
	fs.Var(textsFlag{&o.wsOrigins}, "ws-origin", "hosts whose web pages may connect, as in *.example.com or * (default: pages of this machine)")
}

// open opens all listeners, the plain one first, or none.
func (o *brokerListen) open(ctx context.Context, e *env, guarded bool) (_ []listener, err error) {
	secure, err := o.check(ctx, e, guarded)
	if err != nil {
		return nil, err
	}
	var all []listener
	defer func() {
		if err != nil {
			closeAll(all)
		}
	}()
	for _, l := range []struct {
		flag   string
		port   listenPort
		scheme string
		tls    *tls.Config
	}{
		{"-p", o.port, "mqtt", nil},
		{"--tls-port", o.tlsPort, "mqtts", secure},
		{"--ws-port", o.wsPort, "ws", nil},
		{"--wss-port", o.wssPort, "wss", secure},
	} {
		if !l.port.given {
			continue
		}
		opened, err := o.tcp(ctx, l.port.n, l.scheme, l.tls)
		if err != nil {
			return nil, listenError(l.flag, net.JoinHostPort(o.bind, strconv.Itoa(l.port.n)), err)
		}
		all = append(all, opened)
	}
	if o.unix != "" {
		l, err := listenUnix(ctx, o.unix)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// check refuses what does not go together, and returns what the listeners with TLS need, nil for none.
func (o *brokerListen) check(ctx context.Context, e *env, guarded bool) (*tls.Config, error) {
	if !guarded && !isLoopback(o.bind) {
		return nil, exit.New(exit.Usage, "--bind", o.bind, "everybody who can reach this address could publish and subscribe").
			Hint("pass --users FILE, or --allow-anonymous if that is wanted")
	}
	if err := o.checkWebSockets(); err != nil {
		return nil, err
	}
	secure, err := o.tlsConfig(ctx, e)
	if err != nil {
		return nil, err
	}
	if secure != nil && !o.tlsPort.given && !o.wssPort.given {
		o.tlsPort = listenPort{n: securePort, given: true}
	}
	if secure == nil && (o.tlsPort.given || o.wssPort.given) {
		return nil, exit.New(exit.Usage, "--tls-port, --wss-port", "", "there is no certificate").
			Hint("pass --tls-cert and --tls-key, or --tls-auto")
	}
	return secure, nil
}

// checkWebSockets refuses what would have no effect, or another one than was meant.
func (o *brokerListen) checkWebSockets() error {
	if !o.wsPort.given && !o.wssPort.given && (o.wsPath != "" || o.wsOrigins != nil) {
		return exit.New(exit.Usage, "--ws-path, --ws-origin", "", "there is no listener for WebSockets").Hint("pass --ws-port or --wss-port")
	}
	if o.wsPath != "" && (o.wsPath[0] != '/' || strings.ContainsAny(o.wsPath, "?#")) {
		return exit.New(exit.Usage, "--ws-path", o.wsPath, "not a path").Hint("it begins with /, such as /mqtt")
	}
	for _, origin := range o.wsOrigins {
		if _, err := path.Match(origin, ""); err != nil {
			return exit.New(exit.Usage, "--ws-origin", origin, "not a host, with * and ? for what may vary").Hint("such as app.example.com or *.example.com:*")
		}
	}
	return nil
}

func closeAll(listeners []listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

// tcp opens a listener for one scheme.
func (o *brokerListen) tcp(ctx context.Context, port int, scheme string, secure *tls.Config) (listener, error) {
	address := net.JoinHostPort(o.bind, strconv.Itoa(port))
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return listener{}, err
	}
	url := scheme + "://" + l.Addr().String()
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	if scheme == "ws" || scheme == "wss" {
		origins := o.wsOrigins
		if origins == nil {
			origins = []string{"localhost", "localhost:*", "127.0.0.1", "127.0.0.1:*", "[[]::1[]]", "[[]::1[]]:*"}
		}
		l = wsconn.Listen(l, wsconn.Options{Path: o.wsPath, Origins: origins})
		url += o.wsPath
	}
	return listener{l, url}, nil
}

// listenError says why a port of a flag cannot be opened.
func listenError(flag, address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return exit.New(exit.Usage, "listen", address, "the port is in use").Hint(flag + " 0 picks a free one")
	case errors.Is(err, syscall.EACCES):
		return exit.New(exit.Usage, "listen", address, "not allowed").Hint("ports below 1024 are often reserved")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return exit.New(exit.Usage, "--bind", address, "this machine has no such address").Hint("--bind 0.0.0.0 takes all that it has")
	default:
		return exit.Wrap(exit.Usage, "listen", address, operationCause(err))
	}
}

// operationCause is what the system said, without the address once more.
func operationCause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// maxUnixPath is how long the path of a Unix socket can be on all systems, in bytes.
const maxUnixPath = 103

// listenUnix opens a Unix socket. One that a broker left behind, and nobody listens on, is replaced.
func listenUnix(ctx context.Context, name string) (listener, error) {
	if info, err := os.Lstat(name); err == nil {
		if info.Mode().Type() != fs.ModeSocket {
			return listener{}, exit.New(exit.Usage, "--unix", name, "there is a file of that name, and it is no socket")
		}
		var d net.Dialer
		if c, err := d.DialContext(ctx, "unix", name); err == nil {
			_ = c.Close()
			return listener{}, exit.New(exit.Usage, "--unix", name, "another program listens there")
		}
		if err := os.Remove(name); err != nil {
			return listener{}, exit.Wrap(exit.Usage, "--unix", name, err)
		}
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", name)
	switch {
	case errors.Is(err, syscall.EINVAL) && len(name) > maxUnixPath:
		return listener{}, exit.New(exit.Usage, "--unix", name, fmt.Sprintf("the path has %d bytes, which is too long for a socket", len(name)))
	case err != nil:
		return listener{}, exit.Wrap(exit.Usage, "--unix", name, operationCause(err))
	}
	return listener{l, "unix://" + name}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// listenPort is a port that may not be given.
type listenPort struct {
	n     int
	given bool
}

// Set parses a port.
func (f *listenPort) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is not from 0 to 65535", s)
	}
	f.n, f.given = n, true
	return nil
}

// String returns the value.
func (f *listenPort) String() string {
	if !f.given {
		return ""
	}
	return strconv.Itoa(f.n)
}

// Type names the value in help.
func (*listenPort) Type() string { return "port" }
