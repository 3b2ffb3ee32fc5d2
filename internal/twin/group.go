package twin

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

const (
	// chunk is how many filters one SUBSCRIBE holds at most.
	chunk = 500
	// few is up to how many devices QoS 1 is asked for. A Server that limits what waits for a client (Mosquitto: 1,000
	// messages) drops what goes beyond at QoS 1 however fast the client is, and at QoS 0 only when it is slow.
	few = 100
)

// Needs say what to read besides the desired documents.
type Needs struct {
	Reported bool
	Status   bool
	// Live asks for everything that devices publish: it tells a device that is alive from one that says so.
	Live bool
}

// Group are devices, their documents and the session that these come by. It belongs to one goroutine.
type Group struct {
	session    *tee
	convention *Convention
	options    Options

	twins     map[string]*Twin
	selection []topic.Filter // devices that are found by their topics
	topics    []Topics       // of single devices and of selections
	discovers bool
	qos       byte               // of the subscriptions
	told      bool               // Options.Ready was called
	touched   map[*Twin]struct{} // devices that were observed, while somebody waits
}

// Select makes a Group of devices by their base topics, which may have wildcards: then the devices are those of which
// something is retained.
func Select(s Session, v *Convention, devices []string, o Options) (*Group, error) {
	g := &Group{convention: v, options: o, twins: map[string]*Twin{}}
	g.session = &tee{Session: s, observe: g.observe, optional: map[string]bool{}, note: o.note}
	for _, base := range devices {
		base = v.Pad(base)
		topics, err := v.Topics(base)
		if err != nil {
			return nil, err
		}
		if err := topics.documents(); err != nil {
			return nil, err
		}
		if strings.ContainsAny(base, "+#") {
			filter, err := topic.ParseFilter(base)
			if err != nil {
				return nil, err
			}
			g.selection = append(g.selection, filter)
		} else if g.twins[base] != nil {
			continue
		} else {
			g.twins[base] = &Twin{Device: base, topics: topics}
		}
		g.topics = append(g.topics, topics)
	}
	if len(g.selection) == 0 && len(g.topics) <= few {
		g.qos = 1
	}
	return g, nil
}

// Twins returns the devices, sorted, without those that [Options.Where] leaves out.
func (g *Group) Twins() []*Twin {
	list := make([]*Twin, 0, len(g.twins))
	for _, name := range slices.Sorted(maps.Keys(g.twins)) {
		if t := g.twins[name]; !t.unfit {
			list = append(list, t)
		}
	}
	return list
}

// LeftOut is how many devices [Options.Where] leaves out.
func (g *Group) LeftOut() int { return len(g.twins) - len(g.Twins()) }

// Read subscribes to the documents of all devices and reads what is retained. The subscriptions stay.
func (g *Group) Read(ctx context.Context, n Needs) error {
	subs := g.subscriptions(g.options.Where.needs(n))
	g.discovers = len(g.selection) > 0
	defer func() { g.discovers = false }()
	if err := g.read(ctx, g.twins, subs); err != nil {
		return err
	}
	g.sift()
	return nil
}

// subscriptions are those for what is needed.
func (g *Group) subscriptions(n Needs) []wire.Subscription {
	var subs []wire.Subscription
	added := map[string]bool{}
	add := func(filter string, qos byte, optional bool) {
		if filter == "" || added[filter] {
			return
		}
		added[filter] = true
		subs = append(subs, wire.Subscription{Filter: filter, QoS: qos})
		if optional {
			g.session.optional[filter] = true
		}
	}
	for _, t := range g.topics {
		selects := strings.ContainsAny(t.Device, "+#")
		add(t.Desired, g.qos, false)
		if n.Reported || selects {
			add(t.Reported, g.qos, !n.Reported)
		}
		if n.Status || selects {
			add(t.Status, g.qos, true)
		}
		if n.Live && (selects || len(g.topics) <= few) { // of many single devices, their reports are life enough
			for _, filter := range t.Live {
				add(filter, 0, true)
			}
		}
	}
	return subs
}

