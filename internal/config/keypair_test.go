package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/youmark/pkcs8"

	"github.com/mqx-cli/mqx/internal/config"
)

// keyFiles writes a certificate and its key in the forms that openssl writes. The password is "secret".
func keyFiles(t *testing.T) (cert string, keys map[string]string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "me"}, NotAfter: time.Now().Add(time.Hour)}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	old, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := pkcs8.MarshalPrivateKey(key, []byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	oldSealed, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", old, []byte("secret"), x509.PEMCipherAES256) //nolint:staticcheck // old keys are still in use
	if err != nil {
		t.Fatal(err)
	}
	curve := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}})
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certDER})), map[string]string{
		"plain":         write("plain", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain})),
		"old":           write("old", append(curve, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: old})...)),
		"encrypted":     write("encrypted", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: sealed})),
		"old encrypted": write("old-encrypted", append(curve, pem.EncodeToMemory(oldSealed)...)),
	}
}

func TestKeysAreOpenedWithTheirPassword(t *testing.T) {
	cert, keys := keyFiles(t)
	right, wrong := filepath.Join(t.TempDir(), "right"), filepath.Join(t.TempDir(), "wrong")
	for file, text := range map[string]string{right: "secret\n", wrong: "guess\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	resolve := func(key, passwordFile string, prompt config.Prompt) error {
		c := config.Connection{Host: "h", Cert: cert, Key: key, KeyPasswordFile: passwordFile, Given: map[string]config.Origin{"cert": config.Flag}}
		r, err := c.Resolve(config.Secrets{Prompt: prompt})
		if err == nil && len(r.Options.Target.TLS.Certificates) != 1 {
			t.Error("no certificate")
		}
		return err
	}
	unasked := func(string) (string, error) { return "", errors.New("no terminal") }
	for name, key := range keys {
		encrypted := strings.Contains(name, "encrypted")
		if err := resolve(key, right, unasked); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := resolve(key, "", func(string) (string, error) { return "secret", nil }); err != nil {
			t.Errorf("%s, asked: %v", name, err)
		}
		if err := resolve(key, wrong, unasked); (err != nil) != encrypted || encrypted && !strings.Contains(err.Error(), "the password does not open it") {
			t.Errorf("%s, wrong password: %v", name, err)
		}
		if err := resolve(key, "", unasked); (err != nil) != encrypted || encrypted && !strings.Contains(err.Error(), "--key-password-file") {
			t.Errorf("%s, no password: %v", name, err)
		}
	}
}
