package commands

import (
	"context"
	"fmt"

	"github.com/mqx-cli/mqx/internal/decode"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/sift"
)

// failures counts messages that something is wrong with, and keeps the first.
type failures struct {
	n     int
	first string
}

func (t *failures) add(m message.Message, err error) {
	if t.n++; t.n == 1 {
		t.first = m.Topic + ": " + err.Error()
	}
}

// decodingSink shows what is in payloads. One that cannot be decoded is shown as it came.
type decodingSink struct {
	shower

	decoder *decode.Decoder
	asked   string // --decode as it was given
	came    []byte // the payload of the message that is being shown, as it came
	extra   []byte
	bad     failures
}

// Message shows m decoded.
func (d *decodingSink) Message(m message.Message) (bool, error) {
	d.came = m.Payload
	plain, done, err := d.decoder.Decode(m)
	d.extra = d.extra[:0]
	switch {
	case err != nil:
		d.bad.add(m, err)
		d.extra = message.AppendJSONString(append(d.extra, `,"decode_error":`...), err.Error())
	case done != "":
		m.Payload = plain
		d.extra = message.AppendJSONString(append(d.extra, `,"decoded":`...), string(done))
	}
	return d.Show(m, d.extra)
}

func (d *decodingSink) end(e *env, err error) error {
	if d.bad.n > 0 {
		e.note("%s shown as they came: --decode %s: %s", messages(d.bad.n), d.asked, d.bad.first)
	}
	if n, first := d.decoder.Unborn(); n > 0 {
		e.note("%s had metrics by alias whose birth was not seen, first %s", messages(n), first)
	}
	return d.shower.end(e, err)
}

// checkingSink checks payloads against a schema, and shows all.
type checkingSink struct {
	shower

	schema *payload.Schema
	extra  []byte
	bad    failures
}

// Message shows m.
func (c *checkingSink) Message(m message.Message) (bool, error) { return c.Show(m, nil) }

// Show shows m.
func (c *checkingSink) Show(m message.Message, extra []byte) (bool, error) {
	wrong := c.schema.Check(m.Payload)
	if wrong == nil {
		return c.shower.Show(m, extra)
	}
	c.extra = message.AppendJSONString(append(append(c.extra[:0], extra...), `,"schema_error":`...), wrong.Error())
	shown, err := c.shower.Show(m, c.extra)
	if shown {
		c.bad.add(m, wrong)
	}
	return shown, err
}

func (c *checkingSink) end(e *env, err error) error {
	if err = c.shower.end(e, err); c.bad.n == 0 {
		return err
	}
	why := fmt.Sprintf("%s against it, first %s", messages(c.bad.n), c.bad.first)
	if err != nil {
		e.note("--schema: %s", why)
		return err
	}
	return exit.New(exit.Negative, "--schema", "", why)
}

// jqSink prints what an expression makes of messages.
type jqSink struct {
	*printingSink

	ctx    func() context.Context
	jq     *sift.JQ
	asJSON bool
	bad    failures
}

// Message prints what becomes of m.
func (j *jqSink) Message(m message.Message) (bool, error) { return j.Show(m, nil) }

// Show prints what becomes of m. A message that nothing becomes of is not shown.
func (j *jqSink) Show(m message.Message, extra []byte) (bool, error) {
	shown := false
	err := j.jq.Run(j.ctx(), m, extra, func(v sift.JQValue) {
		shown = true
		if j.asJSON {
			j.Line(m, v.JSON())
			return
		}
		j.Line(m, v.Text())
	})
	if cause := context.Cause(j.ctx()); err != nil && cause != nil {
		return shown, cause
	}
	if err != nil {
		j.bad.add(m, err)
	}
	return shown, nil
}

func (j *jqSink) end(e *env, err error) error {
	if j.bad.n > 0 {
		e.note("--jq made no sense for %s, first %s", messages(j.bad.n), j.bad.first)
	}
	return j.printingSink.end(e, err)
}
