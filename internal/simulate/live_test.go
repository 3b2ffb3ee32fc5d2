package simulate_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"
	"go.uber.org/goleak"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	liveBase = "acme/lyon/pump-1"
	liveID   = "pump-1"
	// quick is how fast the time of live devices in tests goes.
	quick = 20
)

// liveWorld is a device on a broker, and somebody who watches.
type liveWorld struct {
	t       *testing.T
	server  *brokertest.Server
	watcher *client.Session
	live    *simulate.Live
	alive   uint16 // Keep Alive in seconds, long enough for a machine that stands still for some
	born    chan struct{}
	happens chan string
	done    chan error
}

func dialTo(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
}

// newLiveWorld has a device live: the one of these signals, or the first of a profile.
func newLiveWorld(t *testing.T, p *profile.Profile, plays func(*profile.Fault) bool) *liveWorld {
	t.Helper()
	w := &liveWorld{
		t: t, server: brokertest.Start(t), alive: 30, born: make(chan struct{}), happens: make(chan string, 1000), done: make(chan error, 1),
	}
	layout, err := p.Layout(contract.Default())
	if err != nil {
		t.Fatal(err)
	}
	w.watcher, err = client.Open(t.Context(), client.Options{Dial: dialTo(w.server.Addr)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.watcher.Abandon)
	if _, err := w.watcher.Subscribe(t.Context(), nil, wire.Subscription{Filter: "acme/#", QoS: 1, RetainHandling: 2}); err != nil {
		t.Fatal(err)
	}
	w.live = simulate.NewLive(simulate.NewRun(p, layout, time.Now(), plays), p.Find(layout, "", "")[0])
	w.live.Open = client.Open
	w.live.Born = func() error { close(w.born); return nil }
	w.live.Happened = func(what string) { w.happens <- what }
	return w
}

// lives has the device live until the test ends.
func (w *liveWorld) lives(v wire.Version) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	o := client.Options{
		Dial: dialTo(w.server.Addr), Version: v, ClientID: liveID, KeepAlive: w.alive, ConnectTimeout: 20 * time.Second,
		Retry: client.Retry{Reconnect: client.Forever, MaxWait: 100 * time.Millisecond},
	}
	go func() { w.done <- w.live.Run(ctx, o) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-w.done; !errors.Is(err, context.Canceled) {
			w.t.Errorf("it ended with %v", err)
		}
		if err := w.live.Leave(context.WithoutCancel(ctx)); err != nil {
			w.t.Errorf("it left with %v", err)
		}
	})
	select {
	case <-w.born:
	case err := <-w.done:
		w.done <- err
		w.t.Fatalf("it ended with %v", err)
	}
}

// next returns the next message on a topic below the device.
func (w *liveWorld) next(topic string) message.Message {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	for {
		m, err := w.watcher.Recv(ctx)
		if err != nil {
			w.t.Fatalf("nothing on %s: %v", topic, err)
		}
		w.watcher.AckReceived()
		if m.Topic == liveBase+"/"+topic {
			return m
		}
	}
}

// presence waits for the words of the presence messages that come next.
func (w *liveWorld) presence(words ...string) (sessions []string) {
	w.t.Helper()
	for i, want := range words {
		m := w.next("status")
		if got := string(m.Payload); got != want {
			w.t.Fatalf("presence message %d is %s, want %s", i+1, got, want)
		}
		if m.Properties != nil {
			for _, p := range m.Properties.UserProperties {
				if p.Key == "session" {
					sessions = append(sessions, p.Value)
				}
			}
		}
	}
	return sessions
}

// told waits until something has happened to the device.
func (w *liveWorld) told(text string) {
	w.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case what := <-w.happens:
			if strings.Contains(what, text) {
				return
			}
		case <-deadline:
			w.t.Fatalf("never told: %s", text)
		}
	}
}

func single(t *testing.T, signals ...string) *profile.Profile {
	t.Helper()
	p, err := profile.Single(map[string]string{"root": "acme", "site": "lyon", "device": liveID}, signals)
	if err != nil {
		t.Fatal(err)
	}
	p.Clock.Speed = quick
	return p
}

func TestALiveDeviceObeysAtOnce(t *testing.T) {
	t.Parallel()
	w := newLiveWorld(t, single(t, "door=closed@1h"), nil)
	w.lives(wire.V5)
	w.next("reported")
	for rev := 1; rev <= 3; rev++ {
		text := fmt.Sprintf(`{"rev":%d,"state":{"mode":"m%d"}}`, rev, rev)
		if err := w.watcher.Publish(t.Context(), message.Message{Topic: liveBase + "/desired", QoS: 1, Payload: []byte(text)}); err != nil {
			t.Fatal(err)
		}
		reported := w.next("reported").Payload
		if got := gjson.GetBytes(reported, "desired_rev").Int(); got != int64(rev) {
			t.Fatalf("it reports %s", reported)
		}
	}
	look := w.live.Look()
	if look.Status != "online" || look.Desired != 3 || look.Reported != 3 || len(look.Signals) != 1 || look.Signals[0].Value != "closed" {
		t.Errorf("it looks like %+v", look)
	}
}

