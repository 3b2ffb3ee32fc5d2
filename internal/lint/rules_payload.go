package lint

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/wire"
)

// goodPayload is the guide's own.
const goodPayload = `{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1"}`

func body(text string) Example { return example(Payload, text) }

// payloadFormRules are about the bytes of a payload.
func payloadFormRules() []Rule {
	return []Rule{
		{
			Code: "P001", Name: "not-json", Severity: Error, Profile: Minimal,
			Summary: "a payload is not JSON where JSON was agreed on",
			Why: "A consumer that parses JSON throws the message away, and often the rest of its work with it. Unquoted names, " +
				"single quotes, trailing commas and NaN are not JSON (RFC 8259). A kind of topics may have another format: the contract " +
				"file says so.",
			Bad:  body(`{v:21.7}`),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				if !p.json && !p.text && len(p.body) > 0 {
					_, err := payload.Parse(p.body)
					p.found("", "%s: %s", err, excerpt(p.body))
				}
			},
		},
		{
			Code: "P018", Name: "non-finite", Severity: Error, Profile: Guide,
			Summary: "a measurement is NaN, Infinity or null",
			Why: "JSON has no NaN and no Infinity: C's printf writes them, and every parser refuses the message. A sensor that has no " +
				"value should send none, or an event that says so; null makes every consumer decide what it means.",
			Bad:  body(`{"v":NaN,"ts":1736430000,"unit":"C","schema":"temp.v1"}`),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				if !p.json && !p.text {
					if word := bareWord(p.body); word != "" {
						p.found("", "%s is not a JSON value", word)
					}
					return
				}
				if at, v, ok := p.measured(); ok && v.Type == gjson.Null && p.place.role == telemetry {
					p.foundAs(Warning, at, "the value is null: send nothing, or an event")
				}
			},
		},
		{
			Code: "P019", Name: "duplicate-keys", Severity: Error, Profile: Basic,
			Summary: "an object has a member twice",
			Why: "What a parser makes of two members with one name is not defined: some take the first, some the last, some refuse " +
				"(RFC 8259, 4). Two consumers of one message then disagree.",
			Bad:     body(`{"v":21.7,"v":22.1,"ts":1736430000,"unit":"C","schema":"temp.v1"}`),
			Good:    body(goodPayload),
			payload: duplicateKeys,
		},
		{
			Code: "P020", Name: "bom-or-trailing", Severity: Error, Profile: Basic, FixClass: SafeFix,
			Summary: "there is something around the payload",
			Why: "A byte order mark before, NUL bytes or a second value behind: most parsers refuse it, some do not notice. It comes " +
				"from a file that was saved with a mark, or from a buffer that was sent with its whole size.",
			Bad:  body("\ufeff" + goodPayload),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				switch trimmed := bytes.TrimRight(p.body, "\x00"); {
				case bytes.HasPrefix(p.body, []byte("\ufeff")):
					p.found("", "the payload begins with a byte order mark").replace(SafeFix, 0, len("\ufeff"), "")
				case len(trimmed) < len(p.body) && utf8.Valid(p.body) && len(trimmed) > 0:
					p.found("", "%d NUL bytes at the end", len(p.body)-len(trimmed)).replace(SafeFix, len(trimmed), len(p.body), "")
				case !p.json && !p.text && severalValues(p.body):
					p.found("", "more than one JSON value: send a message for each, or an array")
				}
			},
		},
		{
			Code: "P021", Name: "payload-size", Severity: Warning, Profile: Basic,
			Summary: "a payload is large",
			Why: "MQTT carries large payloads, and every subscriber, queue and retained store then holds them: beyond a few " +
				"kilobytes a device with little memory cannot even receive its own commands. Send a reference to large data. --target " +
				"checks the limit of a Server, the contract file may set another.",
			Bad:  body(`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1","log":"` + strings.Repeat("x", defaultPayload) + `"}`),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				if most := p.maxBytes(); len(p.body) > most {
					p.found("", "%d bytes, and %d are allowed", len(p.body), most)
				}
				if most := p.l.limits.payload; most > 0 && len(p.body) > most {
					p.foundAs(Error, "target", "%d bytes, and %s takes %d", len(p.body), p.l.limits.target, most)
				}
			},
		},
		{
			Code: "P024", Name: "secret-in-payload", Severity: Error, Profile: Basic,
			Summary: "a payload has a secret",
			Why: "Everybody who may subscribe reads it, bridges copy it, retained messages and captures keep it. Passwords, tokens and " +
				"keys do not travel in payloads; what was published must be changed. The report does not repeat the value.",
			Bad:     body(`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1","wifi_password":"hunter2!"}`),
			Good:    body(goodPayload),
			payload: secretInPayload,
		},
		{
			Code: "P026", Name: "unsafe-integer", Severity: Warning, Profile: Basic,
			Summary: "a number is larger than most readers can hold",
			Why: "JavaScript and many others read numbers as IEEE 754 doubles, which hold integers up to 2^53 exactly. Beyond that a " +
				"serial number silently becomes another one. Send it as a string.",
			Bad:  body(`{"v":21.7,"ts":1736430000,"unit":"C","schema":"temp.v1","serial":9007199254740993}`),
			Good: body(goodPayload),
			payload: func(p *payloadCheck) {
				for i := range p.members {
					if v := &p.members[i].value; v.Type == gjson.Number && unsafeInteger(v.Raw) {
						p.found(p.templatePointer(i), "%.40s is beyond 2^53", v.Raw)
					}
				}
			},
		},
	}
}

