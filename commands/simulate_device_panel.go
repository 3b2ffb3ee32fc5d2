package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/live"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// errPanelClosed says that the user is done with the panel.
var errPanelClosed = errors.New("the panel was closed")

// devicePanel shows a device on the whole terminal.
type devicePanel struct {
	device *playedDevice
	screen *live.Screen[*live.Panel]
	began  time.Time

	sent, received, refused int
	signals                 map[string]*recent
}

// recent are the last values of a signal.
type recent struct {
	count   int64
	numbers []float64
	words   []string // that were seen, in the order in which they came first
}

// mostRecent is how many values are kept: more than a terminal shows.
const mostRecent = 120

// onPanel plays the device on a panel until the user is done with it.
func (d *playedDevice) onPanel(ctx context.Context, o client.Options) error {
	in, out, _ := d.env.streams.Terminal()
	p := &devicePanel{device: d, began: time.Now(), signals: map[string]*recent{}}
	panel := live.NewPanel(live.PanelOptions{
		State: p.state, Pressed: p.pressed, Painter: output.NewPainter(d.env.streams, d.env.color),
	})
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.screen = live.Show(ctx, panel, in, out)
	defer p.screen.Close()
	p.listen()
	go func() {
		select {
		case <-p.screen.Done():
			cancel(errPanelClosed)
		case <-ctx.Done():
		}
	}()
	err := d.play(ctx, o)
	p.screen.Close()
	d.env.instead.Store(nil)
	switch {
	case errors.Is(p.screen.Err(), live.ErrInterrupted):
		return exit.New(exit.Interrupted, "interrupted", "", messages(p.sent)+" sent")
	case errors.Is(err, errPanelClosed):
		d.env.note("%s sent, %d received", messages(p.sent), p.received)
		return p.screen.Err()
	default:
		return err
	}
}

// listen has the panel told of what happens.
func (p *devicePanel) listen() {
	note := func(line string) { p.event(output.Doubtful, strings.TrimPrefix(line, "mqx: ")) }
	p.device.env.instead.Store(&note)
	l := p.device.live
	l.Happened = func(what string) { p.event(output.Informative, what) }
	l.Refused = func(topic string, err error) {
		p.screen.Update(func(*live.Panel) { p.refused++ })
		p.event(output.Bad, topic+": "+err.Error())
	}
	l.Received = func(m message.Message) error {
		p.screen.Update(func(*live.Panel) { p.received++ })
		p.event(0, "received "+p.short(m))
		return nil
	}
	l.Sent = func(m *simulate.Made) error {
		p.screen.Update(func(*live.Panel) { p.sent++ })
		if m.Signal == "" {
			p.event(0, "sent "+p.short(m.Message))
		}
		return p.device.measured(m)
	}
}

func (p *devicePanel) event(t output.Tone, text string) {
	p.screen.Update(func(panel *live.Panel) { panel.Event(time.Now(), output.Cell{Text: text, Tone: t}) })
}

// short is a message below the device's base topic.
func (p *devicePanel) short(m message.Message) string {
	return strings.TrimPrefix(m.Topic, p.device.name+"/") + " " + string(m.Payload)
}

// pressed does what a key stands for.
func (p *devicePanel) pressed(key string) {
	switch key {
	case "o":
		p.device.live.Do(simulate.GoOffline)
	case "c":
		p.device.live.Do(simulate.Crash)
	case "r":
		p.device.live.Do(simulate.Reboot)
	case "t":
		p.device.live.Do(simulate.TurnClock)
	case "d":
		p.device.live.Do(simulate.Duplicate)
	}
}

