package commands

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/twin"
	"github.com/mqx-cli/mqx/internal/words"
)

// widestValue is how much of a value is shown to people, in characters.
const widestValue = 120

// twinPrinter prints what became of devices: lines of text with tabs, or JSON objects.
type twinPrinter struct {
	*output.Lines

	json  bool
	marks output.Marks
}

func (e *env) twinPrinter() *twinPrinter {
	return &twinPrinter{output.NewLines(e.streams), e.json, output.NewMarks(e.streams, e.color)}
}

// mark styles text, if text is styled.
func mark(style func(string) string, text string) string {
	if style == nil {
		return text
	}
	return style(text)
}

// resultJSON is the JSON form of a twin.Result.
type resultJSON struct {
	Device   string          `json:"device"`
	Outcome  twin.Outcome    `json:"outcome"`
	Topic    string          `json:"topic"`
	Rev      uint64          `json:"rev,omitempty"`
	Before   uint64          `json:"before,omitempty"`
	ID       string          `json:"id,omitempty"`
	Evidence twin.Evidence   `json:"evidence,omitempty"`
	Attempts int             `json:"attempts,omitempty"`
	TookMS   int64           `json:"took_ms,omitempty"`
	Why      string          `json:"why,omitempty"`
	Warnings []string        `json:"warnings,omitempty"`
	Payload  json.RawMessage `json:"payload,omitempty"`
	Differs  []leafJSON      `json:"differs,omitempty"`
}

// leafJSON is the JSON form of a twin.Leaf.
type leafJSON struct {
	Pointer  string          `json:"pointer"`
	Desired  json.RawMessage `json:"desired"`
	Reported json.RawMessage `json:"reported,omitempty"`
	Same     bool            `json:"same"`
	Ack      string          `json:"ack,omitempty"`
	Msg      string          `json:"msg,omitempty"`
}

func newLeafJSON(l twin.Leaf) leafJSON {
	j := leafJSON{Pointer: l.Pointer, Desired: payload.AppendValue(nil, l.Desired), Same: l.Same, Ack: string(l.Ack.Status), Msg: l.Ack.Msg}
	if l.Reports {
		j.Reported = payload.AppendValue(nil, l.Reported)
	}
	return j
}

func whyText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// result prints what became of a device.
func (p *twinPrinter) result(r twin.Result) error {
	if p.json {
		j := resultJSON{
			Device: r.Device, Outcome: r.Outcome, Topic: r.Topic, Rev: r.Rev, Before: r.Before, ID: r.ID, Evidence: r.Evidence,
			Attempts: r.Attempts, TookMS: r.Took.Milliseconds(), Why: whyText(r.Why), Warnings: r.Warnings,
		}
		if r.Outcome == twin.Planned {
			j.Payload = r.Payload
		}
		for _, l := range r.Leaves {
			j.Differs = append(j.Differs, newLeafJSON(l))
		}
		return p.object(j)
	}
	if r.Outcome == twin.Planned {
		p.plan(r)
		return nil
	}
	cells := []string{r.Device, mark(p.style(r.Outcome), string(r.Outcome)), "rev " + strconv.FormatUint(r.Rev, 10)}
	if r.Rev == 0 {
		cells[2] = "-"
	}
	switch {
	case r.Why != nil:
		cells = append(cells, r.Why.Error())
	case r.Evidence != "":
		cells = append(cells, string(r.Evidence), fmt.Sprintf("%.2f s", r.Took.Seconds()))
	}
	for i, cell := range cells {
		if i != 1 {
			cells[i] = words.Printable(cell)
		}
	}
	p.Text(strings.Join(cells, "\t") + "\n")
	return nil
}

func (p *twinPrinter) style(o twin.Outcome) func(string) string {
	switch {
	case !o.Done():
		return p.marks.Bad
	case o == twin.Skipped:
		return p.marks.Doubtful
	default:
		return p.marks.Good
	}
}

// object prints an object in JSON.
func (p *twinPrinter) object(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	p.JSON(line)
	return nil
}

// plan prints what a dry run would do.
func (p *twinPrinter) plan(r twin.Result) {
	revs := fmt.Sprintf("rev %d -> %d", r.Before, r.Rev)
	if r.Before == 0 {
		revs = fmt.Sprintf("nothing -> rev %d", r.Rev)
	}
	p.Text("~ " + words.Printable(r.Device) + " " + mark(p.marks.Faint, revs) + "\n")
	for c := range payload.Changes(any(r.From), any(r.To)) {
		if c.Op != payload.Added {
			p.Text("    " + mark(p.marks.Bad, "- "+c.Pointer+" "+value(c.From)) + "\n")
		}
		if c.Op != payload.Removed {
			p.Text("    " + mark(p.marks.Good, "+ "+c.Pointer+" "+value(c.To)) + "\n")
		}
	}
	p.Text(mark(p.marks.Faint, fmt.Sprintf("    PUBLISH %s, QoS 1, retained, %d bytes:", words.Printable(r.Topic), len(r.Payload))) + "\n")
	p.Text("    " + words.Printable(string(r.Payload)) + "\n")
}

// value is a JSON value on one line, cut where it is long.
func value(v any) string {
	text := []rune(words.Printable(string(payload.AppendValue(nil, v))))
	if len(text) > widestValue {
		return string(text[:widestValue]) + "…"
	}
	return string(text)
}

// leaf prints a setting of a device that is, or is not, as desired.
func (p *twinPrinter) leaf(device string, l twin.Leaf, who string) {
	reported, style, sign := "-", p.marks.Bad, "!="
	if l.Reports {
		reported = value(l.Reported)
	}
	if l.Same {
		style, sign = p.marks.Good, "=="
	}
	line := []string{words.Printable(device), words.Printable(l.Pointer), value(l.Desired), mark(style, sign), reported}
	if l.Ack.Status != "" {
		line = append(line, words.Printable(strings.TrimSpace(string(l.Ack.Status)+" "+l.Ack.Msg)))
	}
	if who != "" {
		line = append(line, mark(p.marks.Faint, words.Printable(who)))
	}
	p.Text(strings.Join(line, "\t") + "\n")
}

// origin says which document it is, how old and by whom.
func origin(d *twin.Desired, now time.Time) string {
	var parts []string
	if d.Rev > 0 {
		parts = append(parts, "rev "+strconv.FormatUint(d.Rev, 10))
	}
	if !d.Time.IsZero() {
		parts = append(parts, now.Sub(d.Time).Round(time.Second).String()+" ago")
	}
	if d.By != "" {
		parts = append(parts, "by "+d.By)
	}
	return strings.Join(parts, " ")
}
