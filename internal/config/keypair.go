package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/youmark/pkcs8"

	"github.com/mqx-cli/mqx/internal/exit"
)

// errProxyURL shows nothing of the URL, which may hold a password.
var (
	errProxyURL    = errors.New("a URL like socks5h://host:1080 or http://host:8080 is expected")
	errKeyPassword = errors.New("the key is encrypted, and the password does not open it")
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
		return exit.Wrap(exit.Usage, c.named("cert")+", "+c.named("key"), "", err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return nil
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
	if err != nil {
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
		if err != nil {
			return nil, errKeyPassword
		}
		return &pem.Block{Type: b.Type, Bytes: der}, nil
	}
	key, err := pkcs8.ParsePKCS8PrivateKey(b.Bytes, []byte(password))
	if err != nil {
		return nil, errKeyPassword
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("a kind of key that TLS does not know: %w", err)
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: der}, nil
}
