package output_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
)

func retainedMessages() []message.Message {
	return []message.Message{
		{Topic: "plant/b", Payload: []byte("online"), QoS: 1, Retain: true},
		{Topic: "plant", Payload: []byte(`{"v":1,"ts":1000}`), QoS: 2, Retain: true},
		{Topic: "plant/a/\u202ex", Payload: []byte("\x1b[31m\xff" + strings.Repeat("y", 1200)), Retain: true},
		{Topic: "plant-c", Payload: []byte(`{"ts":9000}`), Retain: true},
	}
}

func list(t *testing.T, tty bool, o output.ListingOptions, messages []message.Message) string {
	t.Helper()
	var out bytes.Buffer
	o.Now = time.Unix(10_000, 0)
	l := output.NewListing(output.Streams{Out: &out, OutTTY: tty, NoColor: true}, o)
	for _, m := range messages {
		if enough, err := l.Message(m); enough || err != nil {
			t.Fatalf("got %v, %v", enough, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestListingForms(t *testing.T) {
	t.Parallel()
	long := `\x1b[31m\xff` + strings.Repeat("y", 48) + "…"
	for _, tt := range []struct {
		name string
		tty  bool
		o    output.ListingOptions
		want string
	}{
		{"in a pipe", false, output.ListingOptions{}, "plant/b\t6\t1\t-\tonline\n" + "plant\t17\t2\t9000\t{\"v\":1,\"ts\":1000}\n" +
			"plant/a/\\u202ex\t1206\t0\t-\t\\x1b[31m\\xff" + strings.Repeat("y", 1200) + "\n" + "plant-c\t11\t0\t1000\t{\"ts\":9000}\n"},
		{"on a terminal", true, output.ListingOptions{}, "TOPIC              SIZE  QOS  AGE  PAYLOAD\n" +
			"plant/b             6 B    1    -  online\n" +
			"plant              17 B    2   2h  {\"v\":1,\"ts\":1000}\n" +
			"plant/a/\\u202ex  1.2 kB    0    -  " + long + "\n" +
			"plant-c            11 B    0  16m  {\"ts\":9000}\n"},
		{"as a tree", true, output.ListingOptions{Tree: true}, "plant  17 B  QoS 2  2h  {\"v\":1,\"ts\":1000}\n" +
			"├─ a\n│  └─ \\u202ex  1.2 kB  QoS 0  -  " + long + "\n" + "└─ b  6 B  QoS 1  -  online\n" +
			"plant-c  11 B  QoS 0  16m  {\"ts\":9000}\n"},
	} {
		if diff := cmp.Diff(tt.want, list(t, tt.tty, tt.o, retainedMessages())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestListingSorts(t *testing.T) {
	t.Parallel()
	for by, want := range map[string]string{
		"topic": "plant plant/a/\\u202ex plant/b plant-c",
		"size":  "plant/a/\\u202ex plant plant-c plant/b",
		"age":   "plant plant-c plant/a/\\u202ex plant/b",
	} {
		var got []string
		for line := range strings.Lines(list(t, false, output.ListingOptions{Sort: by}, retainedMessages())) {
			name, _, _ := strings.Cut(line, "\t")
			got = append(got, name)
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("by %s: %s", by, diff)
		}
		if lines := strings.Count(list(t, true, output.ListingOptions{Sort: by, JSON: true}, retainedMessages()), "\n"); lines != 4 {
			t.Errorf("by %s as JSON: %d lines", by, lines)
		}
	}
}

func TestListingAsJSONIsTheMessageAndHarmlessOnATerminal(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"", "size"} {
		o := output.ListingOptions{JSON: true, Sort: by}
		m := retainedMessages()[2:3]
		if got, want := list(t, false, o, m), string(message.AppendJSON(nil, m[0]))+"\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := list(t, true, o, m); strings.ContainsAny(got, "\u202e\x1b") || !strings.Contains(got, `\u202e`) {
			t.Errorf("on a terminal: %q", got)
		}
	}
}

func TestListingOnATerminalStreamsOnceItsColumnsAreSettled(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := output.NewListing(output.Streams{Out: &out, OutTTY: true, NoColor: true}, output.ListingOptions{})
	for i := range 3000 {
		_, _ = l.Message(message.Message{Topic: fmt.Sprintf("plant/%d", i), Payload: []byte("x")})
		if i == 500 && l.Buffered() != 0 || i == 1500 && l.Buffered() == 0 {
			t.Errorf("after %d rows %d bytes wait", i+1, l.Buffered())
		}
	}
	if err := l.Close(); err != nil || strings.Count(out.String(), "\n") != 3001 || strings.Count(out.String(), "TOPIC") != 1 {
		t.Errorf("got %d lines, %v", strings.Count(out.String(), "\n"), err)
	}
}

func TestListingSaysThatNobodyReadsAnyMore(t *testing.T) {
	t.Parallel()
	l := output.NewListing(output.Streams{Out: brokenPipe{}}, output.ListingOptions{})
	_, _ = l.Message(message.Message{Topic: "a", Payload: []byte("x")})
	if err := l.Close(); !errors.Is(err, exit.ErrOutputClosed) {
		t.Errorf("got %v", err)
	}
	lines := output.NewLines(output.Streams{Out: brokenPipe{}})
	lines.Text("x\n")
	if err := lines.Flush(); !errors.Is(err, exit.ErrOutputClosed) {
		t.Errorf("got %v", err)
	}
}

func TestLinesOnATerminalAreHarmless(t *testing.T) {
	t.Parallel()
	for tty, want := range map[bool]string{
		false: "styled\na\\nb\n{\"topic\":\"\u202e\"}\n", true: "styled\na\\nb\n{\"topic\":\"\\u202e\"}\n",
	} {
		var out bytes.Buffer
		l := output.NewLines(output.Streams{Out: &out, OutTTY: tty})
		l.Text("styled\n")
		l.Escaped("a\nb")
		l.JSON([]byte("{\"topic\":\"\u202e\"}"))
		if l.Buffered() != len(want) {
			t.Errorf("%d bytes wait, want %d", l.Buffered(), len(want))
		}
		if err := l.Flush(); err != nil || out.String() != want {
			t.Errorf("got %q, %v, want %q", out.String(), err, want)
		}
	}
}

func TestChangesAreLinesOrMessages(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	m := message.Message{Topic: "a", Payload: []byte("on\n"), Retain: true, Time: at}
	for asJSON, want := range map[bool]string{
		false: "12:00:00.000 set       a on\\n\n",
		true:  `{"change":"set",` + string(message.AppendJSON(nil, m)[1:]) + "\n",
	} {
		var out bytes.Buffer
		c := output.NewChanges(output.Streams{Out: &out}, output.ColorAuto, asJSON)
		c.Change("set", m)
		if err := c.Flush(); err != nil || out.String() != want {
			t.Errorf("got %q, %v, want %q", out.String(), err, want)
		}
	}
}

func TestProgressIsForTerminalsAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for _, tty := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			p := output.NewProgress(output.Streams{Err: &out, ErrTTY: tty})
			p.Update("cleared", 1, 100) // too soon
			<-time.After(100 * time.Millisecond)
			p.Update("cleared", 50, 100)
			p.Update("cleared", 51, 100) // too soon
			<-time.After(100 * time.Millisecond)
			p.Update("loaded", 7, 0)
			p.Done()
			want := ""
			if tty {
				want = "\rcleared 50 of 100 (50 %)\x1b[K\rloaded 7\x1b[K\r\x1b[K"
			}
			if out.String() != want {
				t.Errorf("terminal %t: got %q, want %q", tty, out.String(), want)
			}
		})
	}
}

func TestMarksStyleOnlyWhereWanted(t *testing.T) {
	t.Parallel()
	if m := output.NewMarks(output.Streams{}, output.ColorAuto); m.Good != nil || m.Bad != nil {
		t.Error("text in a pipe is styled")
	}
	if m := output.NewMarks(output.Streams{}, output.ColorAlways); !strings.Contains(m.Bad("x"), "\x1b[31m") {
		t.Errorf("got %q", m.Bad("x"))
	}
}

// brokenPipe is a pipe that nobody reads any more.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }
