package devca_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/devca"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func ensure(t *testing.T, dir string, now time.Time, hosts ...string) devca.Files {
	t.Helper()
	f, err := devca.Ensure(dir, hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestClientsThatTrustTheCATrustTheServer(t *testing.T) {
	now := time.Now()
	f := ensure(t, filepath.Join(t.TempDir(), "new", "folder"), now, "localhost", "127.0.0.1", "::1")
	if !f.NewCA {
		t.Error("the CA is not called new")
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(read(t, f.CA))) {
		t.Fatal("ca.crt has no certificate")
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "example.com", CurrentTime: now}); err == nil {
		t.Error("the certificate is good for any host")
	}
	for _, key := range []string{f.Key, filepath.Join(filepath.Dir(f.Key), "ca.key")} {
		if info, err := os.Stat(key); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", key, info.Mode(), err)
		}
	}
}

func TestWhatIsGoodIsKept(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	f := ensure(t, dir, now, "localhost")
	ca, cert := read(t, f.CA), read(t, f.Cert)
	if again := ensure(t, dir, now.Add(24*time.Hour), "localhost"); again.NewCA || read(t, f.Cert) != cert {
		t.Error("a day later there is another certificate")
	}
	ensure(t, dir, now, "localhost", "192.0.2.1")
	more := read(t, f.Cert)
	if more == cert {
		t.Error("the certificate is not for the new address")
	}
	ensure(t, dir, now.AddDate(0, 0, 390), "localhost")
	if read(t, f.Cert) == more {
		t.Error("a certificate that is about to end was kept")
	}
	if read(t, f.CA) != ca {
		t.Error("the CA has changed")
	}
	if err := os.WriteFile(f.Key, []byte("cut off"), 0o600); err != nil {
		t.Fatal(err)
	}
	ensure(t, dir, now, "localhost")
	if _, err := tls.LoadX509KeyPair(f.Cert, f.Key); err != nil {
		t.Errorf("after the key was damaged: %v", err)
	}
}

func TestDamagedCAIsNotReplaced(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	f := ensure(t, dir, now, "localhost")
	if _, err := devca.Ensure(dir, nil, now.AddDate(11, 0, 0)); err == nil || !strings.Contains(err.Error(), "ended on") {
		t.Errorf("after its end: %v", err)
	}
	for _, name := range []string{"ca.key", "ca.crt"} {
		file := filepath.Join(dir, name)
		whole := read(t, file)
		if err := os.WriteFile(file, []byte(whole[:len(whole)/2]), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := devca.Ensure(dir, nil, now); err == nil || !strings.Contains(err.Error(), "remove both") {
			t.Errorf("half of %s: %v", name, err)
		}
		if read(t, file) != whole[:len(whole)/2] {
			t.Errorf("%s was replaced", name)
		}
		if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ensure(t, dir, now, "localhost")
	if err := os.Remove(f.CA); err != nil {
		t.Fatal(err)
	}
	if _, err := devca.Ensure(dir, nil, now); err == nil {
		t.Error("half a CA was replaced")
	}
}
