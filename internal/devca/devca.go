// Package devca keeps a certificate authority for development in a folder, and a server certificate of it.
//
// [Ensure] makes what is missing and leaves alone what is still good, so that clients trust the folder's ca.crt once and
// for as long as it lives. It is no authority for anything that others rely on: its key lies beside it.
package devca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mqx-cli/mqx/internal/atomicfile"
)

const (
	caLife = 10 * 365 * 24 * time.Hour
	// serverLife is less than what strict clients accept at most, 398 days.
	serverLife = 397 * 24 * time.Hour
	// renewal is how long before its end the server certificate is replaced.
	renewal = 14 * 24 * time.Hour
)

// Files are what Ensure keeps in a folder.
type Files struct {
	CA   string // ca.crt: what clients are to trust, PEM
	Cert string // server.crt, with the CA's certificate behind it
	Key  string // server.key
	// NewCA says that the CA was made just now: clients must be told of it.
	NewCA bool
}

// Ensure makes sure that dir has a CA and a server certificate for hosts, names and addresses, that are good at the time
// now and for some days. A CA that cannot be read, or has ended, is an error: clients may trust it.
func Ensure(dir string, hosts []string, now time.Time) (Files, error) {
	f := Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return f, err
	}
	keyFile := filepath.Join(dir, "ca.key")
	ca, err := tls.LoadX509KeyPair(f.CA, keyFile)
	switch {
	case err == nil:
	case missing(f.CA) && missing(keyFile):
		f.NewCA = true
		if ca, err = authority(f.CA, keyFile, now); err != nil {
			return f, err
		}
	default:
		return f, fmt.Errorf("%s and ca.key do not make a certificate authority (remove both to have a new one): %w", f.CA, err)
	}
	if now.After(ca.Leaf.NotAfter) || !ca.Leaf.IsCA {
		return f, fmt.Errorf("%s ended on %s or is no certificate authority: remove it and ca.key to have a new one", f.CA,
			ca.Leaf.NotAfter.Format(time.DateOnly))
	}
	if good(f, ca.Leaf, hosts, now) {
		return f, nil
	}

	return f, server(f, ca, hosts, now)
}

func missing(file string) bool {
	_, err := os.Lstat(file)

	return errors.Is(err, fs.ErrNotExist)
}

// authority makes a CA.
func authority(certFile, keyFile string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "mqx development CA of " + host + ", " + now.Format(time.DateOnly)},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := sign(template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := writePair(keyFile, key, certFile, der); err != nil {
		return tls.Certificate{}, err
	}

	return tls.LoadX509KeyPair(certFile, keyFile)
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}

	return der, nil
}

// good reports whether the server certificate that is there will do.
func good(f Files, ca *x509.Certificate, hosts []string, now time.Time) bool {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return false
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now.Add(renewal)}); err != nil {
		return false
	}

	return !slices.ContainsFunc(hosts, func(h string) bool { return pair.Leaf.VerifyHostname(h) != nil })
}

// server makes a server certificate.
func server(f Files, ca tls.Certificate, hosts []string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	end := now.Add(serverLife)
	if end.After(ca.Leaf.NotAfter) {
		end = ca.Leaf.NotAfter
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "mqx broker"},
		NotBefore:   now.Add(-time.Hour),
		NotAfter:    end,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := sign(template, ca.Leaf, key.Public(), ca.PrivateKey)
	if err != nil {
		return err
	}

	return writePair(f.Key, key, f.Cert, der, ca.Certificate[0])
}

// writePair writes a key and then the certificates that belong to it.
func writePair(keyFile string, key *ecdsa.PrivateKey, certFile string, certs ...[]byte) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode a key: %w", err)
	}
	if err := atomicfile.Write(keyFile, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return err
	}
	var text []byte
	for _, c := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}

	return atomicfile.Write(certFile, 0o644, text)
}
