package simulate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/profile"
)

// Profile writes a profile of what was seen. Anonymous says that nothing in it tells whose devices they were: root, sites,
// identifiers, words and places are others; signals, units, schemas and numbers stay.
func (l *Lesson) Profile(name string, anonymous bool) string {
	names := &anonymiser{on: anonymous, words: map[string]string{}}
	for _, d := range l.order {
		for _, s := range d.signals {
			if !s.settled {
				s.settle()
			}
		}
	}
	l.guess()
	l.complete()
	types := l.types(names)
	var b strings.Builder
	fmt.Fprintf(&b, "# Learned from %d messages of %d devices. Look through it: what comes at other times was not seen.\n", l.Messages, len(l.order))
	fmt.Fprintf(&b, "version: %s\nname: %s\nseed: 1\nduration: 1h\n\n", profile.Version, quoted(name))
	root := cmp.Or(l.root, "acme")
	if anonymous {
		root = "example"
	}
	base := cmp.Or(l.base, strings.TrimSuffix(l.contract.Taxonomy.String(), "/{kind}"))
	if base+"/{kind}" == contract.GuideTaxonomy {
		fmt.Fprintf(&b, "topics: { root: %s }\n\nfleet:\n", quoted(root))
	} else {
		fmt.Fprintf(&b, "topics: { root: %s, base: %q }\n\nfleet:\n", quoted(root), base)
	}
	for _, t := range types {
		t.writeGroups(&b, names)
	}
	b.WriteString("\ndevices:\n")
	for _, t := range types {
		l.writeType(&b, t, names)
	}
	return b.String()
}

// Devices is how many devices were seen that measure something.
func (l *Lesson) Devices() int {
	n := 0
	for _, d := range l.order {
		if len(d.signals) > 0 {
			n++
		}
	}
	return n
}

// learnedType are the devices with the same signals.
type learnedType struct {
	name    string
	devices []*learnedDevice
}

// types puts devices with the same signals together, in the order in which they were seen.
func (l *Lesson) types(names *anonymiser) []*learnedType {
	byKey := map[string]*learnedType{}
	taken := map[string]bool{}
	var types []*learnedType
	for _, d := range l.order {
		if len(d.signals) == 0 {
			continue
		}
		key := d.shape()
		t := byKey[key]
		if t == nil {
			t = &learnedType{name: typeName(d.id)}
			if names.on {
				t.name = fmt.Sprintf("type-%d", len(types)+1)
			}
			for n := 2; taken[t.name]; n++ {
				t.name = fmt.Sprintf("%s-%d", typeName(d.id), n)
			}
			taken[t.name] = true
			byKey[key] = t
			types = append(types, t)
		}
		t.devices = append(t.devices, d)
	}
	return types
}

// typeName is what an identifier begins with: cr of cr-001.
func typeName(id string) string {
	name := strings.TrimRight(id, "0123456789")
	name = strings.TrimRight(name, "-_.")
	if plainWord().MatchString(name) {
		return name
	}
	return "device"
}

// writeGroups writes the devices of a type: those of a site that are numbered from 1 as one group.
func (t *learnedType) writeGroups(b *strings.Builder, names *anonymiser) {
	type place struct{ site, vars string }
	groups := map[place][]*learnedDevice{}
	var order []place
	for _, d := range t.devices {
		p := place{d.site, varsText(d.vars, names)}
		if groups[p] == nil {
			order = append(order, p)
		}
		groups[p] = append(groups[p], d)
	}
	for i, p := range order {
		site := ""
		if p.site != "" {
			site = ", site: " + quoted(names.site(p.site))
		}
		devices := groups[p]
		id, ok := numbered(devices)
		if names.on {
			id, ok = fmt.Sprintf("%s-%d-{n:03}", t.name, i+1), true
		}
		if ok {
			fmt.Fprintf(b, "  - { use: %s%s, count: %d, id: %q%s }\n", quoted(t.name), site, len(devices), id, p.vars)
			continue
		}
		for _, d := range devices {
			fmt.Fprintf(b, "  - { use: %s%s, id: %s%s }\n", quoted(t.name), site, quoted(d.id), p.vars)
		}
	}
}

