package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/link"
)

// The registered ports of MQTT.
const (
	portPlain = 1883
	portTLS   = 8883
)

// resolveTLS decides whether the connection is encrypted: by --tls, any other TLS option, an mqtts or wss URL or port 8883,
// unless --no-tls takes it back.
func (c *Connection) resolveTLS(secrets Secrets) func(*Resolved) error {
	return func(r *Resolved) error {
		target := &r.Options.Target
		if target.Unix != "" {
			return nil
		}
		if c.encrypts(*target) {
			cfg, err := c.tlsConfig(secrets)
			if err != nil {
				return err
			}
			target.TLS = cfg
			r.Warnings = append(r.Warnings, c.keyLogWarnings()...)
			if c.Insecure {
				r.Warnings = append(r.Warnings, "certificate checks are off ("+c.named("insecure")+"): anybody on the way can read and change everything")
			}
		}
		c.defaultPort(target)
		return nil
	}
}

func (c *Connection) encrypts(target link.Target) bool {
	return !c.NoTLS && (c.TLS || target.Port == portTLS || c.Insecure ||
		c.firstGiven("cafile", "capath", "cert", "key", "alpn", "sni", "tls-version", "tls-keylog") != "")
}

func (c *Connection) defaultPort(target *link.Target) {
	switch {
	case target.Port != 0 || target.Unix != "":
	case target.WebSocket != nil && target.TLS != nil:
		target.Port = portWSS
	case target.WebSocket != nil:
		target.Port = portWS
	case target.TLS != nil:
		target.Port = portTLS
	default:
		target.Port = portPlain
	}
}

func (c *Connection) tlsConfig(secrets Secrets) (*tls.Config, error) {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: c.SNI, NextProtos: c.ALPN,
		InsecureSkipVerify: c.Insecure, //nolint:gosec // G402: it is what --insecure asks for, with a warning
	}
	switch strings.TrimPrefix(strings.ToLower(c.TLSVersion), "tlsv") {
	case "", "1.2":
	case "1.3":
		cfg.MinVersion = tls.VersionTLS13
	default:
		return nil, usage(c.named("tls-version"), "1.2 or 1.3 is expected")
	}
	if err := c.loadRoots(cfg, secrets); err != nil {
		return nil, err
	}
	if err := c.loadKeyPair(cfg, secrets); err != nil {
		return nil, err
	}
	for _, name := range c.ALPN {
		if name == "" || len(name) > 255 { // RFC 7301, section 3.1
			return nil, usage(c.named("alpn"), "each name has from 1 to 255 bytes")
		}
	}
	if c.TLSKeyLog != "" {
		f, err := os.OpenFile(c.TLSKeyLog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, exit.Wrap(exit.Usage, c.named("tls-keylog"), "", err)
		}
		cfg.KeyLogWriter = f // stays open as long as the connection
	}
	return cfg, nil
}

// keyLogWarnings says when others can read the key log. Who has it can read the connection; a new one has mode 0600.
func (c *Connection) keyLogWarnings() []string {
	const others = 0o077
	info, err := os.Stat(c.TLSKeyLog)
	if c.TLSKeyLog == "" || err != nil || runtime.GOOS == "windows" || !info.Mode().IsRegular() || info.Mode()&others == 0 {
		return nil
	}
	return []string{fmt.Sprintf("other users of this machine may read the TLS secrets in %s (mode %04o): chmod 600", c.TLSKeyLog, info.Mode().Perm())}
}

func (c *Connection) loadRoots(cfg *tls.Config, secrets Secrets) error {
	if c.CAFile == "" && c.CAPath == "" {
		return nil // the system's
	}
	cfg.RootCAs = x509.NewCertPool()
	if c.CAFile != "" {
		if err := secrets.addRoots(cfg.RootCAs, c.CAFile); err != nil {
			return exit.Wrap(exit.Usage, c.named("cafile"), "", err)
		}
	}
	if c.CAPath == "" {
		return nil
	}
	entries, err := os.ReadDir(c.CAPath)
	if err != nil {
		return exit.Wrap(exit.Usage, c.named("capath"), "", err)
	}
	found := false
	for _, e := range entries {
		found = !e.IsDir() && secrets.addRoots(cfg.RootCAs, filepath.Join(c.CAPath, e.Name())) == nil || found
	}
	if !found {
		return usage(c.named("capath"), fmt.Sprintf("no file in %s holds a PEM certificate", c.CAPath))
	}
	return nil
}

func (s Secrets) addRoots(pool *x509.CertPool, file string) error {
	b, err := s.read(file)
	if err != nil {
		return err
	}
	if !pool.AppendCertsFromPEM(b) {
		return fmt.Errorf("%s holds no PEM certificate", file)
	}
	return nil
}
