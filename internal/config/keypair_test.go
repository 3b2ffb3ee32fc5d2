package config_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
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

func TestWhatIsNoKeyPairIsSaidOfItsFile(t *testing.T) {
	cert, keys := keyFiles(t)
	otherCert, _ := keyFiles(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ cert, key, want string }{
		{empty, keys["plain"], empty + " holds no PEM certificate"},
		{cert, empty, empty + " holds no PEM private key"},
		{keys["plain"], keys["plain"], keys["plain"] + " holds a key and no certificate"},
		{cert, cert, cert + " holds a certificate and no key"},
		{otherCert, keys["plain"], "the key in " + keys["plain"] + " is not that of the certificate in " + otherCert},
	} {
		c := config.Connection{Host: "h", Cert: tt.cert, Key: tt.key, Given: flags("cert", "key")}
		if _, err := c.Resolve(config.Secrets{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

// keyOfCamellia is an EC key that OpenSSL encrypted with PBES2 and Camellia, with the password "secret"; keyOfPBES1 with
// PKCS #12's SHA-1 and Triple DES, as old Java tools do; keyOfSHA512 with a hash that is known, but not to the library.
const (
	keyOfCamellia = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHuMFkGCSqGSIb3DQEFDTBMMCkGCSqGSIb3DQEFDDAcBAgR+kYB+m6jnQICCAAw
DAYIKoZIhvcNAgkFADAfBgsqgwiMmks9AQEBBAQQYWNpjgfnxmbmOUH3rbCxYgSB
kI21iuoHfcyKqo9NlXVDuETm36w63pglbwVP8Ao7iTm8LkK3B2T1bNtHClVsLDiV
1FgoGYTqxvQGS6MN6RW33mFZmigqpnlTEeDsPDK6JrLboxA3d6f7Lzk0PXz1y1Oe
vxSBcsXQB4PoCLq69tJ5eJuU48lU7gCNWihy2B+Dp1BYaNcAq8RIQ7IG1lrlDBqJ
Jw==
-----END ENCRYPTED PRIVATE KEY-----
`
	keyOfPBES1 = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGxMBwGCiqGSIb3DQEMAQMwDgQI8KVImB6kOloCAggABIGQnG5/X8fz8egsdFFI
bhfXoV5V3oxYHXxF9CL4HvM/3MidUN0zPYNRo4iz2KYqIRZRk5PrpqWIuMRktLRa
je7peqyF//HHXD3pgh4M+98mwQR6ii3JoEdZSxPOcqOnmLfodQ7m2PpbOIbMYmjv
1+eLRS4A6xm/Df8kvaKgKnZ7wclhhppi1btBEsF3N/1aj4j7
-----END ENCRYPTED PRIVATE KEY-----
`
	keyOfSHA512 = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjSwDh6FlUO/QICCAAw
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEASoEEBWmI7mBtWS1baTP55aEDK8EgZCk
5ZHhG3EjVLaPDBXGx8QlCiXc9VoU1Tq4zW8wwxd2H2YDMMD7OFPIoZcInke2/FO/
v2T3ZmDVcQb3IwU5eKuISs7jyecaGkDnuqqd88eZnJ6+ufhifeOWMmH25PTj+UTr
FB4UGYY/PesYA53O9JjEDkuq001jhlkSQwNXClsG2p9lYgX8JKFhFqOsISsSCPw=
-----END ENCRYPTED PRIVATE KEY-----
`
)

func TestAKeyOfAnUnknownCipherIsNotBlamedOnItsPassword(t *testing.T) {
	cert, _ := keyFiles(t)
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{keyOfCamellia, keyOfPBES1, keyOfSHA512} {
		key := filepath.Join(dir, "key")
		if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := config.Connection{Host: "h", Cert: cert, Key: key, KeyPasswordFile: password, Given: flags("cert", "key")}
		_, err := c.Resolve(config.Secrets{})
		if err == nil || !strings.Contains(err.Error(), "encrypted in a way that mqx does not know") || !strings.Contains(err.Error(), "openssl pkcs8 -topk8") {
			t.Errorf("got %v", err)
		}
	}
}

func TestTheCertificateIsShownAlsoToAServerThatNamesOtherAuthorities(t *testing.T) {
	cert, keys := keyFiles(t)
	otherCert, _ := keyFiles(t)
	c := config.Connection{Host: "h", Cert: cert, Key: keys["plain"], Insecure: true, Given: flags("cert", "key", "insecure")}
	r, err := c.Resolve(config.Secrets{})
	if err != nil {
		t.Fatal(err)
	}
	others := x509.NewCertPool()
	text, err := os.ReadFile(otherCert)
	if err != nil {
		t.Fatal(err)
	}
	if block, _ := pem.Decode(text); block != nil {
		text = bytes.Replace(block.Bytes, []byte("me"), []byte("it"), 2) // its name: nobody looks at the signature
	}
	other, err := x509.ParseCertificate(text)
	if err != nil {
		t.Fatal(err)
	}
	others.AddCert(other)
	here, there := net.Pipe()
	defer here.Close()
	server := tls.Server(there, &tls.Config{Certificates: r.Options.Target.TLS.Certificates, ClientAuth: tls.RequireAnyClientCert, ClientCAs: others})
	done := make(chan error, 1)
	go func() {
		done <- server.HandshakeContext(t.Context())
		_ = there.Close()
	}()
	client := tls.Client(here, r.Options.Target.TLS)
	_, readErr := client.Read(make([]byte, 1))
	if err := <-done; err != nil || len(server.ConnectionState().PeerCertificates) != 1 {
		t.Errorf("the server: %v, the client: %v", err, readErr)
	}
}
