package simulate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/profile"
)

// twin is what a device knows about its desired state.
type twin struct {
	documents []document        // that wait to be obeyed, first that which comes first
	seen      *document         // the last that was obeyed
	acks      map[string]answer // by setting, for those that were not applied
	changed   []string          // since the last report
}

// document is a desired state as it came in.
type document struct {
	rev   int64
	id    string
	state map[string]any
	at    time.Duration // when it came
}

// answer is what a device says about a setting.
type answer struct{ status, msg string }

// Receive tells the device of a message that came in.
func (d *Device) Receive(now time.Duration, m message.Message) []Output {
	d.out = d.out[:0]
	switch {
	case d.state != up:
	case m.Topic == d.topic(contract.Desired, ""):
		d.wish(now, m.Payload)
	case m.Topic == d.topic(contract.Command, ""):
		d.command(now, m.Payload)
	}
	return d.out
}

// Topics are what the device subscribes to.
func (d *Device) Topics() []string {
	var topics []string
	for _, role := range []contract.Role{contract.Desired, contract.Command} {
		if d.run.Layout.Has(role) {
			topics = append(topics, d.topic(role, ""))
		}
	}
	return topics
}

// wish takes a desired document, to be obeyed after a while. What the device knows already changes nothing.
func (d *Device) wish(now time.Duration, body []byte) {
	doc, ok := readDocument(body)
	if !ok || d.active("ignore_desired") {
		return
	}
	doc.at = now
	if last := d.twin.seen; last != nil && doc.rev > 0 && (doc.rev < last.rev || doc.rev == last.rev && doc.id == last.id) {
		return
	}
	for name, value := range doc.state {
		if d.refuses(name, value) == (answer{}) {
			d.settings.want(name, value)
		}
	}
	wait := d.stream("apply", fmt.Sprint(doc.rev), doc.id).interval(d.kind.Desired.ApplyAfter)
	if d.active("apply_out_of_order") {
		d.twin.documents = append([]document{doc}, d.twin.documents...)
	} else {
		d.twin.documents = []document{doc} // the newest is all that counts
	}
	d.timers.set(timer{now + wait, obeys, 0})
}

// readDocument reads a desired document: wrapped, with its revision beside the settings, or bare.
func readDocument(body []byte) (document, bool) {
	v, err := payload.Parse(body)
	object, ok := v.(map[string]any)
	if err != nil || !ok {
		return document{}, false
	}
	doc := document{state: object}
	prefix := "_"
	if state, wrapped := object["state"].(map[string]any); wrapped {
		doc.state, prefix = state, ""
	}
	if rev, ok := object[prefix+"rev"].(json.Number); ok {
		doc.rev, _ = rev.Int64()
	}
	doc.id, _ = object[prefix+"id"].(string)
	settings := map[string]any{}
	for name, value := range doc.state {
		if prefix == "_" && strings.HasPrefix(name, "_") {
			continue
		}
		settings[name] = value
	}
	doc.state = settings
	return doc, true
}

// refuses says why a setting is not applied; the zero answer is that it is.
func (d *Device) refuses(name string, value any) answer {
	if d.active("reject_desired") {
		return answer{"rejected", "refused"}
	}
	s := d.kind.Desired.Setting(name)
	switch {
	case s == nil && d.kind.Desired.Any:
		return answer{}
	case s == nil:
		return answer{"unknown", "no such setting"}
	case value == nil:
		return answer{} // back to the default
	}
	if why := s.Refuses(value); why != "" {
		return answer{"rejected", why}
	}
	return answer{}
}

// obey applies the document that waits.
func (d *Device) obey(now time.Duration) {
	if len(d.twin.documents) == 0 {
		return
	}
	doc := d.twin.documents[0]
	d.twin.documents = d.twin.documents[1:]
	d.twin.acks = map[string]answer{}
	before := d.settings.interval
	for _, name := range slices.Sorted(maps.Keys(doc.state)) {
		value := doc.state[name]
		if a := d.refuses(name, value); a != (answer{}) {
			d.twin.acks[name] = a
			continue
		}
		if value == nil {
			d.settings.forget(name)
			if s := d.kind.Desired.Setting(name); s != nil && s.Default != nil {
				d.settings.apply(name, s.Default)
			}
		} else {
			d.settings.apply(name, value)
		}
		d.twin.changed = append(d.twin.changed, name)
	}
	d.twin.seen = &doc
	if d.settings.interval != before {
		d.reschedule(now)
	}
	d.settled = &doc
	d.reportState(now)
	d.settled = nil
	if len(d.twin.documents) > 0 {
		d.timers.set(timer{now + max(time.Second, d.kind.Desired.ApplyAfter.Average()), obeys, 0})
	}
}

// reports says that the device has a reported state.
func (d *Device) reports() bool {
	return d.run.Layout.Has(contract.Reported) && (len(d.kind.Desired.Accepts) > 0 || d.kind.Desired.Any)
}

// reportState publishes the reported state.
func (d *Device) reportState(now time.Duration) {
	if !d.reports() {
		return
	}
	desired := &d.kind.Desired
	doc := map[string]any{
		"schema": "reported.v1", "ts": json.Number(fmt.Sprint(d.run.Start.Add(now).Unix())), "boot": d.bootID(),
		"state": d.reportedState(),
	}
	if seen := d.twin.seen; seen != nil {
		if seen.rev > 0 && (desired.Ack == "rev" || desired.Ack == "both") {
			doc["desired_rev"] = json.Number(fmt.Sprint(seen.rev))
		}
		if seen.id != "" && (desired.Ack == "id" || desired.Ack == "both") {
			doc["desired_id"] = seen.id
		}
	}
	if len(d.twin.acks) > 0 {
		acks := map[string]any{}
		for name, a := range d.twin.acks {
			pointer := "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
			acks[pointer] = map[string]any{"status": a.status, "msg": a.msg}
		}
		doc["acks"] = acks
	}
	d.twin.changed = nil
	topic := d.topic(contract.Reported, "")
	m := message.Message{Topic: topic, QoS: 1, Retain: true, Payload: payload.AppendValue(nil, doc)}
	made := &Made{Due: now, Clean: m, Message: m}
	if d.settled != nil {
		made.Settled, made.Wished = slices.Sorted(maps.Keys(d.settled.state)), d.settled.at
	}
	d.send(now, made)
}

