package commands

import (
	"cmp"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/decode"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/receive"
	"github.com/mqx-cli/mqx/internal/sift"
	"github.com/mqx-cli/mqx/internal/topic"
)

// subSink is where the messages of `sub` go.
type subSink interface {
	receive.Sink
	// end says on stderr what is to be said about all messages, and gives the run its error: err, if there is one.
	end(e *env, err error) error
}

// shower is a subSink that can show more of a message than it is: members of its JSON object.
type shower interface {
	subSink
	Show(m message.Message, extra []byte) (bool, error)
}

// printingSink prints.
type printingSink struct {
	*output.Messages

	path string
}

func (p *printingSink) end(e *env, err error) error {
	if n := p.Missing(); n > 0 {
		e.note("%s without a value at --path %s", messages(n), p.path)
	}
	return err
}

// siftOptions are the flags that say which messages are shown.
type siftOptions struct {
	capture string
	where   string
	dedupe  string
	every   time.Duration
	changes bool
	decode  decodeOptions
	schema  string
}

func (o *siftOptions) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&o.where, "where", "", "only messages for which this expression holds, on payload, topic, levels, vars, properties, user, qos,\n"+
		"retain, size and age")
	fs.StringVar(&o.capture, "capture", "", "name the levels of topics, as in '{root}/{site}/{device}/#', for --where and as \"vars\" in JSON")
	o.decode.addFlags(cmd)
	fs.StringVar(&o.schema, "schema", "", "check each payload that is shown against the JSON Schema in this file")
	fs.BoolVar(&o.changes, "changes", false, "only messages whose payload differs from the one shown last on that topic")
	fs.Var(durationFlag{&o.every}, "every", "at most one message of a topic in this time")
	fs.StringVar(&o.dedupe, "dedupe", "", "leave out messages whose id, at this gjson path, was seen on that topic")
}

// sink puts what sifts, if anything does, before next.
func (o *siftOptions) sink(cmd *cobra.Command, next shower) (subSink, error) {
	options := sift.Options{Every: o.every, Changes: o.changes, Dedupe: o.dedupe}
	var err error
	if o.where != "" {
		if options.Where, err = sift.NewWhere(o.where); err != nil {
			return nil, whereError(err, whereExample)
		}
	}
	if o.capture != "" {
		if options.Capture, err = topic.ParseTemplate(o.capture); err != nil {
			return nil, exit.Wrap(exit.Usage, "--capture", "", err)
		}
		if len(options.Capture.Vars()) == 0 {
			return nil, usageError(cmd, "--capture %q names no level: write {name} for one", o.capture)
		}
	}
	if o.schema != "" {
		schema, err := payload.ReadSchema(o.schema)
		if err != nil {
			return nil, exit.Wrap(exit.Usage, "--schema", "", err)
		}
		next = &checkingSink{shower: next, schema: schema}
	}
	sink := next
	if options != (sift.Options{}) {
		sink = &siftingSink{shower: next, sieve: sift.New(options), where: options.Where}
	}
	decoder, err := o.decode.decoder(cmd)
	if err != nil || decoder == nil {
		return sink, err
	}
	asked := cmp.Or(o.decode.form, string(decode.Protobuf))
	return &decodingSink{shower: sink, decoder: decoder, asked: asked}, nil
}

// whereExample is a condition on messages.
const whereExample = `levels[1] == "line1" && payload.v > 20`

func whereError(err error, example string) error {
	return exit.Wrap(exit.Usage, "--where", "", err).Hint("for example: " + example)
}

// siftingSink shows what passes a sieve.
type siftingSink struct {
	shower

	sieve *sift.Sieve
	where *sift.Where
	extra []byte
}

// Message shows m if it passes.
func (s *siftingSink) Message(m message.Message) (bool, error) { return s.Show(m, nil) }

// Show shows m if it passes.
func (s *siftingSink) Show(m message.Message, extra []byte) (bool, error) {
	known, passes := s.sieve.Sift(m)
	if !passes {
		return false, nil
	}
	s.extra = appendVars(append(s.extra[:0], extra...), known.Vars)
	return s.shower.Show(m, s.extra)
}

// appendVars appends the variables of a topic as a member of a JSON object.
func appendVars(dst []byte, vars []sift.Var) []byte {
	for i, v := range vars {
		if i == 0 {
			dst = append(dst, `,"vars":{`...)
		} else {
			dst = append(dst, ',')
		}
		dst = append(message.AppendJSONString(dst, v.Name), ':')
		dst = message.AppendJSONString(dst, v.Value)
	}
	if len(vars) > 0 {
		dst = append(dst, '}')
	}
	return dst
}

func (s *siftingSink) end(e *env, err error) error {
	e.reportWhere(s.where)
	if n := s.sieve.Duplicates(); n > 0 {
		e.note("%s left out by --dedupe", count(n, "duplicate"))
	}
	if forgot := s.sieve.Forgot(); forgot != "" && !errors.Is(err, exit.ErrOutputClosed) {
		e.note("%s", forgot)
	}
	return s.shower.end(e, err)
}
