//go:build unix

package hook_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/hook"
)

func TestAnswerIsWhatTheCommandPrints(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line, want, err, stderr string
	}{
		{line: `cat; printf "$X"`, want: "in\x00\xffenv"},
		{line: "true"},
		{line: "printf half; echo why >&2; exit 3", want: "half", err: "it ended with status 3", stderr: "why\n"},
		{line: "printf 12345678901", err: "it printed too much: more than 10 bytes"},
		{line: "exec sleep 60", err: "it did not end in time"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			t.Parallel()
			patience := time.Minute
			if tt.err == "it did not end in time" {
				patience = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var stderr output
			got, err := hook.Answer(ctx, tt.line, hook.Event{Env: []string{"X=env"}, Input: []byte("in\x00\xff")}, &stderr, 10)
			if err == nil {
				err = errors.New("")
			}
			if string(got) != tt.want || err.Error() != tt.err || stderr.buf.String() != tt.stderr {
				t.Errorf("%q, error %q, stderr %q", got, err, stderr.buf.String())
			}
		})
	}
}
