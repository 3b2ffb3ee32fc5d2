package broker_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

// sysNames are the topics that Mosquitto 2.0 publishes below $SYS/broker and that have a meaning here.
func sysNames() []string {
	names := []string{
		"version", "uptime", "clients/total", "clients/maximum", "clients/connected", "clients/active", "clients/disconnected",
		"clients/inactive", "clients/expired", "subscriptions/count", "shared_subscriptions/count", "retained messages/count",
		"messages/stored", "store/messages/count", "store/messages/bytes", "messages/received", "messages/sent",
		"publish/messages/received", "publish/messages/sent", "publish/messages/dropped", "publish/bytes/received",
		"publish/bytes/sent", "bytes/received", "bytes/sent", "heap/current", "heap/maximum",
	}
	for _, load := range []string{
		"messages/received", "messages/sent", "publish/dropped", "publish/received", "publish/sent", "bytes/received",
		"bytes/sent", "sockets", "connections",
	} {
		for _, minutes := range []string{"1min", "5min", "15min"} {
			names = append(names, "load/"+load+"/"+minutes)
		}
	}

	return names
}

// sys reads $SYS.
func (c *raw) sys() map[string]string {
	c.t.Helper()
	c.sub("$SYS/broker/#", 0)
	got := make(map[string]string)
	for range sysNames() {
		p := c.receive()
		got[strings.TrimPrefix(p.Topic, "$SYS/broker/")] = string(p.Payload)
	}

	return got
}

func TestSysHasTheTopicsOfMosquitto(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{SysInterval: time.Hour, Version: "1.2.3"})
	waitForSys(t, s)
	got := connected(t, s, wire.V5, "c").sys()
	if want := slices.Sorted(slices.Values(sysNames())); !slices.Equal(slices.Sorted(maps.Keys(got)), want) {
		t.Errorf("got %v, want %v", slices.Sorted(maps.Keys(got)), want)
	}
	if got["version"] != "mqx version 1.2.3" || got["uptime"] != "0 seconds" {
		t.Errorf("version %q, uptime %q", got["version"], got["uptime"])
	}
}

// waitForSys waits until $SYS has been published completely for the first time.
func waitForSys(tb testing.TB, s *brokertest.Server) {
	tb.Helper()
	c := connected(tb, s, wire.V5, "waiter")
	c.sub("$SYS/broker/load/connections/15min", 0)
	c.receive()
	c.drop()
}

func TestSysCountsWhatHappens(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{SysInterval: 50 * time.Millisecond, MaxQueuedMessages: 200})
	pub, sub := connected(t, s, wire.V5, "pub"), lasting(t, s, "sub", false)
	sub.sub("a", 1)
	sub.sub("$share/g/b", 1)
	sub.drop()
	s.WaitDisconnected("sub")
	for range 202 {
		pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: text("123")})
	}
	pub.publish(&wire.Publish{Topic: "kept", QoS: 1, Retain: true, Payload: text("x")})
	want := map[string]string{
		"clients/total": "3", "clients/connected": "2", "clients/disconnected": "1", "clients/maximum": "2",
		"subscriptions/count": "3", "shared_subscriptions/count": "1", "retained messages/count": "1", "messages/stored": "201",
		"publish/messages/received": "203", "publish/bytes/received": "607", "publish/messages/dropped": "2",
	}
	watch := connected(t, s, wire.V5, "watch")
	watch.sub("$SYS/broker/#", 0)
	got := make(map[string]string)
	// What happens in a minute is published after the numbers that it comes from.
	rates := []string{"load/publish/received/1min", "load/connections/15min", "bytes/sent", "heap/current"}
	for deadline := time.Now().Add(patience); !includes(got, want) || !positive(got, rates); {
		if time.Now().After(deadline) {
			t.Fatalf("got %v, want %v", got, want)
		}
		p := watch.receive()
		got[strings.TrimPrefix(p.Topic, "$SYS/broker/")] = string(p.Payload)
	}
}

// positive reports whether all of these are numbers above zero.
func positive(got map[string]string, names []string) bool {
	for _, name := range names {
		if n, err := strconv.ParseFloat(got[name], 64); err != nil || n <= 0 {
			return false
		}
	}

	return true
}

func includes(got, want map[string]string) bool {
	for k, v := range want {
		if got[k] != v {
			return false
		}
	}

	return true
}

func TestSysDoesNotFillQueuesNorTheStore(t *testing.T) {
	t.Parallel()
	j := &journal{}
	s := brokertest.Start(t, broker.Config{SysInterval: 5 * time.Millisecond, Store: j})
	waitForSys(t, s)
	c := lasting(t, s, "c", false)
	c.sub("$SYS/#", 2)
	c.drop()
	s.WaitDisconnected("c")
	waitForSys(t, s)
	state, err := j.crash().Load()
	if err != nil || len(state.Retained) != 0 {
		t.Errorf("got %+v, %v", state, err)
	}
	if st := s.Broker.Stats(); st.Retained != 0 || st.MessagesDropped != 0 {
		t.Errorf("got %+v", st)
	}
}
