// Package decode shows what is in the payloads of a stream, whatever form they come in: those that a payload alone tells
// (package payload), and those that need what came before it (Sparkplug B) or files of the user (Protocol Buffers).
//
// Start with [New] and give every message of the stream to [Decoder.Decode] in the order of arrival.
package decode

import (
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/protofile"
	"github.com/mqx-cli/mqx/internal/sparkplug"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// The forms that need more than a payload. [payload.DecodeAuto] takes Sparkplug for topics below spBv1.0/, never for how a
// payload looks, and Protobuf where the Content Type says so and a type is known.
const (
	Sparkplug payload.Decoding = "sparkplug"
	Protobuf  payload.Decoding = "protobuf"
)

// Forms returns the names of all forms.
func Forms() []string { return append(payload.Decodings(), string(Sparkplug), string(Protobuf)) }

// Proto says of which type the payloads of some topics are.
type Proto struct {
	// Filter are the topics; nil is all.
	Filter *topic.Filter
	Type   *protofile.Type
}

// Decoder decodes a stream. It is not safe for concurrent use.
type Decoder struct {
	form      payload.Decoding
	protos    []Proto
	sparkplug *sparkplug.Decoder
}

// New returns a Decoder of a form. Of the types of Protobuf messages the first counts that a topic fits.
func New(form payload.Decoding, protos []Proto) *Decoder {
	return &Decoder{form: form, protos: protos, sparkplug: sparkplug.New()}
}

// Decode returns the payload of m in plain. done is what was undone, "" when the payload is as it was.
func (d *Decoder) Decode(m message.Message) (plain []byte, done payload.Decoding, err error) {
	contentType := ""
	if m.Properties.Has(wire.PropContentType) {
		contentType = m.Properties.ContentType
	}
	switch d.form {
	case Sparkplug:
		return d.asSparkplug(m)
	case Protobuf:
		return d.asProtobuf(m)
	case payload.DecodeAuto:
		switch {
		case sparkplug.IsTopic(m.Topic):
			return d.asSparkplug(m)
		case isProtobuf(contentType) && d.typeOf(m.Topic) != nil:
			return d.asProtobuf(m)
		}
	default:
	}
	return d.form.Decode(m.Payload, contentType)
}

func (d *Decoder) asSparkplug(m message.Message) ([]byte, payload.Decoding, error) {
	plain, err := d.sparkplug.Decode(m.Topic, m.Payload)
	if err == nil && string(plain) == string(m.Payload) { // STATE
		return plain, "", nil
	}
	return plain, Sparkplug, err
}

// asProtobuf decodes a message of a known type; the payload of another topic stays as it is.
func (d *Decoder) asProtobuf(m message.Message) ([]byte, payload.Decoding, error) {
	of := d.typeOf(m.Topic)
	if of == nil {
		return m.Payload, "", nil
	}
	plain, err := of.Decode(m.Payload)
	return plain, Protobuf, err
}

func (d *Decoder) typeOf(name string) *protofile.Type {
	for _, p := range d.protos {
		if p.Filter == nil || p.Filter.Match(name) {
			return p.Type
		}
	}
	return nil
}

func isProtobuf(contentType string) bool {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	media = strings.TrimSpace(media)
	return strings.HasSuffix(media, "+protobuf") || slices.Contains([]string{
		"application/protobuf", "application/x-protobuf", "application/vnd.google.protobuf", "application/x-google-protobuf",
	}, media)
}

// Unborn is how many messages of Sparkplug had metrics with an alias whose birth was not seen, and the first topic of them.
func (d *Decoder) Unborn() (messages int, first string) { return d.sparkplug.Unborn() }