// state is what there is to see.
func (p *devicePanel) state(now time.Time) live.PanelState {
	look := p.device.live.Look()
	s := live.PanelState{
		Title: p.device.name, Status: output.Cell{Text: look.Status, Tone: toneOfDevice(look.Status)},
		Facts: []live.Fact{
			fact("broker", p.device.target.String()),
			fact("session", look.Session),
			fact("for", now.Sub(p.began).Round(time.Second).String()),
			fact("desired", revText(look.Desired)),
			fact("reported", revText(look.Reported)),
			fact("sent", strconv.Itoa(p.sent)),
			fact("received", strconv.Itoa(p.received)),
		},
		Keys: deviceKeys(look),
	}
	if look.Desired != look.Reported {
		s.Facts[4].Value.Tone = output.Doubtful
	}
	if look.Waiting > 0 {
		s.Facts = append(s.Facts, fact("waiting", strconv.Itoa(look.Waiting)))
	}
	if p.refused > 0 {
		s.Facts = append(s.Facts, live.Fact{Name: "refused", Value: output.Cell{Text: strconv.Itoa(p.refused), Tone: output.Bad}})
	}
	for _, c := range look.Commands {
		s.Facts = append(s.Facts, fact("command", strings.TrimSpace(c.Name+" "+c.ID)+" "+c.Status))
	}
	if len(look.Faults) > 0 {
		text := strings.Join(look.Faults, ", ")
		s.Facts = append(s.Facts, live.Fact{Name: "fault", Value: output.Cell{Text: text, Tone: output.Bad}})
	}
	for _, signal := range look.Signals {
		s.Gauges = append(s.Gauges, p.gauge(signal))
	}
	return s
}

func fact(name, value string) live.Fact {
	return live.Fact{Name: name, Value: output.Cell{Text: value}}
}

// revText is a revision, or - for none.
func revText(rev int64) string {
	if rev == 0 {
		return "-"
	}
	return fmt.Sprintf("rev %d", rev)
}

func toneOfDevice(status string) output.Tone {
	switch status {
	case "online":
		return output.Good
	case "connecting", "rebooting":
		return output.Doubtful
	default:
		return output.Bad
	}
}

// deviceKeys are the keys with what they do now.
func deviceKeys(look simulate.Look) []live.Key {
	offline, crash := "offline", "crash"
	for _, name := range look.Faults {
		switch name {
		case "offline":
			offline = "online again"
		case "crash":
			crash = "start again"
		}
	}
	return []live.Key{
		{Name: "o", Does: offline},
		{Name: "c", Does: crash},
		{Name: "r", Does: "reboot"},
		{Name: "t", Does: "turn clock"},
		{Name: "d", Does: "duplicate id"},
		{Name: "q", Does: "quit"},
	}
}

// gauge is a signal with its last values.
func (p *devicePanel) gauge(s simulate.SignalLook) live.Gauge {
	r := p.signals[s.Name]
	if r == nil {
		r = &recent{}
		p.signals[s.Name] = r
	}
	text := valueText(s.Value)
	if s.Count != r.count {
		r.count = s.Count
		r.add(s.Value, text)
	}
	if s.Unit != "" && s.Value != nil {
		text += " " + s.Unit
	}
	return live.Gauge{Name: s.Name, Value: text, Recent: r.numbers}
}

// add takes a value: a number as it is, a word as which one of those it is that came before.
func (r *recent) add(value any, text string) {
	n, numeric := value.(float64)
	if !numeric {
		i := 0
		for i < len(r.words) && r.words[i] != text {
			i++
		}
		if i == len(r.words) && i < mostRecent {
			r.words = append(r.words, text)
		}
		n = float64(i)
	}
	r.numbers = append(r.numbers, n)
	r.numbers = r.numbers[max(0, len(r.numbers)-mostRecent):]
}

// valueText is a value for people.
func valueText(value any) string {
	switch v := value.(type) {
	case nil:
		return "-"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case simulate.Position:
		return fmt.Sprintf("%.5f, %.5f", v.Lat, v.Lon)
	case string, bool:
		return fmt.Sprint(v)
	case fmt.Stringer:
		return v.String()
	default:
		return "…"
	}
}
