package config_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
)

// flags are the origins of flags that were given on the command line.
func flags(names ...string) map[string]config.Origin {
	m := map[string]config.Origin{}
	for _, name := range names {
		m[name] = config.Flag
	}
	return m
}

func TestURLsTakeZonesAndQueries(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Address{
		"mqtt://[fe80::1%25eth0]:1":          {Host: "fe80::1%eth0", Port: 1},
		"mqtt://[fe80::1%eth0]:1/t":          {Host: "fe80::1%eth0", Port: 1, Topic: "t"},
		"ws://h?token=1":                     {Host: "h", WebSocket: true, Path: "?token=1"},
		"ws://h:1/p?a=/b@c":                  {Host: "h", Port: 1, WebSocket: true, Path: "/p?a=/b@c"},
		"wss://h/":                           {Host: "h", TLS: true, WebSocket: true, Path: "/"},
		"mqtt://h/a?b#":                      {Host: "h", Topic: "a?b#"},
		"mqtt://h//a":                        {Host: "h", Topic: "/a"},
		"unix://%2Frun%2Fs":                  {Unix: "/run/s"},
		"unix://@abstract":                   {Unix: "@abstract"},
		"mqtts://[2001:db8::1]":              {Host: "2001:db8::1", TLS: true},
		"mqtt://[::ffff:192.0.2.1]:1883/%23": {Host: "::ffff:192.0.2.1", Port: 1883, Topic: "#"},
	} {
		if got, err := config.ParseURL(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"mqtt://[fe80::1%eth0", "mqtt://h?x", "mqtt://h#x", "mqtt://u:p#w@h", "ws://u:p?w@h", "mqtt://h:65536", "mqtt://h:x"} {
		if got, err := config.ParseURL(text); err == nil {
			t.Errorf("%s: got %+v", text, got)
		}
	}
}

func TestAQueryAloneIsOneOfTheDefaultPath(t *testing.T) {
	t.Parallel()
	c := config.Connection{URL: "ws://h?token=1", Given: flags("url")}
	r, err := c.Resolve(config.Secrets{})
	if err != nil || r.Options.Target.WebSocket.Path != "/mqtt?token=1" {
		t.Errorf("got %+v, %v", r.Options.Target.WebSocket, err)
	}
}

func TestWhatCannotBeAConnectionIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		c    config.Connection
		want string
	}{
		{config.Connection{Given: flags("unix")}, "--unix: it is empty"},
		{config.Connection{WSHeader: []string{"Sec-WebSocket-Protocol: x"}}, "--ws-header: Sec-WebSocket-Protocol is set by mqx itself"},
		{config.Connection{WSHeader: []string{"upgrade: h2c"}}, "--ws-header: upgrade is set by mqx itself"},
		{config.Connection{ALPN: []string{strings.Repeat("x", 256)}, Given: flags("alpn")}, "--alpn: each name has from 1 to 255 bytes"},
		{config.Connection{Proxy: "http://h:65536", Given: flags("proxy")}, "--proxy: the proxy's port is not from 1 to 65535"},
		{config.Connection{Proxy: "socks5h://h:0", Given: flags("proxy")}, "--proxy: the proxy's port is not from 1 to 65535"},
		{config.Connection{Proxy: "socks5h://" + strings.Repeat("u", 256) + ":p@h", Given: flags("proxy")}, "--proxy: a SOCKS proxy takes a user name"},
		{config.Connection{Proxy: "socks5h://:p@h", Given: flags("proxy")}, "--proxy: a SOCKS proxy takes a user name"},
	} {
		tt.c.Host = "h"
		_, err := tt.c.Resolve(config.Secrets{})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || exit.CodeOf(err) != exit.Usage {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

func TestAProxyOfTheEnvironmentThatCannotBeReadIsNotPassedOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		host, proxy string
		refused     bool
	}{
		{"broker.example", "http://u:hunter2%zz@proxy", true},
		{"broker.example", "http://proxy:port", true},
		{"localhost", "http://u:hunter2%zz@proxy", false}, // which it is not for
		{"broker.example", "proxy:3128", false},
	} {
		c := config.Connection{Host: tt.host, Environ: func(name string) string {
			if name == "ALL_PROXY" {
				return tt.proxy
			}
			return ""
		}}
		_, err := c.Resolve(config.Secrets{})
		if (err != nil) != tt.refused || err != nil && (strings.Contains(err.Error(), "hunter2") || exit.CodeOf(err) != exit.Usage) {
			t.Errorf("%s for %s: got %v", tt.proxy, tt.host, err)
		}
	}
}

func TestTheZoneOfBindIsKept(t *testing.T) {
	t.Parallel()
	c := config.Connection{Host: "h", Bind: "fe80::1%eth0", Given: flags("bind")}
	r, err := c.Resolve(config.Secrets{})
	if err != nil || r.Options.Target.Bind != "fe80::1%eth0" {
		t.Errorf("got %q, %v", r.Options.Target.Bind, err)
	}
	if got := net.ParseIP(r.Options.Target.Bind); got != nil {
		t.Errorf("that is %v", got)
	}
}

func TestAKeyLogThatOthersCanReadIsWarnedAbout(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes mean something else there")
	}
	file := filepath.Join(t.TempDir(), "keys")
	warnings := func() []string {
		c := config.Connection{Host: "h", TLSKeyLog: file, Given: flags("tls-keylog")}
		r, err := c.Resolve(config.Secrets{})
		if err != nil {
			t.Fatal(err)
		}
		return r.Warnings
	}
	if w := warnings(); len(w) != 0 {
		t.Errorf("a new one: %q", w)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a new one has mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if w := warnings(); len(w) != 1 || !strings.Contains(w[0], "0644") || !strings.Contains(w[0], file) {
		t.Errorf("one that others can read: %q", w)
	}
}
