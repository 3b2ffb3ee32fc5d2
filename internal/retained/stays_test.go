package retained_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestCollectGivesItsSentinelBackWhenTheSessionStays(t *testing.T) {
	for _, stays := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			k := keeping(3, 0)
			evidence, err := retained.Collect(t.Context(), k, retained.SinkFunc(func(message.Message) error { return nil }), retained.Options{
				Subscriptions: []wire.Subscription{{Filter: "plant/#"}}, Stays: stays,
			})
			if err != nil || evidence != retained.Sentinel {
				t.Fatalf("got %q, %v", evidence, err)
			}
			synctest.Wait()
			want := 2
			if stays {
				want = 1
			}
			if _, there := k.sub["plant/#"]; !there || len(k.sub) != want {
				t.Errorf("stays %v: subscribed to %v", stays, k.sub)
			}
		})
	}
}

func TestAssertThatLooksAgainLeavesNoSentinelsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keeping(3, 0)
		x, err := retained.NewExpectation(retained.Spec{Topic: "plant/none", Exists: true, Within: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		outcomes, _, err := retained.Assert(t.Context(), k, []*retained.Expectation{x}, retained.ListOptions{})
		if err != nil || k.passes < 3 || outcomes[0].Verdict == retained.Held {
			t.Fatalf("%d looks, %v, %v", k.passes, outcomes, err)
		}
		synctest.Wait()
		for filter := range k.sub {
			if filter != "plant/none" {
				t.Errorf("still subscribed to %s", filter)
			}
		}
	})
}
