package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestEnvNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ command, flag, want string }{
		{"", "host", "MQX_HOST"},
		{"", "max-packet-size", "MQX_MAX_PACKET_SIZE"},
		{"sub", "count", "MQX_SUB_COUNT"},
		{"retained ls", "older-than", "MQX_RETAINED_LS_OLDER_THAN"},
	} {
		if got := config.EnvName(tt.command, tt.flag); got != tt.want {
			t.Errorf("%s --%s: got %s, want %s", tt.command, tt.flag, got, tt.want)
		}
	}
}

func TestParseVersionTakesEveryCommonSpelling(t *testing.T) {
	t.Parallel()
	for want, words := range map[wire.Version]string{
		0: "auto AUTO", wire.V5: "5 v5 5.0 mqttv5 MQTTv5", wire.V311: "3.1.1 311 mqttv311 4", wire.V31: "3.1 31 mqttv31 3",
	} {
		for word := range strings.FieldsSeq(words) {
			if got, err := config.ParseVersion(word); err != nil || got != want {
				t.Errorf("%q: got %v, %v, want %v", word, got, err, want)
			}
		}
	}
	if _, err := config.ParseVersion("6"); err == nil {
		t.Error("6 was accepted")
	}
}

func FuzzParseURLNeverShowsThePassword(f *testing.F) {
	for _, s := range []string{"mqtt://u:hunter2@h:1/t", "mqtts://u:hunter2@[::1]", "x://u:hunter2@h", "mqtt://u:hunter2@h:x", "mqtt://u:hunter2%@h/%", ":hunter2@://", "mqtt://u:a/b:hunter2@h%", "unix://u:hunter2@/run/s", "unix:s%", "hunter2://:hunter2@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := config.ParseURL(s)
		switch {
		case err != nil:
			// A text that has the word elsewhere too, as the scheme say, shows no password.
			if strings.Contains(s, ":hunter2@") && strings.Count(s, "hunter2") == 1 && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: %v", s, err)
			}
		case (a.Host == "") == (a.Unix == ""), a.Port < 0 || a.Port > 65535:
			t.Errorf("%q: got %+v", s, a)
		}
	})
}

func TestResolveReadsTheFilesItNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	junk := write("junk.pem", "no certificate")
	given := func(flags ...string) map[string]config.Origin {
		m := map[string]config.Origin{}
		for _, f := range flags {
			m[f] = config.Flag
		}
		return m
	}
	for _, tt := range []struct {
		name string
		c    config.Connection
		want string
	}{
		{"a CA file without a certificate", config.Connection{CAFile: junk, Given: given("cafile")}, "--cafile: " + junk + " holds no PEM certificate"},
		{"a CA directory without one", config.Connection{CAPath: dir, Given: given("capath")}, "--capath: no file in " + dir},
		{"a key pair that is none", config.Connection{Cert: junk, Key: junk, Given: given("cert", "key")}, "--cert, --key: " + junk + " holds no PEM certificate"},
		{"a key log that cannot be written", config.Connection{TLSKeyLog: dir, Given: given("tls-keylog")}, "--tls-keylog: open " + dir},
		{"a Will Message file that is not there", config.Connection{WillTopic: "w", WillFile: dir + "/no", Given: given("will-topic", "will-file")}, "--will-file: open"},
		{
			"a Will Message that is too large",
			config.Connection{WillTopic: "w", WillPayload: strings.Repeat("x", 65536), Given: given("will-topic", "will-payload")},
			"will payload: 65536 bytes, and MQTT allows 65535",
		},
	} {
		tt.c.Host = "h"
		_, err := tt.c.Resolve(config.Secrets{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || exit.CodeOf(err) != exit.Usage {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestPromptIsAskedOnlyWhenWanted(t *testing.T) {
	t.Parallel()
	asked := 0
	prompt := func(string) (string, error) { asked++; return "typed", nil }
	c := config.Connection{Host: "h", Username: "u", PasswordPrompt: true, Given: map[string]config.Origin{"username": config.Flag, "password-prompt": config.Flag}}
	r, err := c.Resolve(config.Secrets{Prompt: prompt})
	if err != nil || string(r.Options.Password) != "typed" || asked != 1 {
		t.Errorf("got %q, %v, asked %d times", r.Options.Password, err, asked)
	}
	c = config.Connection{Host: "h"}
	if r, err = c.Resolve(config.Secrets{Prompt: prompt}); err != nil || r.Options.Password != nil || asked != 1 {
		t.Errorf("got %q, %v, asked %d times", r.Options.Password, err, asked)
	}
}
