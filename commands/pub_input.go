package commands

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/publish"
	"github.com/mqx-cli/mqx/internal/wire"
)

// payloadInput are the flags that give one payload.
type payloadInput struct {
	message string
	file    string
	stdin   bool
	empty   bool
}

// addPayloadFlags adds the flags.
func (p *payloadInput) addPayloadFlags(fs *pflag.FlagSet) {
	fs.StringVarP(&p.message, "message", "m", "", "payload")
	fs.StringVarP(&p.file, "file", "f", "", "file that holds the payload")
	fs.BoolVarP(&p.stdin, "stdin", "s", false, "standard input is the payload")
	fs.BoolVarP(&p.empty, "empty", "n", false, "empty payload")
}

// chosen lists those of some flags that are given, with their dashes; a boolean one must be true.
func chosen(cmd *cobra.Command, names ...string) []string {
	var list []string
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); given(cmd, name) && (f.Value.Type() != "bool" || f.Value.String() == "true") {
			list = append(list, "--"+name)
		}
	}
	return list
}

// read reads the payload.
func (p *payloadInput) read(ctx context.Context, e *env) ([]byte, error) {
	var b []byte
	var err error
	switch {
	case p.empty:
	case p.stdin, p.file == "-":
		if b, err = readAll(ctx, e.streams.In); err == nil && len(b) == 0 {
			return nil, exit.New(exit.Usage, "--stdin", "", "standard input is empty").Hint("-n publishes an empty message")
		}
	case p.file != "":
		b, err = readFile(ctx, p.file)
	default:
		b = []byte(p.message)
	}
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "read the payload", "", err)
	}
	if len(b) > wire.MaxRemainingLength {
		return nil, exit.New(exit.Usage, "payload", "", fmt.Sprintf("longer than the %d bytes of an MQTT packet", wire.MaxRemainingLength))
	}
	return b, nil
}

// payload reads the one payload of -m, -f, -s and -n. It does so before the connection is made, so that a slow producer
// does not hold one open.
func (o *pubOptions) payload(ctx context.Context, e *env) ([]byte, error) {
	if o.bulk(e) {
		return nil, nil
	}
	return o.read(ctx, e)
}

// readFile reads a file as readAll does. A named pipe may have nobody at its other end, and a device no end.
func readFile(ctx context.Context, name string) ([]byte, error) {
	return readAll(ctx, &lazyFile{name: name})
}

// lazyFile is a file that is opened by the first Read and closed by the one that meets its end.
type lazyFile struct {
	name string
	file *os.File
}

// Read reads from the file.
func (l *lazyFile) Read(p []byte) (n int, err error) {
	if l.file == nil {
		if l.file, err = os.Open(l.name); err != nil {
			return 0, err
		}
	}
	if n, err = l.file.Read(p); err != nil {
		_ = l.file.Close() // it was read only
	}
	return n, err
}

// readAll reads r to its end, or a little more than an MQTT packet can be, unless ctx ends before.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	return publish.ReadAll(ctx, r, wire.MaxRemainingLength+1)
}

// defaults is what the flags say about all messages.
func (o *pubOptions) defaults(payload []byte) message.Message {
	return message.Message{Payload: payload, QoS: o.qos, Retain: o.retain, Properties: o.connection.Properties.Publish}
}

// source is where the messages come from, and what is to be called when they have come.
func (o *pubOptions) source(e *env, payload []byte) (publish.Source, func(), error) {
	m := o.defaults(payload)
	none := func() {}
	switch {
	case o.load != "":
		l, err := openLoad(o.load, m)
		return l, func() { l.close(e) }, err
	case o.lines:
		return publish.NewLines(e.streams.In, m), none, nil
	case e.json:
		if len(o.topics) > 0 {
			m.Topic = o.topics[0]
		}
		return publish.NewJSON(e.streams.In, m), none, nil
	default:
		return publish.NewOnce(m, o.repeat, o.delay), none, nil
	}
}