func varsText(vars map[string]string, names *anonymiser) string {
	if len(vars) == 0 {
		return ""
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		list = append(list, name+": "+quoted(names.word(vars[name])))
	}
	return ", vars: { " + strings.Join(list, ", ") + " }"
}

// numbered finds the pattern of identifiers that count from 1: cr-{n:03}.
func numbered(devices []*learnedDevice) (pattern string, ok bool) {
	if len(devices) < 2 {
		return "", false
	}
	ids := map[string]bool{}
	for _, d := range devices {
		ids[d.id] = true
	}
	head := strings.TrimRight(devices[0].id, "0123456789")
	for _, format := range []string{"{n}", "{n:02}", "{n:03}", "{n:04}", "{n:05}", "{n:06}"} {
		width := 0
		if format != "{n}" {
			width = int(format[len(format)-2] - '0')
		}
		all := true
		for n := range devices {
			all = all && ids[fmt.Sprintf("%s%0*d", head, width, n+1)]
		}
		if all {
			return head + format, true
		}
	}
	return "", false
}

func (l *Lesson) writeType(b *strings.Builder, t *learnedType, names *anonymiser) {
	fmt.Fprintf(b, "  %s:\n", quoted(t.name))
	topic := ""
	if l.statusTopic != "" {
		topic = "topic: " + strconv.Quote(l.statusTopic) + ", "
	}
	if topic != "" || l.online != "online" || l.offline != "offline" {
		fmt.Fprintf(b, "    status: { %sonline: %s, offline: %s }\n", topic, quoted(l.online), quoted(l.offline))
	}
	if t.valued() {
		b.WriteString("    payload: { value: value }\n")
	}
	for _, section := range []string{"telemetry", "events"} {
		headed := false
		for _, name := range t.devices[0].names {
			s := t.best(name)
			if s.event != (section == "events") {
				continue
			}
			if !headed {
				fmt.Fprintf(b, "    %s:\n", section)
				headed = true
			}
			s.write(b, names)
		}
	}
	t.writeSettings(b, names)
}

// best is the signal of the device that has most of it.
func (t *learnedType) best(name string) *learnedSignal {
	best := t.devices[0].signals[name]
	for _, d := range t.devices {
		if s := d.signals[name]; s.measured() > best.measured() {
			best = s
		}
	}
	return best
}

// measured is how many measurements were seen.
func (s *learnedSignal) measured() int {
	if s.whole != nil {
		return s.whole.objects
	}
	return len(s.values)
}

// shape tells devices apart that send different things.
func (d *learnedDevice) shape() string {
	shapes := make([]string, 0, len(d.signals))
	for _, s := range d.signals {
		shapes = append(shapes, s.shape())
	}
	slices.Sort(shapes)
	return strings.Join(shapes, "/")
}

// valued reports whether the values of the type are written as value, and not as v.
func (t *learnedType) valued() bool {
	values := 0
	for _, s := range t.devices[0].signals {
		switch {
		case s.whole != nil || s.key == "":
		case s.key != "value":
			return false
		default:
			values++
		}
	}
	return values > 0
}

func (s *learnedSignal) write(b *strings.Builder, names *anonymiser) {
	fmt.Fprintf(b, "      %s: # %d messages\n        %s\n", quoted(s.name), s.count, strings.ReplaceAll(s.schedule(), ", ", "\n        "))
	if s.topic != "" {
		fmt.Fprintf(b, "        topic: %q\n", s.topic)
		if s.lowest > 0 {
			fmt.Fprintf(b, "        qos: %d\n", s.lowest)
		}
		if s.retained*2 > s.count {
			b.WriteString("        retain: true\n")
		}
	}
	if s.schema != "" {
		fmt.Fprintf(b, "        schema: %s\n", quoted(s.schema))
	}
	if s.unit != "" {
		fmt.Fprintf(b, "        unit: %s\n", quoted(s.unit))
	}
	if s.encoding != profile.JSON {
		fmt.Fprintf(b, "        encoding: %s\n", s.encoding)
	}
	if s.stamp != profile.NoTimestamp {
		fmt.Fprintf(b, "        timestamp: %s\n", s.stamp)
	} else if s.whole != nil {
		b.WriteString("        timestamp: none\n")
	} else if len(s.values) > 0 {
		b.WriteString("        # it came without ts; timestamp: none leaves it out again\n")
	}
	if s.whole != nil {
		s.writeMembers(b, names)
		return
	}
	fmt.Fprintf(b, "        value: %s\n", s.value(names))
}