// reread looks again at what is desired of some of the devices, by a fresh subscription.
func (g *Group) reread(ctx context.Context, twins []*Twin) error {
	read := make(map[string]*Twin, len(twins))
	subs := make([]wire.Subscription, len(twins))
	for i, t := range twins {
		read[t.Device] = t
		subs[i] = wire.Subscription{Filter: t.topics.Desired, QoS: g.qos}
		t.fresh = false
	}
	if len(twins) > chunk && len(g.selection) > 0 { // fewer filters, and maybe more than was asked for
		subs = subs[:0]
		for _, t := range g.topics {
			subs = append(subs, wire.Subscription{Filter: t.Desired, QoS: g.qos})
		}
	}
	if err := g.collect(ctx, subs); err != nil {
		return err
	}
	for _, t := range twins {
		t.endRead()
	}
	return nil
}

func (g *Group) read(ctx context.Context, twins map[string]*Twin, subs []wire.Subscription) error {
	for _, t := range twins {
		t.beginRead()
	}
	if err := g.collect(ctx, subs); err != nil {
		return err
	}
	for _, t := range twins {
		t.endRead()
	}
	return nil
}

// collect subscribes and takes what is retained; what comes live meanwhile is observed as well.
func (g *Group) collect(ctx context.Context, subs []wire.Subscription) error {
	for part := range slices.Chunk(subs, chunk) {
		evidence, err := retained.Collect(ctx, g.session, retained.SinkFunc(func(message.Message) error { return nil }), retained.Options{
			Subscriptions: part, Properties: g.options.Subscribe, NoPublish: g.options.NoPublish, Deadline: g.options.Deadline,
		})
		switch {
		case err != nil:
			return err
		case evidence == retained.Incomplete:
			return ErrIncomplete
		}
	}
	if g.told || g.options.Ready == nil {
		return nil
	}
	g.told = true
	return g.options.Ready()
}

// observe hands a message to its device.
func (g *Group) observe(m message.Message) {
	base, role := g.convention.of(m.Topic)
	if base == "" {
		return
	}
	t := g.twins[base]
	if t == nil && g.discovers && (m.Retain || g.touched != nil) && len(m.Payload) > 0 && g.selects(base) {
		topics, err := g.convention.Topics(base)
		if err != nil {
			return
		}
		t = &Twin{Device: strings.Clone(base), topics: topics}
		g.twins[t.Device] = t
	}
	if t == nil {
		return
	}
	t.observe(role, m)
	if g.touched != nil {
		g.touched[t] = struct{}{}
	}
}

func (g *Group) selects(base string) bool {
	return slices.ContainsFunc(g.selection, func(f topic.Filter) bool { return f.Match(base) })
}

// drain observes what has come already.
func (g *Group) drain(ctx context.Context) error {
	for g.session.Ready() > 0 {
		if _, err := g.session.Recv(ctx); err != nil {
			return err
		}
	}
	g.session.AckReceived()
	return nil
}

// compareAndSet reports whether the Server holds a publish against a revision.
func (g *Group) compareAndSet() bool {
	caps := g.session.Caps()
	return caps.Version == wire.V5 && userProperty(caps.Properties, ifRevProperty) != ""
}

// tee is a session that shows everything it receives to a Group, also what a read of retained messages leaves out.
type tee struct {
	Session

	observe  func(message.Message)
	optional map[string]bool // filters that may be refused
	note     func(format string, args ...any)
}

// Recv observes what it returns.
func (t *tee) Recv(ctx context.Context) (message.Message, error) {
	m, err := t.Session.Recv(ctx)
	if err == nil {
		t.observe(m)
	}
	return m, err
}

// Subscribe takes the refusal of an optional filter for an answer.
func (t *tee) Subscribe(ctx context.Context, props *wire.Properties, subs ...wire.Subscription) ([]wire.ReasonCode, error) {
	codes, err := t.Session.Subscribe(ctx, props, subs...)
	if _, refused := errors.AsType[*client.RefusedError](err); !refused {
		return codes, err
	}
	for i, code := range codes {
		if code.IsError() && !t.optional[subs[i].Filter] {
			return codes, &client.RefusedError{Packet: wire.SUBSCRIBE, Code: code, Topic: subs[i].Filter}
		}
	}
	for i, code := range codes {
		if code.IsError() {
			t.note("%s cannot be read: %s", subs[i].Filter, code)
		}
	}
	if len(codes) == 0 {
		return codes, err
	}
	return codes, nil
}
