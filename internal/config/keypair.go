package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/youmark/pkcs8"

	"github.com/mqx-cli/mqx/internal/exit"
)

// errProxyURL shows nothing of the URL, which may hold a password.
var (
	errProxyURL    = errors.New("a URL like socks5h://host:1080 or http://host:8080 is expected")
	errKeyPassword = errors.New("the key is encrypted, and the password does not open it")
	errKeyCipher   = errors.New("the key is encrypted in a way that mqx does not know")
)

// loadKeyPair loads the client's certificate. The password of an encrypted key is in a file, or is asked for.
func (c *Connection) loadKeyPair(cfg *tls.Config, secrets Secrets) error {
	if c.Cert == "" && c.Key == "" {
		return nil
	}
	if c.Cert == "" || c.Key == "" {
		return exit.Wrap(exit.Usage, "--cert, --key", "", errors.New("both are needed"))
	}
	cert, err := secrets.read(c.Cert)
	if err != nil {
		return exit.Wrap(exit.Usage, c.named("cert"), "", err)
	}
	key, err := secrets.read(c.Key)
	if err != nil {
		return exit.Wrap(exit.Usage, c.named("key"), "", err)
	}
	if key, err = c.openKey(key, secrets); err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return exit.Wrap(exit.Usage, c.named("cert")+", "+c.named("key"), "", c.keyPairError(err))
	}
	cfg.Certificates = []tls.Certificate{pair}
	// Package tls would keep it back when the server names other authorities than its issuer, an intermediate one for
	// example. The server may know better, and if not, it says why.
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return nil
}

// keyPairError puts into words why a certificate and a key are no pair.
func (c *Connection) keyPairError(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "PEM inputs may have been switched"):
		return fmt.Errorf("%s holds a key and no certificate: have the two been mixed up?", c.Cert)
	case strings.Contains(text, "in certificate input"):
		return fmt.Errorf("%s holds no PEM certificate", c.Cert)
	case strings.Contains(text, "found a certificate rather than a key"):
		return fmt.Errorf("%s holds a certificate and no key: have the two been mixed up?", c.Key)
	case strings.Contains(text, "in key input"), strings.Contains(text, "PEM block with type ending"):
		return fmt.Errorf("%s holds no PEM private key", c.Key)
	case strings.Contains(text, "does not match public key"):
		return fmt.Errorf("the key in %s is not that of the certificate in %s", c.Key, c.Cert)
	default:
		return errors.New(strings.TrimPrefix(text, "tls: "))
	}
}

// openKey returns the key in PEM without encryption.
func (c *Connection) openKey(text []byte, secrets Secrets) ([]byte, error) {
	block, _ := pem.Decode(text)
	for rest := text; block != nil && !isKey(block); {
		block, rest = pem.Decode(rest) // parameters of an elliptic curve may stand before the key
	}
	if block == nil || !isEncrypted(block) {
		return text, nil
	}
	var password string
	var err error
	if c.KeyPasswordFile != "" {
		if password, err = secrets.readSecret(c.KeyPasswordFile); err != nil {
			return nil, exit.Wrap(exit.Usage, c.named("key-password-file"), "", err)
		}
	} else if password, err = secrets.Prompt("Password of " + c.Key + ": "); err != nil {
		return nil, exit.Wrap(exit.Usage, c.named("key"), "", fmt.Errorf("the key is encrypted: %w", err)).
			Hint("give a file with its password by --key-password-file")
	}
	der, err := decrypt(block, password)
	switch {
	case errors.Is(err, errKeyCipher):
		return nil, exit.Wrap(exit.Usage, c.named("key"), "", err).
			Hint("write it anew: openssl pkcs8 -topk8 -v2 aes256 -in " + c.Key + " -out NEW")
	case err != nil:
		return nil, exit.Wrap(exit.Usage, c.named("key"), "", err)
	}
	return pem.EncodeToMemory(der), nil
}

func isKey(b *pem.Block) bool { return len(b.Type) >= 11 && b.Type[len(b.Type)-11:] == "PRIVATE KEY" }

func isEncrypted(b *pem.Block) bool {
	return b.Type == "ENCRYPTED PRIVATE KEY" || b.Headers["DEK-Info"] != ""
}

// decrypt opens both forms that OpenSSL writes: PKCS #8 (RFC 5958), and the one before it.
func decrypt(b *pem.Block, password string) (*pem.Block, error) {
	if b.Type != "ENCRYPTED PRIVATE KEY" {
		der, err := x509.DecryptPEMBlock(b, []byte(password)) //nolint:staticcheck // old keys are still in use
		switch {
		case errors.Is(err, x509.IncorrectPasswordError), err == nil && !isDER(der):
			return nil, errKeyPassword // one wrong password in 256 seems to fit
		case err != nil:
			return nil, fmt.Errorf("%w (%s)", errKeyCipher, strings.TrimPrefix(err.Error(), "x509: "))
		}
		return &pem.Block{Type: b.Type, Bytes: der}, nil
	}
	if password == "" {
		return nil, errKeyPassword // the library would take the key for one that is not encrypted
	}
	key, err := pkcs8.ParsePKCS8PrivateKey(b.Bytes, []byte(password))
	if text := fmt.Sprint(err); strings.Contains(text, "supported") || strings.Contains(text, "invalid") { // the library has no error values
		return nil, fmt.Errorf("%w (%s)", errKeyCipher, strings.TrimPrefix(text, "pkcs8: "))
	}
	if err != nil {
		return nil, errKeyPassword
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("a kind of key that TLS does not know: %w", err)
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, nil
}

// isDER reports whether b begins with a SEQUENCE that fills it, as each kind of key does.
func isDER(b []byte) bool {
	var key asn1.RawValue
	rest, err := asn1.Unmarshal(b, &key)
	return err == nil && len(rest) == 0 && key.Tag == asn1.TagSequence
}