// settings are those of all devices of the type.
func (t *learnedType) settings() map[string]*learnedSetting {
	all := map[string]*learnedSetting{}
	for _, d := range t.devices {
		for name, s := range d.settings {
			if known := all[name]; known == nil || known.kind == "" {
				all[name] = s
			} else if s.kind != "" {
				known.merge(s)
			}
		}
	}
	return all
}

func (t *learnedType) writeSettings(b *strings.Builder, names *anonymiser) {
	var lines []string
	settings := t.settings()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		s := settings[name]
		switch s.kind {
		case "integer", "number":
			lines = append(lines, fmt.Sprintf("        %s: { type: %s, default: %s } # from %s to %s were seen\n",
				quoted(name), s.kind, s.first, numberText(s.min), numberText(s.max)))
		case "boolean":
			lines = append(lines, fmt.Sprintf("        %s: { type: boolean }\n", quoted(name)))
		case "string":
			words := make([]string, len(s.words))
			for i, w := range s.words {
				words[i] = quoted(names.word(w))
			}
			lines = append(lines, fmt.Sprintf("        %s: { type: string, default: %s } # %s were seen\n", quoted(name), words[0], strings.Join(words, ", ")))
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "    desired:\n      accepts:\n%s", strings.Join(lines, ""))
	}
}

// anonymiser puts other names for those that tell whose devices they are.
type anonymiser struct {
	on         bool
	words      map[string]string
	sites      []string
	north, far float64
	placed     bool
}

func (a *anonymiser) site(name string) string {
	if !a.on {
		return name
	}
	i := slices.Index(a.sites, name)
	if i < 0 {
		a.sites = append(a.sites, name)
		i = len(a.sites) - 1
	}
	return fmt.Sprintf("site-%d", i+1)
}

// word is a value as a word.
func (a *anonymiser) word(v any) string {
	word := fmt.Sprint(v)
	if _, isText := v.(string); !a.on || !isText {
		return word
	}
	if _, ok := a.words[word]; !ok {
		a.words[word] = fmt.Sprintf("word-%d", len(a.words)+1)
	}
	return a.words[word]
}

// place moves a journey to begin at 0, 0.
func (a *anonymiser) place(p Position) (lat, lon float64) {
	if !a.on {
		return p.Lat, p.Lon
	}
	if !a.placed {
		a.placed, a.north, a.far = true, p.Lat, p.Lon
	}
	lat, lon = p.Lat-a.north, math.Mod(p.Lon-a.far+540, 360)-180
	return max(-90, min(90, lat)), lon
}

// written is a value as it stands in a profile: texts as words, everything else as what it is.
func (a *anonymiser) written(v any) string {
	if _, isText := v.(string); isText {
		return quoted(a.word(v))
	}
	if n, ok := v.(float64); ok {
		return numberText(n)
	}
	return fmt.Sprint(v)
}

func plainWord() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`) }

// quoted is a text of YAML that every reader takes for one.
func quoted(text string) string {
	switch strings.ToLower(text) {
	case "on", "off", "yes", "no", "true", "false", "y", "n", "null":
	default:
		if plainWord().MatchString(text) {
			return text
		}
	}
	return strconv.Quote(text)
}

// numberText is a number as it is written in a profile.
func numberText(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// pointOf is a position as a point of a track.
func pointOf(p Position) profile.Point { return profile.Point{Lat: p.Lat, Lon: p.Lon} }
