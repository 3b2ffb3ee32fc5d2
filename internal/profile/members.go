package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// Members is an object: each of its members has a value of its own. A member whose value drops out is not in it.
type Members struct{ List []Member }

// Member is one member of an object.
type Member struct {
	Name  string
	Value *Value
}

// Items is an array: each of its items has a value of its own. An item whose value drops out is not in it.
type Items struct{ List []*Value }

// Time is when it was measured, as the device's clock has it.
type Time struct{ As Timestamp }

// Local is a form of [Time] without a zone, 2026-01-05T06:00:00, which is UTC.
const Local Timestamp = "local"

// deepestMember bounds how deep objects are nested, mostMembers how many members and items one has.
const (
	deepestMember = 16
	mostMembers   = 1_000
)

// mostLevels bounds templates of topics, as it does those of a contract.
const mostLevels = 64

func (*Members) span(*DeviceType, int) (Span, bool) { return Span{}, false }

func (*Items) span(*DeviceType, int) (Span, bool) { return Span{}, false }

func (*Time) span(*DeviceType, int) (Span, bool) { return Span{}, false }

// paths appends the names of all members, those of nested ones with points between.
func (m *Members) paths(before string, all []string) []string {
	for _, one := range m.List {
		all = append(all, before+one.Name)
		if inner, ok := one.Value.Source.(*Members); ok {
			all = inner.paths(before+one.Name+".", all)
		}
	}
	return all
}

// members reads an object: a mapping of names to values.
func (s *sourceReader) members(p yamlfile.Pair) (Source, error) {
	m := &Members{}
	s.each(p, func(p yamlfile.Pair) error {
		if len(m.List) >= mostMembers {
			return fmt.Errorf("more than %d members", mostMembers)
		}
		v, err := s.inner(p)
		if v != nil {
			m.List = append(m.List, Member{p.Name, v})
		}
		return err
	})
	return m, nil
}

// items reads an array: a list of values.
func (s *sourceReader) items(p yamlfile.Pair) (Source, error) {
	list, ok := s.Items(p.Value)
	if !ok {
		return &Items{}, yamlfile.Mistakef("items: [1, { walk: 18..26 }]", "a list of values is expected")
	}
	if len(list) > mostMembers {
		return &Items{}, fmt.Errorf("more than %d items", mostMembers)
	}
	a := &Items{}
	for i, item := range list {
		v, err := s.inner(yamlfile.Pair{Name: p.Name + "[" + strconv.Itoa(i) + "]", Key: item.GetToken(), Value: item})
		if err != nil {
			return a, err
		}
		if v != nil {
			a.List = append(a.List, v)
		}
	}
	return a, nil
}

// inner reads the value of a member or an item. null is one here.
func (s *sourceReader) inner(p yamlfile.Pair) (*Value, error) {
	if s.depth >= deepestMember {
		return nil, fmt.Errorf("more than %d levels of members", deepestMember)
	}
	if null, ok := s.Resolve(p.Value).(*ast.NullNode); ok {
		if null.GetToken().Type == token.ImplicitNullType {
			return nil, yamlfile.Mistakef("write null where that is meant", "it has no value")
		}
		return &Value{Source: &Constant{nil}, At: s.place(p.Key)}, nil
	}
	return s.valueAt(s.t, p, s.depth+1), nil
}

// time reads how a time is written.
func (s *sourceReader) time(p yamlfile.Pair) (Source, error) {
	t := &Time{}
	return t, word(s.reader, &t.As, Seconds, Milliseconds, RFC3339, Local)(p)
}

// wholePayload reads the members of a signal: they are the payload, and not a member of it.
func (r *reader) wholePayload(t *DeviceType, s *Signal) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		v := &sourceReader{reader: r, t: t, v: &Value{At: r.place(p.Key)}}
		source, err := v.members(p)
		v.v.Source = source
		s.Value, s.Flat = v.v, true
		return err
	}
}

// checkFlat looks for members of a payload that are written twice: by their value, and by what stands beside values.
func (r *reader) checkFlat(s *Signal, found map[string]yamlfile.Pair) {
	members, ok := sourceOf(s.Value).(*Members)
	if !s.Flat || !ok {
		return
	}
	twice := map[string]string{}
	if s.Event {
		twice["id"] = "an event has an id already"
	}
	if s.Payload.Timestamp != NoTimestamp {
		twice["ts"] = "the payload has a ts already: leave it out, or write timestamp: none"
	}
	if s.Unit != "" {
		twice["unit"] = "unit: says it already"
	}
	if s.Schema != "" {
		twice["schema"] = "schema: says it already"
	}
	for _, m := range members.List {
		if why, ok := twice[m.Name]; ok {
			at := m.Value.At
			r.ProblemAt(at.Line, at.Column, found["members"].Name+": "+m.Name+": "+why, "")
		}
	}
}

// ownTopic reads the topic of a signal, or of presence, that is not where the contract has it.
func (r *reader) ownTopic(dst *string) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		if err := r.text(dst)(p); err != nil {
			return err
		}
		t, err := topic.ParseTemplate(*dst)
		if err != nil {
			return err
		}
		if levels := strings.Split(*dst, "/"); len(levels) > mostLevels {
			return fmt.Errorf("more than %d levels", mostLevels)
		} else if !slices.Contains(levels, "{device}") || strings.ContainsAny(t.String(), "+#") {
			return yamlfile.Mistakef(`like "{root}/{device}/state"`, "%q does not say which device it is", *dst)
		}
		return nil
	}
}
