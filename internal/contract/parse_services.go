package contract

import (
	"fmt"
	"slices"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// service reads a user that is no device.
func (r *reader) service(p yamlfile.Pair, path []string) error {
	s := Service{Name: p.Name, Username: p.Name, At: r.place(p.Key)}
	r.mapping(p, path, []string{"username", "read", "write", "where"}, func(p yamlfile.Pair, path []string) (err error) {
		switch p.Name {
		case "username":
			return r.text(&s.Username)(p, path)
		case "read":
			s.Read, err = r.kindNames(p)
		case "write":
			s.Write, err = r.kindNames(p)
		case "where":
			s.Where = map[string]string{}
			r.mapping(p, path, nil, func(p yamlfile.Pair, path []string) error { return r.fixed(&s, p, path) })
		}
		return err
	})
	if len(s.Read)+len(s.Write) == 0 && r.Problems() == 0 {
		return faultf("write read: [telemetry, status] or write: [desired, cmd]", "a service reads or writes something")
	}
	r.c.Services = append(r.c.Services, s)
	return nil
}

// kindNames reads names of kinds. Whether there are such is looked at when all of them are known.
func (r *reader) kindNames(p yamlfile.Pair) ([]string, error) {
	settings, err := r.settings(p.Value)
	r.checks = append(r.checks, func() {
		var known []string
		for _, k := range r.c.Kinds {
			known = append(known, k.Name)
		}
		for _, s := range settings {
			if !slices.Contains(known, s.Text) {
				r.problemAt(s.At, fmt.Sprintf("%s: there is no kind %q", p.Name, s.Text), yamlfile.DidYouMean(s.Text, known))
			}
		}
	})
	var names []string
	for _, s := range settings {
		names = append(names, s.Text)
	}
	return names, err
}

// fixed reads the value of a variable that a service is confined to.
func (r *reader) fixed(s *Service, p yamlfile.Pair, _ []string) error {
	text, err := r.Text(p.Value)
	if err != nil {
		return err
	}
	if _, err := topic.ParseName(text); err != nil {
		return err
	}
	s.Where[p.Name] = text
	r.checks = append(r.checks, func() { r.checkFixed(p, text) })
	return nil
}

func (r *reader) checkFixed(p yamlfile.Pair, text string) {
	r.checkVariable(p.Name, p.Key)
	if p.Name == "root" {
		if len(r.c.Roots) > 0 && !slices.ContainsFunc(r.c.Roots, func(root Root) bool { return root.Text == text }) {
			r.Problem(p.Place(), fmt.Sprintf("root: %q is none of the roots", text), "")
		}
		return
	}
	if v, ok := r.c.Variables[p.Name]; ok && !v.Allows(text) {
		r.Problem(p.Place(), fmt.Sprintf("%s: %q is not allowed", p.Name, text), "")
	}
}