func (c *payloadCheck) maxBytes() int {
	if n := c.place.rule.MaxBytes; n > 0 {
		return n
	}
	of := c.l.convention.Contract
	switch {
	case of == nil:
		return wire.MaxRemainingLength // a list of all devices of a bridge is as long as it is
	case of.Limits.PayloadBytes > 0:
		return of.Limits.PayloadBytes
	default:
		return defaultPayload
	}
}

// excerpt is the beginning of a payload, quoted.
func excerpt(p []byte) string {
	const shown = 40
	if len(p) > shown {
		return strings.TrimSuffix(quote(p[:shown]), `"`) + `…"`
	}
	return quote(p)
}

func quote(p []byte) string {
	text, _ := json.Marshal(string(p)) // a string can always be written
	return string(text)
}

// bareWord returns a word that programs write for a number that is none.
func bareWord(p []byte) string {
	for _, word := range []string{"NaN", "-Infinity", "Infinity", "nan", "-inf", "inf", "None", "undefined"} {
		for rest := p; ; {
			i := bytes.Index(rest, []byte(word))
			if i < 0 {
				break
			}
			if i > 0 && strings.IndexByte(": [,", rest[i-1]) >= 0 {
				return word
			}
			rest = rest[i+len(word):]
		}
	}
	return ""
}

// severalValues reports whether p is JSON values one after the other.
func severalValues(p []byte) bool {
	d := json.NewDecoder(bytes.NewReader(p))
	var first, second json.RawMessage
	return d.Decode(&first) == nil && d.Decode(&second) == nil
}

func duplicateKeys(p *payloadCheck) {
	// A payload has few members; the list is short enough to be searched.
	const few = 48
	if len(p.members) > few {
		manyDuplicateKeys(p)
		return
	}
	for i := range p.members {
		for j := range i {
			a, b := &p.members[i], &p.members[j]
			if a.parent == b.parent && a.index < 0 && b.index < 0 && a.key == b.key {
				p.found(p.templatePointer(i), "the member %q is there twice", a.key)
				break
			}
		}
	}
}

func manyDuplicateKeys(p *payloadCheck) {
	type name struct {
		parent int
		key    string
	}
	seen := make(map[name]bool, len(p.members))
	for i := range p.members {
		m := &p.members[i]
		if n := (name{m.parent, m.key}); m.index >= 0 {
			continue
		} else if seen[n] {
			p.found(p.templatePointer(i), "the member %q is there twice", m.key)
		} else {
			seen[n] = true
		}
	}
}

func unsafeInteger(raw string) bool {
	digits := strings.TrimPrefix(raw, "-")
	if len(digits) < 16 || strings.ContainsAny(digits, ".eE") {
		return false
	}
	const most = "9007199254740992" // 2^53
	return len(digits) > len(most) || digits > most
}

func secretInPayload(p *payloadCheck) {
	for i := range p.members {
		m := &p.members[i]
		if m.value.Type != gjson.String || m.value.Str == "" {
			continue
		}
		if what := payload.Secret(m.key, m.value.Str); what != "" {
			p.found(p.templatePointer(i), "%q looks like %s", m.key, what)
		}
	}
	if !p.json && bytes.Contains(p.body, []byte("-----BEGIN ")) && bytes.Contains(p.body, []byte("PRIVATE KEY-----")) {
		p.found("", "the payload is a private key")
	}
}
