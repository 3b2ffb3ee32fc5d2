package presence

import (
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topic"
)

// guide is the convention of the MQTT guide, or of a contract: a kind of topics has the status of each device, plain or as
// {"status":"online","session":"b-7f31","ts":…}. Devices are called by their base topics.
type guide struct {
	contract *contract.Contract
	words    Words
}

// NewGuide returns the convention of a contract.
func NewGuide(c *contract.Contract, w Words) Convention { return &guide{contract: c, words: w} }

// Filters returns the topics of the device that have the role of its status, and those that it publishes to.
func (g *guide) Filters(name string) Filters {
	var f Filters
	topics := g.contract.TopicsOf(name)
	if len(topics) == 0 {
		topics = g.topicsOfAll()
	}
	for _, t := range topics {
		switch {
		case t.Kind.Role == contract.Status:
			f.Status = append(f.Status, t.Filter.String())
		case t.Kind.From == contract.FromDevice:
			f.Traffic = append(f.Traffic, t.Filter.String())
		}
	}
	return f
}

// topicsOfAll returns the topics of every device below every root.
func (g *guide) topicsOfAll() []contract.DeviceTopic {
	roots := []map[string]string{nil}
	if len(g.contract.Roots) > 0 {
		roots = nil
		for _, r := range g.contract.Roots {
			roots = append(roots, map[string]string{"root": r.Text})
		}
	}
	var topics []contract.DeviceTopic
	for _, kind := range g.contract.Kinds {
		if !strings.Contains(kind.Template.String(), "{device}") {
			continue
		}
		for _, vars := range roots {
			if filter, err := kind.Filter(vars); err == nil {
				topics = append(topics, contract.DeviceTopic{Kind: kind, Filter: filter})
			}
		}
	}
	return topics
}

// Read reads a status, or takes another message of a device as a sign of life.
func (g *guide) Read(m message.Message) Reading {
	match, known := g.contract.Classify(m.Topic)
	if !known {
		return Reading{}
	}
	base := match.Base()
	switch {
	case base == "":
		return Reading{}
	case match.Kind.Role == contract.Status:
		words := g.wordsOf(match.Kind)
		return words.report(base, m)
	case match.Kind.From == contract.FromDevice && !m.Retain:
		return Reading{Alive: []string{base}}
	default:
		return Reading{}
	}
}

// wordsOf are the words of a kind: those that the user gives, or the first two values that the contract allows, in the order
// of the guide, when online is not one of them.
func (g *guide) wordsOf(kind *contract.Kind) Words {
	words, values := g.words, kind.Rule.Values
	usual := slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, "online") })
	if words.Online == "" && words.Offline == "" && !usual && len(values) > 1 {
		words.Online, words.Offline = values[0], values[1]
	}
	return words
}

// custom is a convention of the user: a template of the topics, and which texts mean what.
type custom struct {
	template *topic.Template
	base     []string // the levels of the template that say which device it is
	words    Words
}

// NewCustom returns the convention in which status messages come at the topics of a template. A device is called by the
// levels up to the last variable, or by the whole topic when there is none.
func NewCustom(t *topic.Template, w Words) Convention {
	levels := strings.Split(t.String(), "/")
	last := len(levels)
	for last > 0 && !strings.HasPrefix(levels[last-1], "{") && levels[last-1] != "+" {
		last--
	}
	if last == 0 {
		last = len(levels)
	}
	return &custom{template: t, base: levels[:last], words: w}
}

// Filters returns the topic of the device's status, and everything below its base topic.
func (c *custom) Filters(name string) Filters {
	levels := strings.Split(c.template.String(), "/")
	given := strings.Split(name, "/")
	for i, level := range levels {
		switch {
		case name != AllDevices && len(given) == len(c.base) && i < len(c.base):
			levels[i] = given[i]
		case strings.HasSuffix(level, "...}"):
			levels[i] = "#"
		case strings.HasPrefix(level, "{"):
			levels[i] = "+"
		}
	}
	f := Filters{Status: []string{strings.Join(levels, "/")}}
	if below := levels[:len(c.base)]; len(c.base) < len(levels) {
		f.Traffic = []string{strings.Join(below, "/") + "/#"}
	}
	return f
}

// Read reads a status, or takes another message below a base topic as a sign of life. Nobody knows there who publishes:
// topics that end in set, cmd, command, desired or get are not the device's.
func (c *custom) Read(m message.Message) Reading {
	levels := strings.Split(m.Topic, "/")
	n := len(c.base)
	if _, ok := c.template.Match(m.Topic); ok {
		if strings.HasSuffix(c.base[n-1], "...}") {
			n = len(levels)
		}
		return c.words.report(strings.Join(levels[:n], "/"), m)
	}
	if m.Retain || len(levels) <= n {
		return Reading{}
	}
	switch levels[len(levels)-1] {
	case "set", "get", "cmd", "command", "desired":
		return Reading{}
	}
	return Reading{Alive: []string{strings.Join(levels[:n], "/")}}
}
