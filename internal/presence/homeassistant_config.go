package presence

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var (
	errBadConfig  = errors.New("the discovery message is not the JSON object of a configuration")
	errHugeConfig = errors.New("the discovery message is too large")
)

// haConfig is what counts here of a discovery message. Home Assistant lets keys be abbreviated, so that most are there
// twice.
type haConfig struct {
	Base        string `json:"~"`
	UniqueID    string `json:"unique_id"`
	UniqueIDTo  string `json:"uniq_id"`
	Topic       string `json:"availability_topic"`
	TopicTo     string `json:"avty_t"`
	Template    string `json:"availability_template"`
	TemplateTo  string `json:"avty_tpl"`
	Mode        string `json:"availability_mode"`
	ModeTo      string `json:"avty_mode"`
	Available   string `json:"payload_available"`
	AvailableTo string `json:"pl_avail"`
	Absent      string `json:"payload_not_available"`
	AbsentTo    string `json:"pl_not_avail"`

	List   haTopics `json:"availability"`
	ListTo haTopics `json:"avty"`

	Device       haDevice                   `json:"device"`
	DeviceTo     haDevice                   `json:"dev"`
	Components   map[string]json.RawMessage `json:"components"`
	ComponentsTo map[string]json.RawMessage `json:"cmps"`
}

// haTopic is an element of the list of availability topics.
type haTopic struct {
	Topic       string `json:"topic"`
	TopicTo     string `json:"t"`
	Template    string `json:"value_template"`
	TemplateTo  string `json:"val_tpl"`
	Available   string `json:"payload_available"`
	AvailableTo string `json:"pl_avail"`
	Absent      string `json:"payload_not_available"`
	AbsentTo    string `json:"pl_not_avail"`
}

// haTopics is such a list, or the only element of one.
type haTopics []haTopic

// UnmarshalJSON takes a list or one element.
func (l *haTopics) UnmarshalJSON(text []byte) error {
	var one haTopic
	if len(text) > 0 && text[0] == '{' {
		if err := json.Unmarshal(text, &one); err != nil {
			return err
		}
		*l = haTopics{one}
		return nil
	}
	var many []haTopic
	err := json.Unmarshal(text, &many)
	*l = many
	return err
}

// haDevice says which device an entity belongs to.
type haDevice struct {
	IDs   haStrings `json:"identifiers"`
	IDsTo haStrings `json:"ids"`
}

// haStrings is a list of texts, or the only one.
type haStrings []string

// UnmarshalJSON takes a list or one text.
func (l *haStrings) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = haStrings{one}
		return nil
	}
	var many []string
	err := json.Unmarshal(text, &many)
	*l = many
	return err
}

// either returns the one that is given.
func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// name is what the device of a configuration is called; topic is where it came, without its last level.
func (c *haConfig) name(topic string) string {
	for _, ids := range []haStrings{c.Device.IDs, c.DeviceTo.IDsTo, c.Device.IDsTo, c.DeviceTo.IDs} {
		if len(ids) > 0 && ids[0] != "" {
			return ids[0]
		}
	}
	return either(either(c.UniqueID, c.UniqueIDTo), topic)
}

// components are the configurations of the parts of a device.
func (c *haConfig) components() []haConfig {
	var parts []haConfig
	for _, from := range []map[string]json.RawMessage{c.Components, c.ComponentsTo} {
		for _, key := range slices.Sorted(maps.Keys(from)) {
			var part haConfig
			if json.Unmarshal(from[key], &part) == nil {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

// entity is what the configuration says of availability; it has no topics when it says nothing.
func (c *haConfig) entity(device string) entity {
	e := entity{device: device, mode: either(c.Mode, c.ModeTo)}
	if e.mode != "all" && e.mode != "any" {
		e.mode = latest
	}
	list := append(slices.Clone(c.List), c.ListTo...)
	if name := either(c.Topic, c.TopicTo); name != "" {
		list = append(list, haTopic{
			Topic: name, Template: either(c.Template, c.TemplateTo), Available: either(c.Available, c.AvailableTo), Absent: either(c.Absent, c.AbsentTo),
		})
	}
	for _, t := range list {
		name := c.expand(either(t.Topic, t.TopicTo))
		if !validTopic(name) {
			continue
		}
		at := availabilityTopic{topic: name}
		at.words.Path, at.fault = templatePath(either(t.Template, t.TemplateTo))
		at.words.Online = either(either(t.Available, t.AvailableTo), "online")
		at.words.Offline = either(either(t.Absent, t.AbsentTo), "offline")
		e.topics = append(e.topics, at)
	}
	return e
}

// expand puts the base topic in the place of ~ at the beginning or the end of a topic.
func (c *haConfig) expand(name string) string {
	if rest, ok := strings.CutPrefix(name, "~"); ok {
		name = c.Base + rest
	}
	if rest, ok := strings.CutSuffix(name, "~"); ok {
		name = rest + c.Base
	}
	return name
}

// templatePath is the gjson path that a simple template stands for: {{ value_json.state }}, {{ value_json['a'].b[0] }}. One that is
// {{ value }} has none.
func templatePath(template string) (path, fault string) {
	text := strings.TrimSpace(template)
	inner, opens := strings.CutPrefix(text, "{{")
	inner, closes := strings.CutSuffix(inner, "}}")
	inner = strings.Trim(inner, "- \t\n")
	switch {
	case text == "", opens && closes && inner == "value":
		return "", ""
	case !opens || !closes || !strings.HasPrefix(inner, "value_json"):
		return "", "the template " + quoted(template) + " is more than mqx can read"
	}
	rest := strings.TrimPrefix(inner, "value_json")
	step := regexp.MustCompile(`^(?:\.([A-Za-z0-9_]+)|\[\s*'([^'\]]*)'\s*\]|\[\s*"([^"\]]*)"\s*\]|\[\s*([0-9]+)\s*\])`)
	var keys []string
	for rest != "" {
		found := step.FindStringSubmatch(rest)
		if found == nil {
			return "", "the template " + quoted(template) + " is more than mqx can read"
		}
		keys = append(keys, gjsonKey(either(either(found[1], found[2]), either(found[3], found[4]))))
		rest = rest[len(found[0]):]
	}
	if len(keys) == 0 {
		return "@this", ""
	}
	return strings.Join(keys, "."), ""
}

// gjsonKey is a name in a gjson path.
func gjsonKey(name string) string {
	var b strings.Builder
	for _, r := range name {
		if strings.ContainsRune(`\.*?|#@!{}[]()=<>%"`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
