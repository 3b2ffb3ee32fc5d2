//go:build unix

package hook_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/hook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is a writer for many.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write adds p.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) lines() []string { return strings.Fields(o.buf.String()) }

func run(t *testing.T, o hook.Options, events ...hook.Event) {
	t.Helper()
	r := hook.New(t.Context(), o)
	for _, e := range events {
		if err := r.Run(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	r.Close()
}

func TestACommandGetsVariablesAndInput(t *testing.T) {
	t.Parallel()
	var out output
	run(t, hook.Options{Command: `printf '%s:' "$A"; cat`, AtOnce: 1, Output: &out},
		hook.Event{Subject: "s", Env: []string{"A=x y\x00;$(exit 3)"}, Input: []byte("input")})
	if got := out.buf.String(); got != "x y;$(exit 3):input" {
		t.Errorf("got %q", got)
	}
}

func TestCommandsOfOneSubjectRunInOrder(t *testing.T) {
	t.Parallel()
	var out output
	var events []hook.Event
	for n := range 20 {
		for _, subject := range []string{"a", "b"} {
			events = append(events, hook.Event{Subject: subject, Env: []string{fmt.Sprintf("E=%s%02d", subject, n)}})
		}
	}
	run(t, hook.Options{Command: `echo $E`, AtOnce: 4, Output: &out}, events...)
	for _, subject := range []string{"a", "b"} {
		got := slices.DeleteFunc(out.lines(), func(s string) bool { return !strings.HasPrefix(s, subject) })
		if len(got) != 20 || !slices.IsSorted(got) {
			t.Errorf("%s: %v", subject, got)
		}
	}
}

func TestNoMoreCommandsRunThanMay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out output
	var events []hook.Event
	for n := range 12 {
		events = append(events, hook.Event{Subject: fmt.Sprint(n), Env: []string{"DIR=" + dir, fmt.Sprintf("N=%d", n)}})
	}
	run(t, hook.Options{Command: `touch $DIR/$N; ls $DIR | wc -l; rm $DIR/$N`, AtOnce: 3, Output: &out}, events...)
	for _, n := range out.lines() {
		if n > "3" {
			t.Errorf("%s at once", n)
		}
	}
	if len(out.lines()) != 12 {
		t.Errorf("%d have run", len(out.lines()))
	}
}

func TestAFailureIsTold(t *testing.T) {
	t.Parallel()
	var out output
	var told string
	run(t, hook.Options{Command: "exit 7", AtOnce: 1, Output: &out, Failed: func(e hook.Event, err error) { told = e.Subject + ": " + err.Error() }},
		hook.Event{Subject: "s"})
	if told != "s: it ended with status 7" {
		t.Errorf("told %q", told)
	}
}

func TestCommandsEndWhenEverythingEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	var out output
	r := hook.New(ctx, hook.Options{Command: `touch "$F"; exec sleep 100`, AtOnce: 1, Output: &out})
	for range 3 {
		if err := r.Run(t.Context(), hook.Event{Subject: "s", Env: []string{"F=" + started}}); err != nil {
			t.Fatal(err)
		}
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(started); err == nil {
			break
		}
		<-tick.C
	}
	cancel()
	r.Close()
}

func TestRunGivesUpWhenItCannotWait(t *testing.T) {
	t.Parallel()
	running, end := context.WithCancel(t.Context())
	var out output
	r := hook.New(running, hook.Options{Command: "exec sleep 100", AtOnce: 1, Output: &out})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var err error
	for n := 0; err == nil && n < 20_000; n++ {
		err = r.Run(ctx, hook.Event{Subject: "s"})
	}
	if err == nil {
		t.Error("twenty thousand events wait")
	}
	end()
	r.Close()
}
