package commands

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/devca"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/userfile"
)

// maxPEM bounds a file of certificates or a key, in bytes.
const maxPEM = 16 << 20

// tlsConfig returns nil when no TLS is asked for.
func (o *brokerListen) tlsConfig(ctx context.Context, e *env) (*tls.Config, error) {
	switch {
	case o.autoTLS != "" && (o.cert != "" || o.key != ""):
		return nil, exit.New(exit.Usage, "--tls-auto", "", "it makes what --tls-cert and --tls-key name: give one or the other")
	case (o.cert == "") != (o.key == ""):
		return nil, exit.New(exit.Usage, "--tls-cert, --tls-key", "", "one does not work without the other")
	case o.cert == "" && o.autoTLS == "":
		if o.clientCA != "" {
			return nil, exit.New(exit.Usage, "--tls-client-ca", o.clientCA, "there is no certificate of the server").
				Hint("pass --tls-cert and --tls-key, or --tls-auto")
		}
		return nil, nil
	}
	if o.autoTLS != "" {
		if err := o.developmentCA(e); err != nil {
			return nil, err
		}
	}
	first, err := o.readTLS(ctx, userfile.Read)
	if err != nil {
		return nil, err
	}
	o.secure.Store(first)
	config := first.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return o.secure.Load(), nil }
	return config, nil
}

// readTLS reads the files that say who we are and who may come, by [userfile.Read] or [userfile.Again].
func (o *brokerListen) readTLS(ctx context.Context, read func(context.Context, string, int64) ([]byte, error)) (*tls.Config, error) {
	cert, err := read(ctx, o.cert, maxPEM)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--tls-cert", "", err)
	}
	key, err := read(ctx, o.key, maxPEM)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--tls-key", "", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--tls-cert, --tls-key", o.cert+", "+o.key, pairCause(err))
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if o.clientCA == "" {
		return config, nil
	}
	text, err := read(ctx, o.clientCA, maxPEM)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--tls-client-ca", "", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(text) {
		return nil, exit.New(exit.Usage, "--tls-client-ca", o.clientCA, "there is no PEM certificate in it")
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}

// pairCause says what is wrong with a certificate or its key in a few words.
func pairCause(err error) error {
	switch {
	case strings.Contains(err.Error(), "find any PEM data in certificate"):
		return errors.New("there is no PEM certificate in the first")
	case strings.Contains(err.Error(), "find any PEM data in key"):
		return errors.New("there is no PEM key in the second")
	default:
		return err
	}
}

// developmentCA makes sure of the files of --tls-auto and says how clients use them.
func (o *brokerListen) developmentCA(e *env) error {
	dir := o.autoTLS
	if dir == autoDefault {
		home, err := os.UserConfigDir()
		if err != nil {
			return exit.Wrap(exit.Usage, "--tls-auto", "", err).Hint("name a folder: --tls-auto=DIR")
		}
		dir = filepath.Join(home, "mqx", "tls")
	}
	files, err := devca.Ensure(dir, o.hosts(), time.Now())
	if err != nil {
		return exit.Wrap(exit.Usage, "--tls-auto", dir, err)
	}
	o.cert, o.key = files.Cert, files.Key
	made := ""
	if files.NewCA {
		made = "made a development CA; "
	}
	e.note("%sclients trust it with --cafile %s", made, files.CA)
	return nil
}

// hosts are the names by which clients may know this machine.
func (o *brokerListen) hosts() []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "localhost" {
		hosts = append(hosts, name)
	}
	ip := net.ParseIP(o.bind)
	switch {
	case ip == nil || !ip.IsUnspecified():
		if !isLoopback(o.bind) {
			hosts = append(hosts, o.bind)
		}
	default:
		addrs, _ := net.InterfaceAddrs() // without them, localhost is left
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
				hosts = append(hosts, n.IP.String())
			}
		}
	}
	return hosts
}
