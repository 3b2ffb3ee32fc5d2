package retained_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/wire"
)

// slow is a Server that acknowledges the sentinel after a while.
type slow struct {
	*fake

	version wire.Version
	acks    time.Duration
	code    wire.ReasonCode
}

func (s *slow) Caps() client.Caps { return client.Caps{Version: s.version} }

func (s *slow) PublishAsync(ctx context.Context, m message.Message, done func(client.Result)) error {
	go func() {
		if s.sleep(s.acks) {
			done(client.Result{Code: s.code})
		}
	}()
	return s.fake.PublishAsync(ctx, m, func(client.Result) {})
}

// A Server that has acknowledged the sentinel, or has not yet, sends it: a pause in front of it is no end.
func TestASlowServerIsWaitedForWhenTheSentinelIsOnItsWay(t *testing.T) {
	all := []string{"a", "b", "c"}
	for _, tt := range []struct {
		name   string
		change func(*slow)
		want   retained.Evidence
		got    []string
	}{
		{"it pauses", func(s *slow) { s.gap = 4 * time.Second }, retained.Sentinel, all},
		{"it acknowledges late", func(s *slow) { s.gap, s.acks = 4*time.Second, 11500*time.Millisecond }, retained.Sentinel, all},
		{"it acknowledges late below MQTT 5", func(s *slow) { s.version, s.acks, s.gap = wire.V311, 11500*time.Millisecond, 4*time.Second }, retained.Sentinel, all},
		{"it never acknowledges", func(s *slow) { s.acks, s.swallow = time.Hour, true }, retained.Barrier, all},
		{"it drops the sentinel", func(s *slow) { s.swallow = true }, retained.Barrier, all},
		{"nobody has subscribed to it", func(s *slow) { s.code, s.gap = wire.NoMatchingSubscribers, 4*time.Second }, retained.Barrier, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &slow{fake: newFake(all...), version: wire.V5}
			defer close(f.stop)
			tt.change(f)
			s := &sink{}
			got, err := retained.Collect(t.Context(), f, s, retained.Options{Subscriptions: []wire.Subscription{{Filter: "#"}}})
			if err != nil || got != tt.want {
				t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
			}
			if diff := cmp.Diff(tt.got, s.got); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
		})
	}
}
