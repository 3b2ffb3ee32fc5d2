package exit_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/mqx-cli/mqx/internal/exit"
)

func TestErrorSaysWhatWhereWhyAndNextOnOneLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{
			"all parts", exit.New(exit.Unreachable, "connect", "mqtt://host:1883", "connection refused").Hint("is a broker running there?"),
			"mqx: connect mqtt://host:1883: connection refused - is a broker running there?",
		},
		{"no next step", exit.Wrap(exit.Usage, "read", "a.txt", io.ErrUnexpectedEOF), "mqx: read a.txt: unexpected EOF"},
		{"only a sentence", exit.New(exit.Usage, "no topic", "", ""), "mqx: no topic"},
		{"a plain error", errors.New("plain"), "mqx: plain"},
		{"hostile text", exit.New(exit.Refused, "publish", "a\x1b[2J", "line\nbreak\u202e"), "mqx: publish a [2J: line break "},
		{"silent", &exit.SilentError{Code: exit.Partial}, ""},
		{"nothing", nil, ""},
		{"closed output", fmt.Errorf("write: %w", exit.ErrOutputClosed), ""},
	} {
		if got := exit.Line(tt.err); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestJSONCarriesTheCode(t *testing.T) {
	t.Parallel()
	got := exit.JSON(exit.New(exit.Refused, "subscribe", `"a/#"`, "not authorized"))
	if want := `{"error":"subscribe \"a/#\": not authorized","code":4}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := exit.JSON(nil); got != "" {
		t.Errorf("got %q for no error", got)
	}
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want exit.Code
	}{
		{"nil", nil, exit.OK},
		{"own", exit.New(exit.Timeout, "x", "", ""), exit.Timeout},
		{"wrapped", fmt.Errorf("run: %w", exit.New(exit.Conflict, "x", "", "")), exit.Conflict},
		{"the outermost decides", exit.Wrap(exit.Partial, "x", "", exit.New(exit.Refused, "y", "", "")), exit.Partial},
		{"silent", &exit.SilentError{Code: exit.Partial}, exit.Partial},
		{"closed pipe", fmt.Errorf("write: %w", exit.ErrOutputClosed), exit.OK},
		{"a broken connection is no closed output", fmt.Errorf("write: %w", syscall.EPIPE), exit.Negative},
		{"own code with a closed pipe inside", exit.Wrap(exit.Unreachable, "x", "", exit.ErrOutputClosed), exit.Unreachable},
		{"anything else", errors.New("x"), exit.Negative},
	} {
		if got := exit.CodeOf(tt.err); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestErrorUnwrapsToItsCause(t *testing.T) {
	t.Parallel()
	if !errors.Is(exit.Wrap(exit.Usage, "read", "f", io.EOF), io.EOF) {
		t.Error("the cause is lost")
	}
}

func TestTableIsCompleteAndAscending(t *testing.T) {
	t.Parallel()
	last := exit.Code(-1)
	for _, r := range exit.Table() {
		if r.Code <= last {
			t.Errorf("%d does not follow %d", r.Code, last)
		}
		last = r.Code
		if r.Meaning == "" || r.Examples == "" {
			t.Errorf("%d has no words", r.Code)
		}
		if got := r.Code.Meaning(); got != r.Meaning {
			t.Errorf("Meaning of %d: got %q, want %q", r.Code, got, r.Meaning)
		}
	}
	if got := len(exit.Table()); got != 13 {
		t.Errorf("got %d rows, want 13", got)
	}
	if got := exit.Code(77).Meaning(); got != "" {
		t.Errorf("an unknown code means %q", got)
	}
	if strings.Contains(exit.Terminated.Meaning(), "SIGINT") {
		t.Error("SIGTERM is called SIGINT")
	}
}
