package retained

import (
	"strconv"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/words"
)

// AppendDifferenceJSON appends d as one JSON object without a line feed: "op", "topic", "from" and "to" as messages, and of
// a changed one "fields" and "changes". A message whose payload was not kept has its "size" instead.
func AppendDifferenceJSON(dst []byte, d Difference) []byte {
	dst = append(dst, `{"op":"`...)
	dst = append(dst, d.Op...)
	dst = append(dst, `","topic":`...)
	dst = message.AppendJSONString(dst, d.Topic)
	dst = appendVersion(dst, `,"from":`, d.From)
	dst = appendVersion(dst, `,"to":`, d.To)
	if d.Op == payload.Changed {
		dst = append(dst, `,"fields":`...)
		dst = appendStrings(dst, d.Fields)
		dst = append(dst, `,"changes":[`...)
		for i, c := range d.Changes {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendChange(dst, c)
		}
		dst = append(dst, ']')
	}
	if d.SameValue {
		dst = append(dst, `,"same_value":true`...)
	}
	if d.MoreChanges > 0 {
		dst = append(dst, `,"more_changes":`...)
		dst = strconv.AppendInt(dst, int64(d.MoreChanges), 10)
	}
	return append(dst, '}')
}

func appendVersion(dst []byte, key string, v *Version) []byte {
	if v == nil {
		return dst
	}
	dst = append(dst, key...)
	if v.Kept {
		return message.AppendJSON(dst, v.Message)
	}
	dst = append(dst, `{"topic":`...)
	dst = message.AppendJSONString(dst, v.Message.Topic)
	dst = append(dst, `,"qos":`...)
	dst = strconv.AppendUint(dst, uint64(v.Message.QoS), 10)
	dst = append(dst, `,"retain":true,"size":`...)
	dst = strconv.AppendInt(dst, int64(v.Size), 10)
	return append(dst, '}')
}

func appendChange(dst []byte, c payload.Change) []byte {
	dst = append(dst, `{"op":"`...)
	dst = append(dst, c.Op...)
	dst = append(dst, `","pointer":`...)
	dst = message.AppendJSONString(dst, c.Pointer)
	if c.Op != payload.Added {
		dst = payload.AppendValue(append(dst, `,"from":`...), c.From)
	}
	if c.Op != payload.Removed {
		dst = payload.AppendValue(append(dst, `,"to":`...), c.To)
	}
	return append(dst, '}')
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = message.AppendJSONString(dst, s)
	}
	return append(dst, ']')
}

// DifferenceText shows d as lines for people: "+ topic payload" for what was added, "- …" for what was removed, "~ topic" for
// what was changed, with the differences below. What comes from messages is escaped.
func DifferenceText(d Difference, style Style) string {
	var b strings.Builder
	line := func(apply func(string) string, indent, text string) {
		b.WriteString(indent + style.Apply(apply, words.Printable(text)) + "\n")
	}
	switch d.Op {
	case payload.Added:
		line(style.Added, "", "+ "+d.Topic+" "+d.To.text())
		return b.String()
	case payload.Removed:
		line(style.Removed, "", "- "+d.Topic+" "+d.From.text())
		return b.String()
	case payload.Changed:
	}
	line(nil, "", "~ "+d.Topic)
	const indent = "    "
	for _, c := range d.Changes {
		for _, text := range changeLines(c) {
			apply := style.Removed
			if text[0] == '+' {
				apply = style.Added
			}
			line(apply, indent, text)
		}
	}
	if d.MoreChanges > 0 {
		line(style.Faint, indent, "and "+strconv.Itoa(d.MoreChanges)+" more differences")
	}
	if d.SameValue {
		line(style.Faint, indent, "the same JSON value in other bytes")
	}
	for _, field := range d.Fields {
		switch {
		case field != "payload":
			line(nil, indent, field+" differs")
		case len(d.Changes) == 0 && !d.SameValue:
			line(style.Removed, indent, "- "+d.From.text())
			line(style.Added, indent, "+ "+d.To.text())
		}
	}
	return b.String()
}

// text is the payload, or how long it is when it was not kept.
func (v *Version) text() string {
	if !v.Kept {
		return "(" + strconv.Itoa(v.Size) + " bytes, not kept)"
	}
	return excerpt(string(v.Message.Payload), 0)
}
