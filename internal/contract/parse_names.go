package contract

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func (r *reader) root(env string, p yamlfile.Pair) error {
	text, err := r.Text(p.Value)
	if err != nil {
		return err
	}
	if _, err := topic.ParseName(text); err != nil {
		return err
	}
	if strings.ContainsAny(text, "{}") {
		return faultf("", "%q is no root: it is written out, without variables", text)
	}
	for _, other := range r.c.Roots {
		if other.Text == text {
			return faultf("", "%q is a root already", text)
		}
	}
	r.c.Roots = append(r.c.Roots, Root{env, text, r.place(p.Place())})
	return nil
}

// roots reads a mapping of environments to roots, or a list of roots.
func (r *reader) roots(p yamlfile.Pair, path []string) error {
	items, isList := r.Items(p.Value)
	if !isList {
		r.mapping(p, path, nil, func(p yamlfile.Pair, _ []string) error { return r.root(p.Name, p) })
		return nil
	}
	for _, item := range items {
		if err := r.root("", yamlfile.Pair{Key: p.Key, Value: item}); err != nil {
			return err
		}
	}
	return nil
}

// variable reads what a variable may be: a list of values, or a mapping with values and a pattern.
func (r *reader) variable(name string) setFunc {
	return func(p yamlfile.Pair, path []string) error {
		v := r.c.Variables[name]
		v.At = r.place(p.Key)
		_, isMapping := r.Pairs(p.Value)
		var err error
		if isMapping {
			r.mapping(p, path, []string{"values", "pattern"}, func(p yamlfile.Pair, _ []string) (err error) {
				if p.Name == "pattern" {
					v.Pattern, err = r.pattern(p.Value)
				} else {
					v.Values, err = r.levels(p.Value)
				}
				return err
			})
		} else {
			v.Values, err = r.levels(p.Value)
		}
		r.c.Variables[name] = v
		r.checks = append(r.checks, func() { r.checkVariable(name, p.Key) })
		return err
	}
}

// levels reads values for a level of a topic.
func (r *reader) levels(n ast.Node) ([]string, error) {
	settings, err := r.settings(n)
	var values []string
	for _, s := range settings {
		if _, err := topic.ParseName(s.Text); err != nil || strings.Contains(s.Text, "/") {
			return nil, faultAt(s.At, faultf("", "%q cannot be a level of a topic", s.Text))
		}
		values = append(values, s.Text)
	}
	if err == nil && len(values) == 0 {
		err = errors.New("a list of values is expected")
	}
	return values, err
}

// pattern reads a regular expression that a whole level must match.
func (r *reader) pattern(n ast.Node) (*regexp.Regexp, error) {
	text, err := r.Text(n)
	if err != nil {
		return nil, err
	}
	if _, err := regexp.Compile(text); err != nil {
		return nil, fmt.Errorf("not a regular expression: %w", err)
	}
	return regexp.Compile("^(?:" + text + ")$")
}

func (r *reader) checkVariable(name string, at *token.Token) {
	var known []string
	for _, k := range r.c.Kinds {
		known = append(known, k.Template.Vars()...)
	}
	slices.Sort(known)
	if known = slices.Compact(known); !slices.Contains(known, name) {
		r.Problem(at, fmt.Sprintf("no topic has {%s}", name), yamlfile.DidYouMean(name, known))
	}
}

func (r *reader) deviceKey(p yamlfile.Pair, path []string) (err error) {
	switch p.Name {
	case "pattern":
		v := r.c.Variables["device"]
		v.At = r.place(p.Key)
		v.Pattern, err = r.pattern(p.Value)
		r.c.Variables["device"] = v
	case "inventory":
		r.inventory = p
	case "username":
		return r.login(&r.c.Devices.Username)(p, path)
	case "client_id":
		return r.login(&r.c.Devices.ClientID)(p, path)
	}
	return err
}

// login reads what a device logs in with: a text that says which device it is.
func (r *reader) login(dst *string) setFunc {
	return func(p yamlfile.Pair, path []string) error {
		err := r.text(dst)(p, path)
		if err == nil && !strings.Contains(*dst, "{device}") {
			return faultf("write {device}, or {site}-{device}", "%q does not say which device it is", *dst)
		}
		r.checks = append(r.checks, func() {
			for _, name := range textVariables(*dst) {
				if !slices.Contains(r.c.base, "{"+name+"}") {
					r.Problem(p.Place(), fmt.Sprintf("%s: the taxonomy has no {%s}", p.Name, name), "")
				}
			}
		})
		return err
	}
}

// textVariables are the variables of a text like {site}-{device}.
func textVariables(text string) []string {
	var names []string
	for {
		_, rest, ok := strings.Cut(text, "{")
		name, behind, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			return names
		}
		names, text = append(names, name), behind
	}
}
