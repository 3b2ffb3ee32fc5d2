package live_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/live"
)

// bubbletea's reader may hold an event at the end that nobody takes any more. There is one screen in the life of a program.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("charm.land/bubbletea/v2.(*Program).readLoop"))
}

// show shows a board with one device and presses keys. It returns what was drawn, and why it ended.
func show(t *testing.T, keys string, end func(cancel context.CancelCauseFunc, s *live.Screen[*live.Board])) (drawn string, err error) {
	t.Helper()
	b := newBoard()
	set(b, "acme/a", "online", 1)
	in, keyboard := io.Pipe()
	var out bytes.Buffer
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s := live.Show(ctx, b, in, &out)
	if _, err := io.WriteString(keyboard, keys); err != nil {
		t.Fatal(err)
	}
	end(cancel, s)
	select {
	case <-s.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
	_ = keyboard.Close()
	return out.String(), s.Err()
}

func TestAScreenEndsAsItIsTold(t *testing.T) {
	gone := errors.New("gone")
	for claim, test := range map[string]struct {
		keys string
		end  func(cancel context.CancelCauseFunc, s *live.Screen[*live.Board])
		want error
	}{
		"q ends it":                   {"q", func(context.CancelCauseFunc, *live.Screen[*live.Board]) {}, nil},
		"Ctrl-C interrupts it":        {"\x03", func(context.CancelCauseFunc, *live.Screen[*live.Board]) {}, live.ErrInterrupted},
		"Close ends it":               {"s", func(_ context.CancelCauseFunc, s *live.Screen[*live.Board]) { s.Close() }, nil},
		"the end of its context does": {"s", func(cancel context.CancelCauseFunc, _ *live.Screen[*live.Board]) { cancel(gone) }, gone},
	} {
		t.Run(claim, func(t *testing.T) {
			drawn, err := show(t, test.keys, test.end)
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if entered, left := strings.Count(drawn, "\x1b[?1049h"), strings.Count(drawn, "\x1b[?1049l"); entered != left {
				t.Errorf("it does not give the terminal back: %q", drawn)
			}
		})
	}
}
