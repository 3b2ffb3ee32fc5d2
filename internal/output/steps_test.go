package output_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/mqx-cli/mqx/internal/output"
)

func TestStepsAreToldToPeopleAndPrograms(t *testing.T) {
	tests := map[string]struct {
		tty, json bool
		want      string
	}{
		"pipe":     {false, false, "✓ it works\n    a\\x1b = 1\n"},
		"terminal": {true, false, "\x1b[32m✓ \x1b[m" + "it works\n    \x1b[2ma\\x1b = 1\x1b[m\n"},
		"JSON":     {true, true, `{"step":"it works","evidence":"a\u001b = 1","ok":true}` + "\n"},
	}
	for name, tt := range tests {
		var out bytes.Buffer
		s := output.NewSteps(output.Streams{Out: &out, OutTTY: tt.tty}, output.ColorAuto, tt.json)
		if err := s.Step("it works", "a\x1b = 1"); err != nil || out.String() != tt.want {
			t.Errorf("%s: got %q, %v, want %q", name, out.String(), err, tt.want)
		}
	}
}

type broken struct{ error }

func (b broken) Write([]byte) (int, error) { return 0, b.error }

func TestStepsReportAFailedWrite(t *testing.T) {
	full := errors.New("disk full")
	s := output.NewSteps(output.Streams{Out: broken{full}}, output.ColorNever, false)
	if err := s.Step("a", "b"); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}
