package commands

import (
	"bytes"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/topic"
)

// pubChanges are the flags that change a message on its way.
type pubChanges struct {
	template bool
	encode   string
	remaps   []topic.Remap
	lint     string
	contract string

	linter *pubLinter // nil without --lint
}

// addFlags adds the flags.
func (c *pubChanges) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&c.template, "template", false, "fill in {{seq}}, {{now}}, {{rand 1 10}}, … in topics and payloads, see above")
	fs.Var(choiceFlag{&c.encode, encodingWords()}, "encode", "send the payload as cbor or msgpack (JSON only), or gzip")
	fs.Var(remapsFlag{&c.remaps}, "remap", "publish what is meant for topics below FROM below TO (repeatable)")
	fs.Var(choiceFlag{&c.lint, []string{modeWarn, modeError}}, "lint", "check before sending: warn, or error to keep bad messages back")
	fs.StringVar(&c.contract, "contract", "", "the contract that --lint goes by (default: looked for upwards)")
	completeChoices(cmd, "encode", "lint")
}

func encodingWords() []string {
	var words []string
	for _, e := range payload.Encodings() {
		words = append(words, string(e))
	}
	return words
}

// steps are what happens to each message before it is sent, in this order: a template is filled in, the topic is moved, the
// payload is encoded, and what then would be sent is checked. fixed is the payload of all messages, nil when each has its
// own.
func (c *pubChanges) steps(e *env, topics []string, fixed []byte) ([]publish.Step, error) {
	var steps []publish.Step
	if c.template {
		t := &filler{getenv: e.lookup}
		if err := t.check(topics, fixed); err != nil {
			return nil, err
		}
		steps = append(steps, t.fill)
	}
	if len(c.remaps) > 0 {
		steps = append(steps, c.move)
	}
	if len(steps) > 0 {
		steps = append(steps, checkTopic)
	}
	if c.encode != "" {
		steps = append(steps, c.encoded)
	}
	if c.lint != "" {
		linter, err := newPubLinter(e, c.lint, c.contract)
		if err != nil {
			return nil, err
		}
		c.linter = linter
		steps = append(steps, linter.step)
	}
	return steps, nil
}

// preflight goes through the steps for a message that is the same each time, once for each topic, and returns why it would be
// kept back everywhere: nothing has to be connected for that.
func (c *pubChanges) preflight(topics []string, m message.Message) error {
	if c.template {
		return nil
	}
	steps := []publish.Step{c.move, checkTopic, c.encoded}
	if c.linter != nil {
		quiet, err := c.linter.quiet()
		if err != nil {
			return err
		}
		steps = append(steps, quiet.step)
	}
	var first error
	for _, name := range topics {
		m.Topic = name
		switch err := through(steps, m); {
		case err == nil:
			return nil
		case first == nil:
			first = err
		}
	}
	return first
}

// through takes a copy of m through the steps.
func through(steps []publish.Step, m message.Message) error {
	for _, step := range steps {
		if err := step(&m, 1); err != nil {
			return err
		}
	}
	return nil
}

// checkTopic holds back a message whose topic a step has spoiled.
func checkTopic(m *message.Message, _ int) error {
	_, err := topic.ParseName(m.Topic)
	return err
}

// move is --remap: the first one that fits moves the topic.
func (c *pubChanges) move(m *message.Message, _ int) error {
	for _, r := range c.remaps {
		if to, ok := r.Apply(m.Topic); ok {
			m.Topic = to
			return nil
		}
	}
	return nil
}

// encoded is --encode. A message without a payload stays one: it clears what is retained.
func (c *pubChanges) encoded(m *message.Message, _ int) error {
	if len(m.Payload) == 0 {
		return nil
	}
	p, err := payload.Encoding(c.encode).Encode(m.Payload)
	if err != nil {
		return fmt.Errorf("--encode %s: %w", c.encode, err)
	}
	m.Payload = p
	return nil
}

// lookup looks up an environment variable; an empty one counts as not set.
func (e *env) lookup(name string) (value string, set bool) {
	value = e.getenv(name)
	return value, value != ""
}

// filler is --template. It remembers the templates of the topics and the last payload, because most messages share them.
type filler struct {
	getenv  func(string) (string, bool)
	topics  map[string]*publish.Template
	last    *publish.Template
	lastRaw []byte
}

// maxTopicTemplates bounds the topics that are remembered: those of --json may all be different.
const maxTopicTemplates = 1000

// check finds mistakes before anything is connected.
func (f *filler) check(topics []string, fixed []byte) error {
	for _, name := range topics {
		if _, err := f.topic(name); err != nil {
			return exit.Wrap(exit.Usage, "--topic", "", err)
		}
	}
	if _, err := f.payload(fixed); err != nil {
		return exit.Wrap(exit.Usage, "payload", "", err)
	}
	return nil
}

// fill is the step.
func (f *filler) fill(m *message.Message, n int) error {
	filling := &publish.Filling{Seq: n, Now: time.Now()}
	name, err := f.topic(m.Topic)
	if err != nil {
		return err
	}
	text, err := f.payload(m.Payload)
	if err != nil {
		return err
	}
	if name != nil {
		m.Topic = string(name.Append(nil, filling))
	}
	if text != nil {
		m.Payload = text.Append(nil, filling)
	}
	return nil
}

// topic returns the template of a topic, nil when there is nothing to fill.
func (f *filler) topic(name string) (*publish.Template, error) {
	if t, ok := f.topics[name]; ok {
		return t, nil
	}
	t, err := f.parse([]byte(name))
	if err != nil {
		return nil, err
	}
	if f.topics == nil || len(f.topics) >= maxTopicTemplates {
		f.topics = map[string]*publish.Template{}
	}
	f.topics[name] = t
	return t, nil
}

// payload returns the template of a payload, nil when there is nothing to fill.
func (f *filler) payload(p []byte) (*publish.Template, error) {
	if f.lastRaw != nil && bytes.Equal(p, f.lastRaw) {
		return f.last, nil
	}
	t, err := f.parse(p)
	if err != nil {
		return nil, err
	}
	f.last, f.lastRaw = t, p
	return t, nil
}

func (f *filler) parse(text []byte) (*publish.Template, error) {
	if !bytes.Contains(text, []byte("{{")) {
		return nil, nil //nolint:nilnil // nothing to fill is a good answer
	}
	return publish.ParseTemplate(string(text), f.getenv)
}

// remapsFlag takes FROM=TO, repeatedly.
type remapsFlag struct{ list *[]topic.Remap }

// Set adds a pair.
func (f remapsFlag) Set(s string) error {
	r, err := topic.ParseRemap(s)
	if err == nil {
		*f.list = append(*f.list, r)
	}
	return err
}

// SetLine adds a pair from the environment.
func (f remapsFlag) SetLine(s string) error { return f.Set(s) }

// String returns the value.
func (f remapsFlag) String() string {
	if f.list == nil || len(*f.list) == 0 {
		return ""
	}
	return fmt.Sprint(*f.list)
}

// Type names the value in help.
func (remapsFlag) Type() string { return "FROM=TO" }
