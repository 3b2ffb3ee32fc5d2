package lint

import (
	"iter"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/topic"
)

func filters(text string) Example { return example(Filters, text) }

// filterRules are about Topic Filters.
func filterRules() []Rule {
	return []Rule{
		{
			Code: "F001", Name: "hash-not-last", Severity: Error, Profile: Minimal,
			Summary: "# is not the whole last level",
			Why: "# stands for all levels that follow, so that it is the last character and has a level of its own " +
				"[MQTT-4.7.1-1]. For one level in the middle there is +.",
			Bad:  filters("acme/#/status"),
			Good: filters("acme/+/+/status"),
			filter: func(f *filterCheck) {
				for i, l := range f.levels {
					if strings.Contains(l, "#") && (l != "#" || i != len(f.levels)-1) {
						f.found(level(i), "level %d is %q: # is the whole last level, or not there", i+1, l)
						return
					}
				}
			},
		},
		{
			Code: "F002", Name: "plus-not-alone", Severity: Error, Profile: Minimal,
			Summary: "+ is only a part of a level",
			Why: "+ stands for a whole level [MQTT-4.7.1-2]: there is no filter for names that begin with something. Some Servers " +
				"accept such a filter and match it literally, so that nothing ever arrives.",
			Bad:  filters("acme/lyon/cr-+/status"),
			Good: filters("acme/lyon/+/status"),
			filter: func(f *filterCheck) {
				for i, l := range f.levels {
					if strings.Contains(l, "+") && l != "+" {
						f.found(level(i), "level %d is %q: + is a whole level, or not there", i+1, l)
						return
					}
				}
			},
		},
		{
			Code: "F003", Name: "filter-chars", Severity: Error, Profile: Minimal,
			Summary: "a Topic Filter is empty, too long or not UTF-8",
			Why: "The rules for the text of Topic Names hold for Topic Filters too: one character at least, 65,535 bytes at most, " +
				"UTF-8, no U+0000 [MQTT-4.7.3-1, -2, -3]. A Server closes the connection.",
			Bad:  filters("acme/caf\xe9/#"),
			Good: filters("acme/cafe/+/status"),
			filter: func(f *filterCheck) {
				facts := factsOf(f.text)
				switch {
				case f.text == "":
					f.found("", "the Topic Filter is empty")
				case len(f.text) > topic.MaxLen:
					f.found("", "%d bytes, and MQTT allows %d", len(f.text), topic.MaxLen)
				case facts.badUTF8:
					f.found("", "%q is not well-formed UTF-8", f.text)
				case facts.null:
					f.found("", "U+0000 at byte %d", strings.IndexByte(f.text, 0))
				}
			},
		},
		{
			Code: "F006", Name: "share-syntax", Severity: Error, Profile: Minimal,
			Summary: "a Shared Subscription is not $share/NAME/FILTER",
			Why: "NAME has a character at least and neither / nor a wildcard, and a filter follows (MQTT 5, 4.8.2). Mosquitto 2.0 " +
				"accepts $share//t without a word, and nothing is shared.",
			Bad:  filters("$share//acme/+/+/events/+"),
			Good: filters("$share/workers/acme/+/+/events/+"),
			filter: func(f *filterCheck) {
				if strings.HasPrefix(f.text, "$share/") || f.text == "$share" {
					if _, err := topic.ParseFilter(f.text); err != nil {
						f.found("", "%s", faultOf(err))
					}
				}
			},
		},
		{
			Code: "F004", Name: "subscribe-all", Severity: Error, Profile: Guide,
			Summary: "a filter matches everything",
			Why: "#, +/# and +/+/# bring every message of every device: one slow reader then fills the Server's queues, and one " +
				"leaked credential reads everything. A tool that an operator runs by hand may; a product may not.",
			Bad:  filters("#"),
			Good: filters("acme/lyon/+/status"),
			filter: func(f *filterCheck) {
				if f.kind == Filters || f.kind == Source {
					if n := len(f.levels); n > 0 && f.levels[n-1] == "#" && allPlus(f.levels[:n-1]) && f.filter.Bare() != "" {
						f.found("", "%s matches every topic", f.filter.Bare())
					}
				}
			},
		},
		{
			Code: "F005", Name: "too-broad", Severity: Warning, Profile: Guide,
			Summary: "# stands where the levels are known",
			Why: "The shape of the topics is fixed, so that + says which levels vary. # below the root, or below all sites, takes every " +
				"message of every device, and whatever is added later too: a new kind of messages reaches a program that does not know it.",
			Bad:  filters("acme/#"),
			Good: filters("acme/+/+/status"),
			filter: func(f *filterCheck) {
				n := len(f.levels)
				if f.kind == Filters && n > 1 && n < 5 && f.levels[n-1] == "#" && f.levels[0] != "+" && allPlus(f.levels[1:n-1]) &&
					f.levels[0] != "$SYS" && f.l.convention.Contract != nil {
					f.found("", "%s takes every kind of message: say which, as in %s/status", f.filter.Bare(), plusUntil(f.levels[:n-1]))
				}
			},
		},
		{
			Code: "F008", Name: "share-on-state", Severity: Warning, Profile: Guide,
			Summary: "a Shared Subscription on state or commands",
			Why: "A Shared Subscription deals messages out: each consumer sees a part of them, in no order, and no retained message is " +
				"sent when it subscribes. For a status, a desired state or a command that means to miss most of them.",
			Bad:  filters("$share/workers/acme/+/+/status"),
			Good: filters("$share/workers/acme/+/+/events/+"),
			filter: func(f *filterCheck) {
				if k := lastWord(f.levels); f.filter.IsShared() && (k == "status" || k == "cmd" || k == "desired" || k == "reported") {
					f.found("", "the messages of %s are dealt out among the consumers", f.filter.Bare())
				}
			},
		},
		{
			Code: "F009", Name: "overlap", Severity: Warning, Profile: Basic, FixClass: SafeFix,
			Summary: "two filters of one client match the same topic",
			Why: "Whether such a message arrives once or twice is the Server's choice (MQTT 5, 3.3.4): Mosquitto sends it twice to " +
				"MQTT 5 and once to MQTT 3.1.1. Leave out the filter that the other one covers.",
			Bad:     filters("acme/lyon/+/status\nacme/+/+/status"),
			Good:    filters("acme/lyon/+/status\nacme/turin/+/status"),
			filters: overlaps,
		},
		{
			Code: "F010", Name: "dead-filter", Severity: Warning, Profile: Guide,
			Summary: "a filter matches no topic of the convention",
			Why: "Nothing will ever arrive: a typo, a leading /, a level too many. The Server does not say so, it just never sends " +
				"anything.",
			Bad:  filters("/acme/+/+/status"),
			Good: filters("acme/+/+/status"),
			filter: func(f *filterCheck) {
				if f.kind == Filters && f.filter.Bare() != "" && !strings.HasPrefix(f.levels[0], "$") && !f.l.convention.reaches(f.filter) {
					f.found("", "no topic of the convention matches %s", f.filter.Bare())
				}
			},
		},
		{
			Code: "F011", Name: "dollar-blind", Severity: Info, Profile: Guide,
			Summary: "a filter reads the Server's own topics",
			Why: "$SYS/ differs from Server to Server and is often not readable for everybody. A monitor may read it, a product should " +
				"not depend on it. # and + at the beginning never match it (MQTT 5, 4.7.2).",
			Bad:  filters("$SYS/#"),
			Good: filters("acme/+/+/status"),
			filter: func(f *filterCheck) {
				if f.kind == Filters && f.levels[0] == "$SYS" {
					f.found("", "%s differs from Server to Server", f.text)
				}
			},
		},
	}
}

