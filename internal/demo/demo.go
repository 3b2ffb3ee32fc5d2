// Package demo plays the whole guide once: devices with birth and Will Message, telemetry, retained status for a late
// subscriber, a command that is not carried out twice, a desired state that a device converges to, and a crash.
//
// [Run] is the one call. Each step counts only when its effect was observed over MQTT.
package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
)

// fleet is how many devices there are.
const fleet = 3

// stepTimeout bounds the wait for what a step must show.
const stepTimeout = 5 * time.Second

// Opener connects to the Server of the demo. It fills in the address.
type Opener func(context.Context, client.Options) (*client.Session, error)

// Step is one thing that was shown.
type Step struct {
	// Title says what happens, Evidence what was observed.
	Title, Evidence string
}

// NotObservedError is a step whose effect did not show in time.
type NotObservedError struct {
	Title string
	// Waited is for what.
	Waited string
}

// Error names the step and what did not come.
func (e *NotObservedError) Error() string {
	return fmt.Sprintf("%s: did not see %s", e.Title, e.Waited)
}

// play is a running demo.
type play struct {
	open     Opener
	tell     func(Step)
	observer *view
	devices  []*device
}

// Run plays the demo and tells of each step once it was observed. It ends within seconds, with a *[NotObservedError] for
// the first step that did not show its effect, and leaves no connection open.
func Run(ctx context.Context, open Opener, tell func(Step)) error {
	observer, err := watch(ctx, open, "demo-observer", "acme/#")
	if err != nil {
		return err
	}
	p := &play{open: open, tell: tell, observer: observer}
	defer p.end()
	for _, step := range []func(context.Context) error{
		p.birth, p.telemetry, p.lateSubscriber, p.command, p.desired, p.death, p.goodbye,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) end() {
	for _, d := range p.devices {
		if d != nil {
			d.crash() // only after a failure: every device of a whole demo is switched off by then
		}
	}
	p.observer.session.Abandon()
}

// see waits for what a step must show.
func (p *play) see(ctx context.Context, title, what string, seen func(*view) bool) error {
	return p.observer.await(ctx, title, what, seen)
}

func base(i int) string { return fmt.Sprintf("acme/site-1/device-%d", i+1) }

func (p *play) birth(ctx context.Context) error {
	const title = "three devices connect, each with a birth and a Will Message"
	for i := range fleet {
		d, err := switchOn(ctx, p.open, base(i))
		if err != nil {
			return err
		}
		p.devices = append(p.devices, d)
	}
	err := p.see(ctx, title, "online from every device", func(v *view) bool { return v.statuses("online") })
	if err == nil {
		p.tell(Step{title, "acme/site-1/+/status = online, 3 of 3"})
	}
	return err
}

func (p *play) telemetry(ctx context.Context) error {
	const title, want = "they send telemetry at QoS 0, with time, unit and schema", 3
	err := p.see(ctx, title, fmt.Sprintf("%d readings of every device", want), func(v *view) bool {
		for i := range fleet {
			if len(v.all[base(i)+"/telemetry/temp"]) < want {
				return false
			}
		}
		return true
	})
	if err == nil {
		topic := base(0) + "/telemetry/temp"
		p.tell(Step{title, topic + " = " + p.observer.last[topic]})
	}
	return err
}

func (p *play) lateSubscriber(ctx context.Context) error {
	const title = "a late subscriber knows at once who is online: the status is retained"
	late, err := watch(ctx, p.open, "demo-late", "acme/site-1/+/status")
	if err != nil {
		return err
	}
	defer late.session.Abandon()
	if err := late.await(ctx, title, "three retained messages", func(v *view) bool { return v.retained == fleet && v.statuses("online") }); err != nil {
		return err
	}
	p.tell(Step{title, "3 messages with the RETAIN flag, all online"})
	return nil
}

func (p *play) command(ctx context.Context) error {
	const title, id = "a command at QoS 1 comes twice and is carried out once: it has an id", "cmd-0001"
	command := message.Message{
		Topic: base(0) + "/cmd", QoS: 1,
		Payload: fmt.Appendf(nil, `{"id":%q,"name":"blink","ts":%d}`, id, time.Now().Unix()),
	}
	for range 2 {
		if err := p.observer.session.Publish(ctx, command); err != nil {
			return err
		}
	}
	var answers []string
	err := p.see(ctx, title, "two answers", func(v *view) bool {
		answers = v.all[base(0)+"/cmd/res"]
		return len(answers) == 2
	})
	if err != nil {
		return err
	}
	first, second := gjson.Get(answers[0], "result").String(), gjson.Get(answers[1], "result").String()
	if first != "done" || second != "duplicate" {
		return &NotObservedError{title, "done and duplicate, but " + first + " and " + second}
	}
	p.tell(Step{title, fmt.Sprintf("%s/cmd/res = %s, then %s", base(0), first, second)})
	return nil
}

func (p *play) desired(ctx context.Context) error {
	const title = "a desired state is set, and the device converges to it"
	rev := time.Now().Unix()
	want := `{"interval_s":30,"mode":"eco"}`
	err := p.observer.session.Publish(ctx, message.Message{
		Topic: base(1) + "/desired", QoS: 1, Retain: true,
		Payload: fmt.Appendf(nil, `{"schema":"desired.v1","rev":%d,"id":"demo","ts":%d,"state":%s}`, rev, rev, want),
	})
	if err != nil {
		return err
	}
	topic := base(1) + "/reported"
	err = p.see(ctx, title, "the same revision and state reported", func(v *view) bool {
		doc := gjson.Parse(v.last[topic])
		return doc.Get("desired_rev").Int() == rev && doc.Get("state").Raw == want
	})
	if err == nil {
		p.tell(Step{title, fmt.Sprintf("%s: desired_rev %d, state %s", topic, rev, want)})
	}
	return err
}

func (p *play) death(ctx context.Context) error {
	const title = "a device dies without a word, and the broker says offline for it"
	p.devices[2].crash()
	p.devices[2] = nil
	topic := base(2) + "/status"
	err := p.see(ctx, title, "offline from the Will Message", func(v *view) bool { return v.last[topic] == "offline" })
	if err == nil {
		p.tell(Step{title, topic + " = offline"})
	}
	return err
}

// goodbye switches the others off and asserts what is retained at the end, as a newcomer would find it.
func (p *play) goodbye(ctx context.Context) error {
	const title = "the others disconnect cleanly; what is retained tells the end of the story"
	for i, d := range p.devices {
		if d == nil {
			continue
		}
		p.devices[i] = nil
		if err := d.switchOff(ctx); err != nil {
			return err
		}
	}
	late, err := watch(ctx, p.open, "demo-assert", "acme/#")
	if err != nil {
		return err
	}
	defer late.session.Abandon()
	err = late.await(ctx, title, "five retained messages, every status offline", func(v *view) bool {
		return v.retained == 5 && v.statuses("offline")
	})
	if err == nil {
		p.tell(Step{title, "5 retained messages: " + strings.Join(late.topics(), ", ")})
	}
	return err
}
