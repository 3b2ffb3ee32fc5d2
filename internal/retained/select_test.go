package retained_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/topic"
)

func filters(t *testing.T, texts ...string) []topic.Filter {
	t.Helper()
	var all []topic.Filter
	for _, text := range texts {
		f, err := topic.ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

func TestSelectorPicksByTopicAndAge(t *testing.T) {
	t.Parallel()
	messages := state(
		`a/1 {"ts":"2026-01-02T11:59:59Z"}`, `a/2 {"ts":"2026-01-02T10:00:00Z"}`, "a/3 online", "b/1 x",
	)
	for _, tt := range []struct {
		name     string
		selector retained.Selector
		want     string
	}{
		{"all", retained.Selector{}, "a/1 a/2 a/3 b/1"},
		{"filters", retained.Selector{Filters: filters(t, "a/1", "b/#")}, "a/1 b/1"},
		{"exclude", retained.Selector{Filters: filters(t, "a/+"), Exclude: filters(t, "+/2", "b/#")}, "a/1 a/3"},
		{"old ones, and no unknown age", retained.Selector{OlderThan: time.Hour, Now: noon()}, "a/2"},
	} {
		var got []string
		for _, m := range messages {
			if tt.selector.Selects(m) {
				got = append(got, m.Topic)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, got, tt.want)
		}
	}
}

func TestLoadRestoresWhatIsRetainedAndGoesOnAfterBadLines(t *testing.T) {
	t.Parallel()
	const capture = `{"topic":"a/1","payload":{"v": 1.0},"encoding":"json","retain":true,"qos":1,"dup":true,"properties":{"message_expiry_interval":7}}

{"topic":"a/2","payload":"live","retain":false}
not a message
{"topic":"b/1","payload":"x","retain":true}
{"topic":"a/3","payload":"AP8=","encoding":"base64"}
{"topic":"a/#","payload":"x"}
`
	source := publish.NewJSON(strings.NewReader(capture), message.Message{Retain: true})
	load := retained.NewLoad(source, retained.Selector{Exclude: filters(t, "b/#")})
	var got, bad []string
	for {
		m, line, err := load.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if fault, ok := errors.AsType[*publish.LineError](err); ok {
			bad = append(bad, fault.Error())
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(rune('0'+line))+" "+string(message.AppendJSON(nil, m)))
	}
	want := []string{
		`1 {"topic":"a/1","qos":1,"retain":true,"dup":false,"payload":{"v": 1.0},"encoding":"json","properties":{"message_expiry_interval":7}}`,
		`6 {"topic":"a/3","qos":0,"retain":true,"dup":false,"payload":"AP8=","encoding":"base64"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(bad) != 2 || !strings.HasPrefix(bad[0], "line 4: ") || !strings.HasPrefix(bad[1], "line 7: ") {
		t.Errorf("bad lines: %q", bad)
	}
	if load.Live() != 1 || load.Skipped() != 1 {
		t.Errorf("got %d live and %d skipped, want 1 and 1", load.Live(), load.Skipped())
	}
}

func TestLoadStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	load := retained.NewLoad(endless{}, retained.Selector{})
	if _, _, err := load.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type endless struct{}

// Next returns why ctx has ended.
func (endless) Next(ctx context.Context) (message.Message, int, error) {
	return message.Message{}, 0, ctx.Err()
}
