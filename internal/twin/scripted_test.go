package twin_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// report is what a scripted device publishes.
type report struct {
	state string
	acks  string
	mute  bool // publish nothing
}

// device is a device that does what a test says. It follows the rules for devices: it ignores what is not newer than what it
// has applied.
type device struct {
	t       *testing.T
	base    string
	session *client.Session
	// answer says what to report for a desired document.
	answer func(doc gjson.Result) report
	// silentAboutRev leaves desired_rev and desired_id out.
	silentAboutRev bool

	mu      sync.Mutex
	applied uint64
	worked  int // documents that it has carried out
}

// mirror reports what is desired.
func mirror(doc gjson.Result) report { return report{state: doc.Get("state").Raw} }

// start connects the device and has it obey until the test ends.
func (d *device) start(t *testing.T, w *world) *device {
	t.Helper()
	d.t = t
	if d.base == "" {
		d.base = base
	}
	if d.answer == nil {
		d.answer = mirror
	}
	d.session = open(t, w.addr, client.Options{Will: &wire.Will{Topic: d.base + "/status", Payload: []byte("offline"), QoS: 1, Retain: true}})
	if _, err := d.session.Subscribe(t.Context(), nil, wire.Subscription{Filter: d.base + "/desired", QoS: 1}); err != nil {
		t.Fatal(err)
	}
	d.publish("/status", "online", true)
	var done sync.WaitGroup
	done.Go(d.obey)
	t.Cleanup(func() {
		d.session.Abandon()
		done.Wait()
	})
	return d
}

func (d *device) publish(level, payload string, retain bool) {
	d.t.Helper()
	if err := d.session.PublishAsync(d.t.Context(), message.Message{Topic: d.base + level, Payload: []byte(payload), QoS: 1, Retain: retain}, nil); err != nil {
		d.t.Log(err) // the end of the test
	}
}

// await waits until all that the device has published so far is acknowledged.
func (d *device) await() {
	d.t.Helper()
	if err := d.session.Drain(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) obey() {
	for {
		m, err := d.session.Recv(d.t.Context())
		if err != nil {
			return
		}
		d.session.AckReceived()
		doc := gjson.ParseBytes(m.Payload)
		rev := doc.Get("rev").Uint()
		d.mu.Lock()
		stale := rev <= d.applied && rev > 0
		if !stale {
			d.applied = rev
			d.worked++
		}
		d.mu.Unlock()
		if stale || len(m.Payload) == 0 {
			continue
		}
		if r := d.answer(doc); !r.mute {
			d.report(doc, r)
		}
	}
}

func (d *device) report(doc gjson.Result, r report) {
	out := map[string]any{"ts": time.Now().UnixMilli(), "state": json.RawMessage(r.state)}
	if !d.silentAboutRev {
		out["desired_rev"], out["desired_id"] = doc.Get("rev").Uint(), doc.Get("id").String()
	}
	if r.acks != "" {
		out["acks"] = json.RawMessage(r.acks)
	}
	payload, err := json.Marshal(out)
	if err != nil {
		d.t.Error(err)
		return
	}
	d.publish("/reported", string(payload), true)
}

// carriedOut is how many documents the device has carried out.
func (d *device) carriedOut() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.worked
}
