package presence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Words say which texts mean online and offline, and where in a payload they are.
type Words struct {
	// Online and Offline are the texts; empty are online and offline in any case of letters.
	Online, Offline string
	// Path is the gjson path of the text in a JSON payload. Without it the payload is the text itself, or a JSON object
	// with the text in its member "status".
	Path string
}

// statusText is what a status payload says before it is known what that means.
type statusText struct {
	text    string
	session string
	made    time.Time
}

// report reads a status message of a device.
func (w *Words) report(device string, m message.Message) Reading {
	if len(m.Payload) == 0 {
		return Reading{Reports: []Report{{Device: device, Word: SaysNothing, Stored: m.Retain}}}
	}
	said, err := readStatus(m.Payload, w.Path, "status")
	if err != nil {
		return Reading{Fault: &Fault{Device: device, Why: err.Error()}}
	}
	word, err := w.meaning(said.text)
	if err != nil {
		return Reading{Fault: &Fault{Device: device, Why: err.Error()}}
	}
	if said.session == "" {
		said.session = sessionProperty(m.Properties)
	}
	return Reading{Reports: []Report{{
		Device: device, Word: word, Text: said.text, Session: said.session, Made: said.made, Stored: m.Retain,
	}}}
}

// meaning is the word that a text is.
func (w *Words) meaning(text string) (Word, error) {
	is := func(given, usual string) bool {
		if given == "" {
			return strings.EqualFold(text, usual)
		}
		return text == given
	}
	switch {
	case is(w.Online, "online"):
		return SaysOnline, nil
	case is(w.Offline, "offline"):
		return SaysOffline, nil
	case strings.EqualFold(text, "sleeping"):
		return SaysSleeping, nil
	default:
		return SaysNothing, fmt.Errorf("%s is neither %s nor %s", quoted(text), orWord(w.Online, "online"), orWord(w.Offline, "offline"))
	}
}

func orWord(given, usual string) string {
	if given == "" {
		return usual
	}
	return quoted(given)
}

// readStatus finds the text of a status in a payload: at a path, in a member of an object, or the payload itself.
func readStatus(p []byte, path, member string) (statusText, error) {
	if len(p) > maxStatus {
		return statusText{}, fmt.Errorf("%d bytes are too many for a status", len(p))
	}
	trimmed := bytes.TrimSpace(p)
	isObject := len(trimmed) > 0 && trimmed[0] == '{'
	if path == "" && isObject {
		path = member
	}
	if path == "" {
		if len(trimmed) > 0 && trimmed[0] == '"' {
			if v, err := payload.Parse(trimmed); err == nil {
				return statusText{text: textOf(v)}, nil
			}
		}
		return statusText{text: string(trimmed)}, nil
	}
	value, found, err := payload.Lookup(p, path)
	switch {
	case err != nil:
		return statusText{}, errors.New("the payload is not JSON")
	case !found:
		return statusText{}, fmt.Errorf("there is nothing at %q", path)
	}
	said := statusText{text: textOf(value)}
	if isObject {
		if session, found, err := payload.Lookup(p, "session"); err == nil && found {
			said.session = textOf(session)
		}
		said.made, _ = payload.Timestamp(p)
	}
	return said, nil
}

// textOf is a JSON value as text: a string is itself.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case nil:
		return "null"
	default:
		return string(payload.AppendValue(nil, v))
	}
}

// sessionProperty is the session id that a message carries as a User Property.
func sessionProperty(p *wire.Properties) string {
	if p == nil {
		return ""
	}
	for _, u := range p.UserProperties {
		switch strings.ReplaceAll(strings.ToLower(u.Key), "-", "_") {
		case "session", "session_id", "mqx_session":
			return u.Value
		}
	}
	return ""
}

// quoted is a text of others in quotes, shortened.
func quoted(text string) string {
	const shown = 40
	if len(text) > shown {
		text = strings.ToValidUTF8(text[:shown], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}
