package lint

import (
	"strings"
	"unicode/utf8"

	"github.com/mqx-cli/mqx/internal/topic"
)

func example(k Kind, text string) Example { return Example{Kind: k, Text: text} }

func topics(text string) Example { return example(Topics, text) }

// wholeTopic is the part of a finding that is not about a single level.
const wholeTopic = ""

// protocolTopicRules are what MQTT itself asks of a Topic Name.
func protocolTopicRules() []Rule {
	return []Rule{
		{
			Code: "T001", Name: "topic-empty", Severity: Error, Profile: Minimal,
			Summary: "a Topic Name is empty",
			Why: "A Topic Name has at least one character [MQTT-4.7.3-1]. An empty one comes from a variable that was not set. " +
				"A Server closes the connection of whoever publishes to it.",
			Bad:  example(Messages, `{"topic":"","payload":"online"}`),
			Good: example(Messages, `{"topic":"acme/lyon/cr-001/status","retain":true,"qos":1,"payload":"online"}`),
			topic: func(t *topicCheck) {
				if t.name == "" {
					t.found(wholeTopic, "the Topic Name is empty")
				}
			},
		},
		{
			Code: "T002", Name: "topic-too-long", Severity: Error, Profile: Minimal,
			Summary: "a Topic Name is longer than 65,535 bytes",
			Why: "The length of a Topic Name travels in two bytes, so that it cannot be longer than 65,535 bytes of UTF-8 " +
				"[MQTT-4.7.3-3]. Long before that, constrained devices have no buffer for it.",
			Bad:  topics("acme/lyon/cr-001/telemetry/" + strings.Repeat("x", topic.MaxLen)),
			Good: topics("acme/lyon/cr-001/telemetry/temp"),
			topic: func(t *topicCheck) {
				if len(t.name) > topic.MaxLen {
					t.found(wholeTopic, "%d bytes, and MQTT allows %d", len(t.name), topic.MaxLen)
				}
			},
		},
		{
			Code: "T003", Name: "topic-null", Severity: Error, Profile: Minimal,
			Summary: "a Topic Name has the character U+0000",
			Why: "U+0000 is forbidden in Topic Names [MQTT-4.7.3-2]: a Server closes the connection. It usually comes from a " +
				"buffer that was published with its whole size and not with the length of the text in it.",
			Bad:  example(Messages, `{"topic":"acme/lyon/cr-001\u0000/status","payload":"online"}`),
			Good: example(Messages, `{"topic":"acme/lyon/cr-001/status","retain":true,"qos":1,"payload":"online"}`),
			topic: func(t *topicCheck) {
				if t.null {
					t.found(wholeTopic, "U+0000 at byte %d", strings.IndexByte(t.name, 0))
				}
			},
		},
		{
			Code: "T004", Name: "topic-bad-utf8", Severity: Error, Profile: Minimal,
			Summary: "a Topic Name is not UTF-8",
			Why: "Topic Names are well-formed UTF-8 [MQTT-1.5.4-1], without surrogates. Text in another encoding, Latin-1 " +
				"for example, closes the connection with a Malformed Packet.",
			Bad:  topics("acme/lyon/caf\xe9/status"),
			Good: topics("acme/lyon/cafe/status"),
			topic: func(t *topicCheck) {
				if t.badUTF8 {
					t.found(wholeTopic, "%q is not well-formed UTF-8", t.name)
				}
			},
		},
		{
			Code: "T005", Name: "wildcard-in-name", Severity: Error, Profile: Minimal,
			Summary: "a Topic Name has a wildcard",
			Why: "+ and # have a meaning in Topic Filters only. A PUBLISH whose Topic Name has one is refused, and most " +
				"Servers close the connection [MQTT-3.3.2-2]. Publish to the topics that are meant, one by one.",
			Bad:  topics("acme/+/cr-001/status"),
			Good: topics("acme/lyon/cr-001/status"),
			topic: func(t *topicCheck) {
				if !t.wildcard {
					return
				}
				for i, l := range t.levels {
					if strings.ContainsAny(l, "+#") {
						t.found(level(i), "level %d is %q: a Topic Name has no wildcard", i+1, l)
					}
				}
			},
		},
		{
			Code: "T006", Name: "dollar-prefix", Severity: Error, Profile: Minimal,
			Summary: "a Topic Name begins with $",
			Why: "Topics that begin with $ belong to the Server (MQTT 5, 4.7.2): $SYS/ for its own figures, $share/ for " +
				"Shared Subscriptions. Filters that begin with a wildcard do not match them, and Servers refuse messages to them.",
			Bad:  topics("$SYS/acme/status"),
			Good: topics("acme/lyon/cr-001/status"),
			topic: func(t *topicCheck) {
				if t.dollar && t.name[0] == '$' && t.kind != Live && !t.place.ofServer() {
					t.found(wholeTopic, "topics that begin with %s/ are the Server's", t.levels[0])
				}
			},
		},
		{
			Code: "T007", Name: "control-char", Severity: Error, Profile: Minimal,
			Summary: "a Topic Name has a control character",
			Why: "Control characters and non-characters should not be in a UTF-8 string, and a receiver may treat them as a " +
				"Malformed Packet (MQTT 5, 1.5.4): Mosquitto closes the connection. The usual source is a line feed that was " +
				"read together with a name.",
			Bad:  topics("acme/lyon/cr-001\t/status"),
			Good: topics("acme/lyon/cr-001/status"),
			topic: func(t *topicCheck) {
				if t.control {
					i := strings.IndexFunc(t.name, discouraged)
					t.found(wholeTopic, "%U at byte %d", []rune(t.name[i:])[0], i)
				}
			},
		},
	}
}