// reportedState is what is applied, or with a bad habit only what has changed.
func (d *Device) reportedState() map[string]any {
	state := map[string]any{}
	partial := d.kind.Desired.Partial || d.active("partial_reported")
	for name, value := range d.settings.applied {
		if partial && d.twin.changed != nil && !slices.Contains(d.twin.changed, name) {
			continue
		}
		if n, ok := value.(float64); ok {
			value = json.Number(appendNumber(nil, n))
		}
		state[name] = value
	}
	return state
}

// orders are the commands of a device.
type orders struct {
	last    []CommandLook     // that came in, the newest first
	seen    []string          // identifiers, the oldest first
	results map[string][]byte // by identifier; nil while the command runs
	running []running         // in the order in which they came
}

// running is a command that is carried out.
type running struct {
	call

	kind   profile.Command
	until  time.Duration
	failed bool
}

// call is a command as it came.
type call struct {
	id   any    // as it is answered: a string, a json.Number
	text string // the identifier as people read it, empty for none
	key  string // tells identifiers apart: 7 and "7" are two; empty for none
	name string
}

func readCall(body []byte) (call, bool) {
	v, err := payload.Parse(body)
	object, ok := v.(map[string]any)
	if err != nil || !ok {
		return call{}, false
	}
	c := call{id: object["id"]}
	switch id := c.id.(type) {
	case string:
		c.text = id
	case json.Number:
		c.text = id.String()
	default:
		c.id = ""
	}
	if c.text != "" {
		c.key = string(payload.AppendValue(nil, c.id))
	}
	for _, key := range []string{"name", "cmd", "command", "action"} {
		if c.name == "" {
			c.name, _ = object[key].(string)
		}
	}
	return c, true
}

// command takes a command. One that came before is answered as it was then, and not carried out again.
func (d *Device) command(now time.Duration, body []byte) {
	c, ok := readCall(body)
	if !ok {
		return
	}
	if result, known := d.orders.results[c.key]; known && c.key != "" && !d.active("double_execute_command") {
		if result != nil {
			d.answer(now, result)
		}
		return
	}
	d.remember(c.key)
	i := slices.IndexFunc(d.kind.Commands.List, func(k profile.Command) bool { return k.Name == c.name })
	switch {
	case i < 0 && len(d.kind.Commands.List) > 0:
		d.finish(now, c, fmt.Sprintf("no command is called %q", c.name))
		return
	case i < 0:
		d.finish(now, c, "")
		return
	}
	kind := d.kind.Commands.List[i]
	d.orders.noteCommand(c, "running")
	s := d.stream("command", c.text, fmt.Sprint(now))
	d.orders.running = append(d.orders.running, running{c, kind, now + s.interval(kind.Takes), !s.happens(kind.Succeed)})
	d.nextCommand()
}

// remember keeps an identifier, and forgets the oldest when there are too many.
func (d *Device) remember(id string) {
	if id == "" || d.kind.Commands.Remember == 0 {
		return
	}
	if d.orders.results == nil {
		d.orders.results = map[string][]byte{}
	}
	if _, known := d.orders.results[id]; !known {
		d.orders.seen = append(d.orders.seen, id)
	}
	d.orders.results[id] = nil
	for len(d.orders.seen) > d.kind.Commands.Remember {
		delete(d.orders.results, d.orders.seen[0])
		d.orders.seen = d.orders.seen[1:]
	}
}

func (d *Device) nextCommand() {
	first := profile.Never
	for _, r := range d.orders.running {
		first = min(first, r.until)
	}
	if first < profile.Never {
		d.timers.set(timer{first, commandEnds, 0})
	}
}

func (d *Device) commandEnds(now time.Duration) {
	var still []running
	for _, r := range d.orders.running {
		if r.until > now {
			still = append(still, r)
			continue
		}
		why := ""
		if r.failed {
			why = r.name + " failed"
		}
		d.finish(now, r.call, why)
		if r.kind.Reboot && !r.failed && d.state == up {
			d.lose(Goodbye, now)
			d.orders.running = nil
			d.start(now)
			return
		}
	}
	d.orders.running = still
	d.nextCommand()
}

// finish answers a command; why is empty when it was carried out.
func (d *Device) finish(now time.Duration, c call, why string) {
	result := map[string]any{"id": c.id, "name": c.name, "status": "done", "ts": json.Number(fmt.Sprint(d.run.Start.Add(now).UnixMilli()))}
	if why != "" {
		result["status"], result["error"] = "rejected", why
	}
	d.orders.noteCommand(c, fmt.Sprint(result["status"]))
	text := payload.AppendValue(nil, result)
	if _, known := d.orders.results[c.key]; known {
		d.orders.results[c.key] = text
	}
	d.answer(now, text)
}

func (d *Device) answer(now time.Duration, text []byte) {
	if d.run.Layout.Has(contract.Result) {
		d.publish(now, message.Message{Topic: d.topic(contract.Result, ""), QoS: 1, Payload: text})
	}
}
