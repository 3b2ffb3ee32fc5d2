package twin_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/twin"
)

func TestWhereSelectsByDocumentsAndStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish("acme/lyon/cr-001/desired", `{"rev":7,"state":{"mode":"eco","net":{"port":1883}}}`)
	w.publish("acme/lyon/cr-001/reported", `{"state":{"fw":"2.0","mode":"normal","temp":21.0}}`)
	w.publish("acme/lyon/cr-001/status", "online")
	w.publish("acme/lyon/cr-002/reported", `{"fw":"2.2","temp":9007199254740993}`)
	w.publish("acme/lyon/cr-002/status", `{"status":"offline","session":"b"}`)
	w.publish("acme/lyon/cr-003/desired", `not a document`)
	w.publish("acme/lyon/cr-003/status", "hello")
	for text, want := range map[string]struct {
		devices []string
		failed  int
	}{
		`reported.fw < "2.1" && status == "online"`: {[]string{"cr-001"}, 1},
		`reported?.fw == "2.2"`:                     {[]string{"cr-002"}, 0},
		`status == "offline"`:                       {[]string{"cr-002"}, 0},
		`status == ""`:                              {[]string{"cr-003"}, 0},
		`desired.net.port == 1883 && rev >= 7`:      {[]string{"cr-001"}, 2},
		`desired.mode != reported.mode && rev > 0`:  {[]string{"cr-001"}, 0},
		`reported == nil`:                           {[]string{"cr-003"}, 0},
		`reported.temp == 21`:                       {[]string{"cr-001"}, 0},
		`reported.temp == 9007199254740993`:         {[]string{"cr-002"}, 0},
		`levels[1] == "lyon" && device != ""`:       {[]string{"cr-001", "cr-002", "cr-003"}, 0},
		`false`:                                     {nil, 0},
	} {
		other := w.another()
		condition, err := twin.NewWhere(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		other.options.Where = condition
		g := other.group("acme/lyon/+")
		var got []string
		for _, d := range g.Twins() {
			got = append(got, d.Device[len("acme/lyon/"):])
		}
		if diff := cmp.Diff(want.devices, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		n, why := condition.Failed()
		if n != want.failed || g.LeftOut() != 3-len(got) {
			t.Errorf("%s: %d failed (%v), %d left out", text, n, why, g.LeftOut())
		}
	}
	for _, text := range []string{"", "nothing == 1", "reported.fw <", "status"} {
		if _, err := twin.NewWhere(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestAnOfflineThatPublishesIsOnlineForWhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publish(base+"/status", "offline")
	w.options.Where = mustWhere(t, `status == "online"`)
	g := w.group()
	if g.LeftOut() != 1 {
		t.Fatal("an offline device is not left out")
	}
	changes := make(chan twin.Event, 10)
	watching := make(chan error, 1)
	go func() {
		watching <- g.Watch(t.Context(), time.Second, func(e twin.Event) error {
			changes <- e
			return context.Canceled
		})
	}()
	w.publish(base+"/reported", `{"mode":"eco"}`)
	w.publish(base+"/desired", `{"rev":1,"state":{"mode":"eco"}}`)
	select {
	case e := <-changes:
		if e.Device != base || e.Kind != twin.EventDesired {
			t.Errorf("got %+v", e)
		}
	case <-time.After(patience):
		t.Fatal("the device is still left out")
	}
	if err := <-watching; err == nil {
		t.Error("the watch did not end")
	}
}

func mustWhere(t *testing.T, text string) *twin.Where {
	t.Helper()
	where, err := twin.NewWhere(text)
	if err != nil {
		t.Fatal(err)
	}
	return where
}
