package output_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
)

func TestABlockedWriteIsGivenUpWhenTheProgramIsToEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		defer r.Close()
		ended := make(chan struct{})
		y := output.NewYielding(w, ended)
		result := make(chan error)
		go func() {
			_, err := io.WriteString(y, "a")
			result <- err
		}()
		synctest.Wait()
		select {
		case err := <-result:
			t.Fatalf("the write ended before the program was to end: %v", err)
		default:
		}
		close(ended)
		if err := <-result; err == nil {
			t.Error("a write that never ended was successful")
		}
		if n, err := io.WriteString(y, "b"); n != 0 || err == nil {
			t.Errorf("a write after that: %d, %v", n, err)
		}
	})
}

func TestAWriteThatEndsIsNotGivenUp(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	close(ended)
	var b bytes.Buffer
	y := output.NewYielding(&b, ended)
	for _, s := range []string{"a", strings.Repeat("x", 2<<20), "b"} {
		if n, err := io.WriteString(y, s); n != len(s) || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
	}
	if want := "a" + strings.Repeat("x", 2<<20) + "b"; b.String() != want {
		t.Errorf("got %d bytes, want %d", b.Len(), len(want))
	}
}

func TestAWriteToAClosedPipeIsAQuietEnd(t *testing.T) {
	t.Parallel()
	y := output.NewYielding(&failing{err: syscall.EPIPE}, nil)
	if _, err := io.WriteString(y, "a"); exit.CodeOf(err) != exit.OK {
		t.Errorf("status %d: %v", exit.CodeOf(err), err)
	}
	y = output.NewYielding(&failing{err: syscall.ENOSPC}, nil)
	if _, err := io.WriteString(y, "a"); exit.CodeOf(err) != exit.Usage {
		t.Errorf("status %d: %v", exit.CodeOf(err), err)
	}
}

// failing fails once.
type failing struct {
	err error
	bytes.Buffer
}

func (f *failing) Write(p []byte) (int, error) {
	if err := f.err; err != nil {
		f.err = nil
		return 0, err
	}
	return f.Buffer.Write(p)
}

func TestAFailedFlushIsFinal(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left")
	w := &failing{err: full}
	p := output.NewMessages(output.Streams{Out: w}, output.MessageOptions{})
	if _, err := p.Message(message.Message{Topic: "a", Payload: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // whoever asks again must not take the lost messages for written
		if err := p.Flush(); !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
	}
	if w.Len() > 0 {
		t.Errorf("%q was written", w.String())
	}
}