// topicRules are what makes topics hard to use, whatever the convention.
func topicRules() []Rule {
	return []Rule{
		{
			Code: "T008", Name: "leading-slash", Severity: Warning, Profile: Basic, FixClass: UnsafeFix,
			Summary: "a Topic Name begins with /",
			Why: "A leading / makes an empty first level: /acme/x and acme/x are different topics, and acme/# does not match the " +
				"first. The first level is where access rules and bridges look.",
			Bad:  topics("/acme/lyon/cr-001/status"),
			Good: topics("acme/lyon/cr-001/status"),
			topic: func(t *topicCheck) {
				if t.empty && t.name != "" && t.name[0] == '/' {
					t.found(wholeTopic, "the first level is empty: leave out the leading /").replace(UnsafeFix, 0, 1, "")
				}
			},
		},
		{
			Code: "T009", Name: "trailing-slash", Severity: Warning, Profile: Basic, FixClass: UnsafeFix,
			Summary: "a Topic Name ends with /",
			Why: "A trailing / makes an empty last level: acme/x/ and acme/x are different topics, and nobody sees the " +
				"difference. Often the name of the last level was empty.",
			Bad:  topics("acme/lyon/cr-001/status/"),
			Good: topics("acme/lyon/cr-001/status"),
			topic: func(t *topicCheck) {
				if t.empty && len(t.name) > 1 && t.name[len(t.name)-1] == '/' {
					t.found(wholeTopic, "the last level is empty: leave out the trailing /").replace(UnsafeFix, len(t.name)-1, len(t.name), "")
				}
			},
		},
		{
			Code: "T010", Name: "empty-level", Severity: Warning, Profile: Basic,
			Summary: "a level in the middle is empty",
			Why: "Two slashes with nothing between them are a level with an empty name. It nearly always means that a variable " +
				"was empty when the topic was put together, and then all such devices publish to one topic.",
			Bad:  topics("acme//cr-001/status"),
			Good: topics("acme/lyon/cr-001/status"),
			topic: func(t *topicCheck) {
				if !t.empty {
					return
				}
				for i := 1; i < len(t.levels)-1; i++ {
					if t.levels[i] == "" {
						t.found(level(i), "level %d is empty: an empty variable?", i+1)
					}
				}
			},
		},
		{
			Code: "T011", Name: "whitespace", Severity: Warning, Profile: Basic, FixClass: UnsafeFix,
			Summary: "a Topic Name has white space",
			Why: "White space is allowed, and it breaks shell scripts, access lists (Mosquitto's is separated by spaces) and " +
				"people's eyes. NATS refuses such topics, so that it is an error with --target nats.",
			Bad:  topics("acme/lyon/cold room/status"),
			Good: topics("acme/lyon/cold-room/status"),
			topic: func(t *topicCheck) {
				for i := 0; t.space && i < len(t.levels); i++ {
					if strings.ContainsAny(t.levels[i], " \t\u00a0\u2003\u3000") {
						t.found(level(i), "level %d is %q: use a dash", i+1, t.levels[i]).level(t, i, dashed(t.levels[i]))
					}
				}
			},
		},
		{
			Code: "T012", Name: "non-ascii", Severity: Warning, Profile: Basic,
			Summary: "a Topic Name has characters beyond ASCII",
			Why: "MQTT compares topics byte by byte and normalises nothing: é as one character and as two look alike and are " +
				"different topics. ASCII cannot go wrong between keyboards, encodings and files. Names for people belong in the payload.",
			Bad:  topics("acme/lyon/café/status"),
			Good: topics("acme/lyon/cafe/status"),
			topic: func(t *topicCheck) {
				for i := 0; t.nonASCII && !t.badUTF8 && i < len(t.levels); i++ {
					if strings.IndexFunc(t.levels[i], func(r rune) bool { return r > 0x7e }) >= 0 {
						t.found(level(i), "level %d is %q: keep to ASCII", i+1, t.levels[i])
					}
				}
			},
		},
		{
			Code: "T014", Name: "too-deep", Severity: Warning, Profile: Basic,
			Summary: "a Topic Name has too many levels",
			Why: "Every level costs each match at the Server. More than seven slashes are more than AWS IoT takes, and a sign " +
				"that payload has moved into the topic. --target checks the limit of a Server, the contract file may set another.",
			Bad:  topics("acme/lyon/b1/f2/r3/rack/4/cr-001/telemetry/temp"),
			Good: topics("acme/lyon/cr-001/telemetry/temp"),
			topic: func(t *topicCheck) {
				if most := t.l.maxSlashes(); t.slashes > most {
					t.found(wholeTopic, "%d slashes, and %d are allowed", t.slashes, most)
				}
			},
		},
		{
			Code: "T015", Name: "too-many-bytes", Severity: Warning, Profile: Basic,
			Summary: "a Topic Name is long",
			Why: "A topic travels with every message: at 128 bytes it outweighs most measurements, and devices with little " +
				"memory have a buffer for no more. --target checks the limit of a Server, the contract file may set another.",
			Bad:  topics("acme/lyon/cr-001/telemetry/" + strings.Repeat("temperature-", 10) + "c"),
			Good: topics("acme/lyon/cr-001/telemetry/temp"),
			topic: func(t *topicCheck) {
				if most := t.l.maxBytes(); len(t.name) > most && len(t.name) <= topic.MaxLen {
					t.found(wholeTopic, "%d bytes, and %d are allowed", len(t.name), most)
				}
			},
		},
		{
			Code: "T026", Name: "confusable", Severity: Warning, Profile: Basic, FixClass: UnsafeFix,
			Summary: "a Topic Name has characters that nobody sees",
			Why: "A byte order mark, a zero-width space or a mark that turns the direction of text makes two topics that look " +
				"the same. It comes from copying out of documents and chats.",
			Bad:  topics("acme/lyon/cr\u200b-001/status"),
			Good: topics("acme/lyon/cr-001/status"),
			topic: func(t *topicCheck) {
				if !t.nonASCII {
					return
				}
				if i := strings.IndexFunc(t.name, invisible); i >= 0 {
					r, n := utf8.DecodeRuneInString(t.name[i:])
					t.found(wholeTopic, "the invisible character %U at byte %d", r, i).replace(UnsafeFix, i, i+n, "")
				}
			},
		},
		{
			Code: "T034", Name: "target-syntax", Severity: Warning, Profile: Basic,
			Summary: "the target translates a character of a Topic Name",
			Why: "NATS and RabbitMQ carry MQTT topics in subjects and routing keys of their own, where levels are separated by " +
				"dots. A dot in a level becomes something else there, so that other clients of the Server see another name.",
			Bad:  withTarget(topics("acme/lyon/cr.001/status"), NATS),
			Good: withTarget(topics("acme/lyon/cr-001/status"), NATS),
			topic: func(t *topicCheck) {
				if t.l.limits.noDot && strings.Contains(t.name, ".") {
					t.found(wholeTopic, "a dot in a topic is a separator of levels for %s", t.l.limits.target)
				}
			},
		},
	}
}

func (l *Linter) maxSlashes() int {
	if c := l.convention.Contract; c != nil && c.Limits.TopicLevels > 0 {
		return c.Limits.TopicLevels - 1
	}
	if l.limits.slashes > 0 {
		return l.limits.slashes
	}
	return defaultSlashes
}

func (l *Linter) maxBytes() int {
	if c := l.convention.Contract; c != nil && c.Limits.TopicBytes > 0 {
		return c.Limits.TopicBytes
	}
	if l.limits.bytes > 0 {
		return l.limits.bytes
	}
	return defaultBytes
}
