package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Secrets are where secrets come from that are not written down.
type Secrets struct {
	// Prompt asks for --password-prompt.
	Prompt Prompt
	// Getenv looks env:NAME up.
	Getenv func(name string) string
	// Run returns what the command of cmd:COMMAND prints.
	Run func(command string) (string, error)
	// ReadFile reads the files that flags name, with secrets and without. Default: [os.ReadFile].
	ReadFile func(name string) ([]byte, error)
}

func (s Secrets) read(name string) ([]byte, error) {
	if s.ReadFile == nil {
		return os.ReadFile(name)
	}
	return s.ReadFile(name)
}

// Prompt asks the user for a secret.
type Prompt func(question string) (string, error)

// reference takes env:NAME, file:PATH and cmd:COMMAND apart.
func reference(value string) (kind, what string, ok bool) {
	kind, what, ok = strings.Cut(value, ":")
	return kind, what, ok && slices.Contains([]string{"env", "file", "cmd"}, kind)
}

// IsReference reports whether a context would take a value for a reference to a secret.
func IsReference(value string) bool {
	_, _, ok := reference(value)
	return ok
}

// mayRefer tells the flags whose value in a context may be a reference.
func mayRefer(flag string) bool { return flag == "password" || flag == "username" }

// Reveal returns what a value of a context means: that which a reference refers to, or else the value itself. An error
// never shows a secret.
func (s Secrets) Reveal(value string) (string, error) {
	kind, what, ok := reference(value)
	if !ok {
		return value, nil
	}
	switch kind {
	case "env":
		if secret := s.Getenv(what); secret != "" {
			return secret, nil
		}
		return "", fmt.Errorf("env:%s: the variable is not set", what)
	case "file":
		secret, err := s.readSecret(what)
		if err == nil && secret == "" {
			err = errors.New("the file is empty")
		}
		if err != nil {
			return "", fmt.Errorf("file: %w", err)
		}
		return secret, nil
	default:
		secret, err := s.Run(what)
		if err == nil && secret == "" {
			err = errors.New("it printed nothing")
		}
		if err != nil {
			return "", fmt.Errorf("cmd:%s: %w", what, err)
		}
		return secret, nil
	}
}

// Shell returns a function that runs a command in the system's shell and returns what it prints on standard output,
// without the line feed at its end. The command reads nothing, and its standard error is stderr. It ends with ctx.
func Shell(ctx context.Context, stderr io.Writer) func(command string) (string, error) {
	return func(command string) (string, error) {
		shell, option := "sh", "-c"
		if runtime.GOOS == "windows" {
			shell, option = "cmd", "/c"
		}
		cmd := exec.CommandContext(ctx, shell, option, command) //nolint:gosec // G204: the user wrote it down to be run
		cmd.Stderr = stderr
		cmd.WaitDelay = time.Second // what it has started may keep its output open
		out, err := cmd.Output()
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			if cause := context.Cause(ctx); cause != nil {
				return "", cause
			}
			return "", fmt.Errorf("it ended with %s", strings.TrimSpace(failed.String()))
		}
		if err != nil {
			return "", err
		}
		return withoutLineFeed(string(out)), nil
	}
}

// withoutLineFeed takes the end of a line off.
func withoutLineFeed(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r") }

// mask stands for a secret.
const mask = "********"

// IsSecret reports whether a secret stands in s: in plain text, not by reference.
func (s Setting) IsSecret() bool {
	return slices.ContainsFunc(s.Values, func(v string) bool { return Masked(s.Flag, v) != v })
}

// Masked returns the value of a flag with the secret in it, if there is one, replaced by asterisks.
func Masked(flag, value string) string {
	_, _, refers := reference(value)
	switch flag {
	case "password":
		if refers || value == "" {
			return value
		}
		return mask
	case "url", "host", "proxy":
		return maskedURL(value)
	case "ws-header":
		return maskedPair(value, ":")
	case "user-property":
		return maskedPair(value, "=")
	case "property": // COMMAND user-property KEY VALUE
		words := strings.SplitN(value, " ", 3)
		if len(words) < 3 {
			return value
		}
		return words[0] + " " + words[1] + " " + maskedPair(words[2], " ")
	default:
		return value
	}
}

// maskedURL hides the password of a URL, also where it is no good URL.
func maskedURL(value string) string {
	start := 0
	if _, rest, ok := strings.Cut(value, "://"); ok {
		start = len(value) - len(rest)
	}
	authority, _, _ := strings.Cut(value[start:], "/")
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return value
	}
	user, password, ok := strings.Cut(authority[:at], ":")
	if !ok || password == "" {
		return value
	}
	return value[:start] + user + ":" + mask + value[start+at:]
}

// maskedPair hides the value of a name that sounds like a secret: Authorization, api-key, token.
func maskedPair(pair, separator string) string {
	name, value, ok := strings.Cut(pair, separator)
	if !ok || strings.TrimSpace(value) == "" {
		return pair
	}
	if !soundsSecret(name) {
		return pair
	}
	space := value[:len(value)-len(strings.TrimLeft(value, " "))]
	return name + separator + space + mask
}

// soundsSecret reports whether something with this name is better not shown.
func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"auth", "cookie", "token", "key", "secret", "pass", "pasw", "pwd"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}

// maskedLine hides what may be a secret in a line of YAML, whether it is well formed or not: what comes after a name that
// sounds like one, and the password of a URL.
func maskedLine(line string) string {
	for start := 0; ; {
		i := strings.IndexAny(line[start:], ":=")
		if i < 0 {
			break
		}
		i += start
		name := line[strings.LastIndexAny(line[:i], " \t{[,")+1 : i]
		if rest := strings.TrimSpace(line[i+1:]); soundsSecret(name) && rest != "" && !IsReference(rest) {
			return line[:i+1] + " " + mask
		}
		start = i + 1
	}
	if _, rest, ok := strings.Cut(line, "://"); ok {
		if at := strings.LastIndexByte(rest, '@'); at >= 0 && strings.Contains(rest[:at], ":") {
			user, _, _ := strings.Cut(rest, ":")
			return line[:len(line)-len(rest)] + user + ":" + mask + rest[at:]
		}
	}
	return line
}
