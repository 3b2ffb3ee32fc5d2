//go:build unix

package interop_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// pageResult is what the web page says of its connection.
type pageResult struct {
	Name      string
	Connected bool
	Granted   []int
	Messages  []pageMessage
	Error     string
}

type pageMessage struct {
	Topic, Payload string
	QoS            int
}

// missing skips the test, unless MQX_REQUIRE_BROWSER asks for it.
func missing(t *testing.T, what, remedy string) {
	t.Helper()
	if os.Getenv("MQX_REQUIRE_BROWSER") != "" {
		t.Fatalf("%s is missing, and MQX_REQUIRE_BROWSER asks for it (%s)", what, remedy)
	}
	t.Skipf("%s is missing (%s)", what, remedy)
}

func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "Chromium", "on Debian: apt-get install chromium")
	return ""
}

// pages serves the web page with MQTT.js, and returns its address and what it reports.
func pages(t *testing.T) (string, <-chan pageResult) {
	t.Helper()
	dir := filepath.Join("testdata", "browser")
	library := filepath.Join(dir, "node_modules", "mqtt", "dist", "mqtt.min.js")
	if _, err := os.Stat(library); err != nil {
		missing(t, "MQTT.js", "npm ci --ignore-scripts in internal/interop/testdata/browser")
	}
	results := make(chan pageResult, 10)
	mux := http.NewServeMux()
	mux.HandleFunc("/page.html", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, filepath.Join(dir, "page.html")) })
	mux.HandleFunc("/mqtt.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, library) })
	mux.HandleFunc("/result", func(_ http.ResponseWriter, r *http.Request) {
		var result pageResult
		if err := json.NewDecoder(r.Body).Decode(&result); err != nil {
			result.Error = err.Error()
		}
		results <- result
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, results
}

// visit opens a page in a headless Chromium that takes the certificate authority in caFile, and no other one.
func visit(t *testing.T, caFile, address string) {
	t.Helper()
	text, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	start(t, nil, browser(t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--user-data-dir="+t.TempDir(), "--host-resolver-rules=MAP evil.example 127.0.0.1",
		"--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(key[:]), address)
}

// webListeners starts a broker for web pages, and returns the addresses of its WebSockets by their scheme.
func webListeners(t *testing.T, args ...string) (server, map[string]string) {
	t.Helper()
	s := startEmbedded(t, args...)
	var ready struct{ Listeners []string }
	if err := json.Unmarshal([]byte(s.stdout.String()), &ready); err != nil {
		t.Fatal(err)
	}
	listeners := make(map[string]string)
	for _, l := range ready.Listeners {
		scheme, _, _ := strings.Cut(l, "://")
		listeners[scheme] = l + "/mqtt"
	}
	return s, listeners
}

func TestInteropWebPagesSubscribeAndPublish(t *testing.T) {
	browser(t)
	origin, results := pages(t)
	elsewhere := strings.Replace(origin, "127.0.0.1", "evil.example", 1)
	dir := t.TempDir()
	users, tls := filepath.Join(dir, "users"), filepath.Join(dir, "tls")
	start(t, strings.NewReader("s3cret\n"), mqx(), "broker", "passwd", users, "page").mustWait(0)
	own, at := webListeners(t, "--users", users, "--ws-port", "0", "--wss-port", "0", "--tls-auto="+tls)
	open, openAt := webListeners(t, "--users", users, "--ws-port", "0", "--ws-origin", "evil.example:*")
	both := pageResult{
		Connected: true, Granted: []int{2, 2},
		Messages: []pageMessage{{"browser/echo", "Grüße, 世界", 2}, {"browser/in", "from a device", 1}},
	}
	for _, test := range []struct {
		pageVisit

		want pageResult
	}{
		{pageVisit{"MQTT 5", own, origin, at["ws"], "5", "s3cret"}, both},
		{pageVisit{"MQTT 3.1.1", own, origin, at["ws"], "4", "s3cret"}, both},
		{pageVisit{"TLS", own, origin, at["wss"], "5", "s3cret"}, both},
		{pageVisit{"wrong password", own, origin, at["ws"], "5", "guess"}, pageResult{Error: "Connection refused: Bad User Name or Password"}},
		{pageVisit{"page of another host", own, elsewhere, at["ws"], "5", "s3cret"}, pageResult{Error: "closed"}},
		{pageVisit{"page of a host that is let in", open, elsewhere, openAt["ws"], "5", "s3cret"}, both},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.want.Name = test.name
			got := test.run(t, filepath.Join(tls, "ca.crt"), results, test.want.Connected)
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// pageVisit is a page that connects to a broker.
type pageVisit struct {
	name                         string
	broker                       server
	origin, url, level, password string
}

// run opens the page, plays the device for one that gets in, and returns what the page reports.
func (v *pageVisit) run(t *testing.T, caFile string, results <-chan pageResult, getsIn bool) pageResult {
	t.Helper()
	mqxRun := func(command ...string) string {
		at := v.broker.at("-u", "page", "-P", "s3cret")
		return run(t, 0, mqx(), append(command, at...)...).stdout.String()
	}
	devices := startReady(t, append([]string{"sub", "-t", "browser/ready", "-C", "1"}, v.broker.at("-u", "page", "-P", "s3cret")...)...)
	query := url.Values{"name": {v.name}, "url": {v.url}, "level": {v.level}, "user": {"page"}, "password": {v.password}}
	visit(t, caFile, v.origin+"/page.html?"+query.Encode())
	if getsIn {
		eventually(t, "the page is ready", func() bool { return devices.stdout.String() == v.name+"\n" })
		mqxRun("pub", "-q", "1", "-t", "browser/in", "-m", "from a device")
		if large := mqxRun("retained", "get", "browser/large", "-N"); large != strings.Repeat(allBytes(), 391)[:100000] {
			t.Errorf("the large message has %d bytes and begins with %.20q", len(large), large)
		}
		mqxRun("retained", "clear", "browser/large", "--yes")
	}
	select {
	case result := <-results:
		slices.SortFunc(result.Messages, func(a, b pageMessage) int { return strings.Compare(a.Topic, b.Topic) })
		return result
	case <-time.After(2 * patience):
		t.Fatal("the page reports nothing")
		return pageResult{}
	}
}

// allBytes are the 256 bytes in their order.
func allBytes() string {
	var b [256]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}
