package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

// telemetryPeriod is how often a device reports its temperature.
const telemetryPeriod = 200 * time.Millisecond

// device is a small device of the guide: birth and Will Message, telemetry, commands with dedupe, desired state.
type device struct {
	base    string // acme/site-1/device-1
	session *client.Session
	stop    context.CancelFunc
	done    sync.WaitGroup

	executed map[string]bool // ids of the commands that were carried out
}

// switchOn connects a device. Its Will Message says offline for it if it dies.
func switchOn(ctx context.Context, open Opener, base string) (*device, error) {
	s, err := open(ctx, client.Options{
		ClientID: "demo-" + path.Base(base),
		Will:     &wire.Will{Topic: base + "/status", Payload: []byte("offline"), QoS: 1, Retain: true},
	})
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(ctx)
	d := &device{base: base, session: s, stop: stop, executed: map[string]bool{}}
	if err := d.begin(ctx); err != nil {
		stop()
		s.Abandon()
		return nil, fmt.Errorf("%s: %w", base, err)
	}
	d.done.Go(func() { d.measure(run) })
	d.done.Go(func() { d.obey(run) })
	return d, nil
}

// begin subscribes to what the device obeys, then publishes its birth: whoever sees it online can talk to it.
func (d *device) begin(ctx context.Context) error {
	_, err := d.session.Subscribe(ctx, nil,
		wire.Subscription{Filter: d.base + "/desired", QoS: 1}, wire.Subscription{Filter: d.base + "/cmd", QoS: 1})
	if err != nil {
		return err
	}
	return d.session.Publish(ctx, message.Message{Topic: d.base + "/status", Payload: []byte("online"), QoS: 1, Retain: true})
}

// measure publishes telemetry until ctx ends.
func (d *device) measure(ctx context.Context) {
	ticker := time.NewTicker(telemetryPeriod)
	defer ticker.Stop()
	for n := 0; ; n++ {
		reading := fmt.Appendf(nil, `{"v":%.1f,"ts":%d,"unit":"C","schema":"temp.v1"}`,
			21+3*math.Sin(float64(n)/5), time.Now().Unix())
		// QoS 0: a reading that is lost is followed by the next; a lost connection ends the device in obey.
		_ = d.session.PublishAsync(ctx, message.Message{Topic: d.base + "/telemetry/temp", Payload: reading}, nil)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// obey carries out commands and desired states until the connection or ctx ends.
func (d *device) obey(ctx context.Context) {
	for {
		m, err := d.session.Recv(ctx)
		if err != nil {
			return
		}
		switch m.Topic {
		case d.base + "/cmd":
			d.command(ctx, m.Payload)
		case d.base + "/desired":
			d.converge(ctx, m.Payload)
		}
		d.session.AckReceived()
	}
}

// command carries a command out once, however often it comes, and answers each time.
func (d *device) command(ctx context.Context, payload []byte) {
	id := gjson.GetBytes(payload, "id").String()
	result := "done"
	if d.executed[id] {
		result = "duplicate"
	}
	d.executed[id] = true
	d.publish(ctx, "/cmd/res", map[string]any{"id": id, "result": result, "ts": time.Now().Unix()}, false)
}

// converge takes over a desired state and reports it, with the revision that it comes from.
func (d *device) converge(ctx context.Context, payload []byte) {
	doc := gjson.ParseBytes(payload)
	d.publish(ctx, "/reported", map[string]any{
		"schema": "reported.v1", "ts": time.Now().Unix(),
		"desired_rev": doc.Get("rev").Int(), "desired_id": doc.Get("id").String(),
		"state": json.RawMessage(doc.Get("state").Raw),
	}, true)
}

func (d *device) publish(ctx context.Context, level string, doc map[string]any, retain bool) {
	payload, err := json.Marshal(doc)
	if err != nil {
		return // not from these values
	}
	// Asynchronous: this is the goroutine that receives. A lost connection shows there.
	_ = d.session.PublishAsync(ctx, message.Message{Topic: d.base + level, Payload: payload, QoS: 1, Retain: retain}, nil)
}

// switchOff says goodbye as the guide asks: a clean disconnect discards the Will Message, so the device says offline.
func (d *device) switchOff(ctx context.Context) error {
	err := d.session.Publish(ctx, message.Message{Topic: d.base + "/status", Payload: []byte("offline"), QoS: 1, Retain: true})
	d.stop()
	d.done.Wait()
	return errors.Join(err, d.session.Close(ctx))
}

// crash drops the connection without a word.
func (d *device) crash() {
	d.stop()
	d.session.Abandon()
	d.done.Wait()
}
