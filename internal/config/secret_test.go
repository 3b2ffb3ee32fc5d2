package config_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func TestMaskedHidesSecretsAndNothingElse(t *testing.T) {
	t.Parallel()
	const mask = "********"
	for _, tt := range []struct{ flag, value, want string }{
		{"password", "hunter2", mask},
		{"password", "", ""},
		{"password", "env:X", "env:X"},
		{"password", "cmd:pass show x", "cmd:pass show x"},
		{"username", "me", "me"},
		{"url", "mqtts://me:hunter2@host:1/t", "mqtts://me:" + mask + "@host:1/t"},
		{"url", "mqtts://me:hun@ter2@host", "mqtts://me:" + mask + "@host"},
		{"url", "mqtts://me@host", "mqtts://me@host"},
		{"url", "mqtts://me:@host", "mqtts://me:@host"},
		{"url", "mqtt://host/a:b@c", "mqtt://host/a:b@c"},
		{"host", "mqtt://me:hunter2@host", "mqtt://me:" + mask + "@host"},
		{"host", "10.0.0.1", "10.0.0.1"},
		{"proxy", "socks5h://me:hunter2@host", "socks5h://me:" + mask + "@host"},
		{"proxy", "me:hunter2@host", "me:" + mask + "@host"},
		{"ws-header", "Authorization: Bearer x", "Authorization: " + mask},
		{"ws-header", "X-Api-Key:x", "X-Api-Key:" + mask},
		{"ws-header", "Origin: https://x", "Origin: https://x"},
		{"user-property", "token=x", "token=" + mask},
		{"user-property", "site=x", "site=x"},
		{"property", "connect user-property token a b", "connect user-property token " + mask},
		{"property", "publish content-type text/plain", "publish content-type text/plain"},
		{"property", "x", "x"},
	} {
		if got := config.Masked(tt.flag, tt.value); got != tt.want {
			t.Errorf("%s %q: got %q, want %q", tt.flag, tt.value, got, tt.want)
		}
	}
}

func TestMistakesDoNotShowSecrets(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"contexts:\n  a:\n    pasword: hunter2\n",
		"contexts:\n  a:\n    Passwrd: 'hunter2'\n",
		"contexts:\n  a:\n    password: [hunter2]\n",
		"contexts:\n  a:\n    password: hunter2: x\n",
		"contexts:\n  a:\n    password: \"hunter2\n",
		"contexts: {a: {hots: x, password: hunter2}}\n",
		"contexts:\n  a:\n    ulr: mqtt://me:hunter2@host\n",
		"contexts:\n  a:\n    ulr: mqtt://me:a:b@hunter2@host\n",
		"contexts:\n  a:\n    user_propertie: [api-token=hunter2]\n",
		"password: hunter2\n",
	} {
		_, err := contextFile(t, text).Read()
		mistakes, ok := errors.AsType[*yamlfile.Error](err)
		if !ok {
			t.Errorf("%q: got %v", text, err)
			continue
		}
		if all := mistakes.Detail() + err.Error(); strings.Contains(all, "hunter2") {
			t.Errorf("%q: the secret is shown:\n%s", text, all)
		}
	}
	_, err := contextFile(t, "contexts:\n  a:\n    pasword: env:X\n").Read()
	if mistakes, ok := errors.AsType[*yamlfile.Error](err); !ok || !strings.Contains(mistakes.Detail(), "pasword: env:X") {
		t.Errorf("a reference is no secret: got %v", err)
	}
}

func TestRevealResolvesReferences(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"secret": "from file\n", "empty": "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := config.Secrets{
		Getenv: func(name string) string { return map[string]string{"SET": "from env"}[name] },
		Run: func(command string) (string, error) {
			return map[string]string{"good": "from command"}[command], map[string]error{"bad": errors.New("it ended with exit status 1")}[command]
		},
	}
	for value, want := range map[string]string{
		"plain": "plain", "": "", "a:b": "a:b", "env:SET": "from env", "file:" + filepath.Join(dir, "secret"): "from file", "cmd:good": "from command",
	} {
		if got, err := s.Reveal(value); got != want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", value, got, err, want)
		}
	}
	for value, want := range map[string]string{
		"env:UNSET":                           "env:UNSET: the variable is not set",
		"file:" + filepath.Join(dir, "no"):    "no such file",
		"file:" + filepath.Join(dir, "empty"): "the file is empty",
		"cmd:bad":                             "cmd:bad: it ended with exit status 1",
		"cmd:silent":                          "it printed nothing",
	} {
		if got, err := s.Reveal(value); err == nil || got != "" || !strings.Contains(err.Error(), want) && runtime.GOOS != "windows" {
			t.Errorf("%q: got %q, %v, want %q", value, got, err, want)
		}
	}
}

func TestShellReturnsWhatACommandPrints(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs a POSIX shell")
	}
	var stderr strings.Builder
	run := config.Shell(t.Context(), &stderr)
	if got, err := run("printf 'a\\nb\\n'; echo asked >&2; cat"); got != "a\nb" || err != nil || stderr.String() != "asked\n" {
		t.Errorf("got %q, %v, stderr %q", got, err, stderr.String())
	}
	if got, err := run("echo hunter2; exit 3"); got != "" || err == nil || err.Error() != "it ended with exit status 3" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := run("while :; do echo hunter2hunter2hunter2; done"); got != "" || err == nil || err.Error() != "it printed more than 65535 bytes" {
		t.Errorf("a command that prints for ever: got %d bytes, %v", len(got), err)
	}
	if got, err := run("echo a; sleep 60 &"); got != "a" || err != nil {
		t.Errorf("what a command leaves behind is not waited for: got %q, %v", got, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	if _, err := config.Shell(ctx, io.Discard)("sleep 60"); err == nil {
		t.Error("a command ran after the end")
	}
}

func TestSecretsOfAContextAreResolvedOnlyWhenNeeded(t *testing.T) {
	t.Parallel()
	asked := 0
	secrets := config.Secrets{Getenv: func(string) string { asked++; return "secret" }}
	c := config.Connection{
		Host: "h", Username: "env:U", Password: "env:P", Context: "prod",
		Given: map[string]config.Origin{"username": config.FromContext, "password": config.FromContext},
	}
	if r, err := c.Resolve(secrets); err != nil || *r.Options.Username != "secret" || string(r.Options.Password) != "secret" || asked != 2 {
		t.Errorf("got %+v, %v, asked %d times", r.Options, err, asked)
	}
	c.Given = map[string]config.Origin{"username": config.Flag, "password": config.Environment}
	if r, err := c.Resolve(secrets); err != nil || *r.Options.Username != "env:U" || string(r.Options.Password) != "env:P" || asked != 2 {
		t.Errorf("a flag is no reference: got %+v, %v, asked %d times", r.Options, err, asked)
	}
	c.Given = map[string]config.Origin{"password": config.FromContext}
	_, err := c.Resolve(config.Secrets{Getenv: func(string) string { return "" }})
	if err == nil || err.Error() != "context prod, password: env:P: the variable is not set" {
		t.Errorf("got %v", err)
	}
}