// faultOf is what the parser says about a filter, without the filter.
func faultOf(err error) string {
	if fault, ok := asTopicError(err); ok {
		return fault.Msg
	}
	return err.Error()
}

func allPlus(levels []string) bool {
	for _, l := range levels {
		if l != "+" {
			return false
		}
	}
	return true
}

// plusUntil fills a filter up to the level of the kind.
func plusUntil(levels []string) string {
	const kindAt = 3
	return strings.Join(levels, "/") + strings.Repeat("/+", max(0, kindAt-len(levels)))
}

// lastWord is the last level of a filter that is no wildcard.
func lastWord(levels []string) string {
	for _, l := range slices.Backward(levels) {
		if l != "+" && l != "#" {
			return l
		}
	}
	return ""
}

func overlaps(s *filterSetCheck) {
	for i, b := range s.filters {
		for _, a := range s.filters[:i] {
			if a.filter.ShareName() != b.filter.ShareName() || !topic.Overlap(a.filter, b.filter) {
				continue
			}
			s.subject = subject{kind: Filters, topic: b.filter.String(), place: b.place}
			switch {
			case a.filter == b.filter:
				s.found("", "%s is there twice", b.filter).removeLine(SafeFix)
			case topic.Covers(a.filter, b.filter):
				s.found("", "%s covers %s: leave out the second", a.filter, b.filter).removeLine(UnsafeFix)
			case topic.Covers(b.filter, a.filter):
				s.found("", "%s covers %s: leave out the second", b.filter, a.filter).at(a.place).removeLine(UnsafeFix)
			default:
				s.found("", "%s and %s match some of the same topics", a.filter, b.filter)
			}
			break
		}
	}
}

// reaches reports whether a filter matches a topic of the convention.
func (c *Convention) reaches(f topic.Filter) bool {
	if c.Contract == nil {
		return true // the conventions of others have topics beyond those that we know
	}
	if slices.Contains(f.Levels(), "") {
		return false // no value of a variable is empty
	}
	for _, k := range c.Contract.Kinds {
		for own := range kindFilters(c.Contract, k) {
			if topic.Overlap(own, f) {
				return true
			}
		}
	}
	return false
}

// kindFilters are the filters of the topics of a kind: one for each root.
func kindFilters(c *contract.Contract, k *contract.Kind) iter.Seq[topic.Filter] {
	return func(yield func(topic.Filter) bool) {
		if len(c.Roots) == 0 {
			if f, ok := kindFilter(k, "+"); ok {
				yield(f)
			}
			return
		}
		for _, r := range c.Roots {
			if f, ok := kindFilter(k, r.Text); ok && !yield(f) {
				return
			}
		}
	}
}

// kindFilter is the filter of a kind below a root.
func kindFilter(k *contract.Kind, root string) (topic.Filter, bool) {
	levels := strings.Split(k.Template.String(), "/")
	for i, l := range levels {
		switch {
		case l == "{root}":
			levels[i] = root
		case strings.HasSuffix(l, "...}"):
			levels[i] = "#"
		case strings.HasPrefix(l, "{"):
			levels[i] = "+"
		}
	}
	f, err := topic.ParseFilter(strings.Join(levels, "/"))
	return f, err == nil
}