func TestWhatAUserHasHappenToALiveDevice(t *testing.T) {
	t.Parallel()
	for _, v := range []wire.Version{wire.V5, wire.V311} {
		for claim, test := range map[string]func(w *liveWorld){
			"the network goes away and comes back": func(w *liveWorld) {
				w.live.Do(simulate.GoOffline)
				w.presence("offline")
				w.told("the network is away")
				if look := w.live.Look(); look.Status != "offline" || !slices.Equal(look.Faults, []string{"offline"}) {
					t.Errorf("it looks like %+v", look)
				}
				w.live.Do(simulate.GoOffline)
				w.presence("online")
			},
			"it crashes until it is started again": func(w *liveWorld) {
				w.live.Do(simulate.Crash)
				w.presence("offline")
				w.told("crashed")
				if look := w.live.Look(); look.Status != "crashed" {
					t.Errorf("it looks like %+v", look)
				}
				w.live.Do(simulate.Crash)
				w.presence("online")
			},
			"it reboots by itself": func(w *liveWorld) {
				w.live.Do(simulate.Reboot)
				w.presence("offline", "online")
			},
			"a second client takes over, and the device comes back": func(w *liveWorld) {
				w.live.Do(simulate.Duplicate)
				w.presence("offline", "online")
				w.server.Wait(3, func(e broker.Event) bool { return e.Kind == broker.ClientConnected && e.ClientID == liveID })
			},
		} {
			t.Run(fmt.Sprintf("%s/%s", v, claim), func(t *testing.T) {
				t.Parallel()
				w := newLiveWorld(t, single(t, "temp=1@1h"), nil)
				w.lives(v)
				w.presence("online")
				test(w)
				w.told("connected, session")
			})
		}
	}
}

func TestTheSessionsOfALiveDeviceCanBeToldApart(t *testing.T) {
	t.Parallel()
	w := newLiveWorld(t, single(t, "temp=1@1h"), nil)
	w.lives(wire.V5)
	sessions := w.presence("online")
	w.live.Do(simulate.GoOffline)
	sessions = append(sessions, w.presence("offline")...)
	w.told("the network is away")
	w.live.Do(simulate.GoOffline)
	sessions = append(sessions, w.presence("online")...)
	w.live.Do(simulate.Reboot)
	sessions = append(sessions, w.presence("offline", "online")...)
	boots := make([]string, len(sessions))
	for i, s := range sessions {
		boots[i], _, _ = strings.Cut(s, "/")
	}
	if len(sessions) != 5 || sessions[0] != sessions[1] || sessions[1] == sessions[2] || sessions[2] != sessions[3] || boots[0] != boots[2] ||
		boots[3] == boots[4] {
		t.Errorf("the sessions are %q", sessions)
	}
}

func TestTheClockOfALiveDeviceIsTurned(t *testing.T) {
	t.Parallel()
	w := newLiveWorld(t, single(t, "temp=1@10s"), nil)
	w.lives(wire.V5)
	off := func() time.Duration {
		t.Helper()
		ts := gjson.GetBytes(w.next("telemetry/temp").Payload, "ts").Int()
		return time.Since(time.Unix(ts, 0))
	}
	// Simulated time runs ahead, so that only what is minutes apart counts.
	if d := off(); d > time.Minute {
		t.Fatalf("its clock is %s behind", d)
	}
	for _, test := range []struct {
		told     string
		min, max time.Duration
	}{
		{"7 min behind", time.Minute, 24 * time.Hour},
		{"1970", 365 * 24 * time.Hour, 1<<63 - 1},
		{"the clock is right", -time.Hour, time.Minute},
	} {
		w.live.Do(simulate.TurnClock)
		w.told(test.told)
		d := off()
		for n := 0; n < 50 && (d < test.min || d > test.max); n++ {
			d = off() // some may have been on their way
		}
		if d < test.min || d > test.max {
			t.Errorf("%s: its clock is %s behind", test.told, d)
		}
	}
}

// faultyFleet has a fault happen to its only device.
const faultyFleet = `version: mqx/sim/v1
name: faulty
clock: {speed: 1x}
topics: {root: acme}
fleet: [{use: pump, site: lyon, id: "pump-{n}"}]
devices:
  pump:
    telemetry:
      temp: {every: 100ms, schema: temp.v1, unit: Cel, value: {counter: {step: 1}}}
faults:
  - {name: wrong, at: 500ms, for: FOR, do: FAULT}
`

func TestTheFaultsOfAProfileHappenToALiveDevice(t *testing.T) {
	t.Parallel()
	for fault, test := range map[string]struct {
		length string
		want   []string
	}{
		"offline":              {"300ms", []string{"online", "offline", "online"}},
		"crash":                {"300ms", []string{"online", "offline", "online"}},
		"graceful":             {"300ms", []string{"online", "offline", "online"}},
		"disconnect_with_will": {"300ms", []string{"online", "offline", "online"}},
		"new_client_id":        {"300ms", []string{"online", "online"}},
		"blackhole":            {"8s", []string{"online", "offline", "online"}}, // Keep Alive is 3 s
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			text := strings.NewReplacer("FAULT", fault, "FOR", test.length).Replace(faultyFleet)
			p, err := profile.Parse("faulty.sim.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			w := newLiveWorld(t, p, simulate.Plays)
			if fault == "blackhole" {
				w.alive = 3
			}
			w.lives(wire.V5)
			w.presence(test.want...)
			w.next("telemetry/temp")
			w.told("fault begins: wrong")
		})
	}
}

func TestALiveDeviceSendsCopiesAndDelays(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("FAULT", "duplicate", "FOR", "1h", "at: 500ms", "at: 0s").Replace(faultyFleet) +
		"  - {name: slow, at: 0s, for: 1h, do: latency, delay: 50ms}\n"
	p, err := profile.Parse("faulty.sim.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	w := newLiveWorld(t, p, simulate.Plays)
	w.lives(wire.V5)
	for n := range 3 {
		for range 2 {
			if got := gjson.GetBytes(w.next("telemetry/temp").Payload, "v").Int(); got != int64(n) {
				t.Fatalf("measurement %d is %d", n, got)
			}
		}
	}
}
