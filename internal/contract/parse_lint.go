package contract

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func limitKeys() []string {
	return []string{"topic_bytes", "topic_levels", "payload_bytes", "clock_skew", "stale_after", "rate"}
}

func (r *reader) limit(p yamlfile.Pair, _ []string) (err error) {
	switch p.Name {
	case "topic_bytes":
		r.c.Limits.TopicBytes, err = r.size(p.Value)
	case "topic_levels":
		r.c.Limits.TopicLevels, err = r.count(p.Value)
	case "payload_bytes":
		r.c.Limits.PayloadBytes, err = r.size(p.Value)
	case "clock_skew":
		r.c.Limits.ClockSkew, err = r.duration(p.Value)
	case "stale_after":
		r.c.Limits.StaleAfter, err = r.duration(p.Value)
	case "rate":
		r.c.Limits.Rate, err = r.rate(p.Value)
	}
	return err
}

func (r *reader) duration(n ast.Node) (time.Duration, error) {
	text, err := r.Text(n)
	if err != nil {
		return 0, err
	}
	d, err := duration.Parse(text)
	if err != nil || d == 0 {
		return 0, faultf("like 90s, 1.5, 2m or 7d", "%q is not a duration above zero", text)
	}
	return d, nil
}

// rate reads messages a second: 5, 0.5, 5/s, 10/m.
func (r *reader) rate(n ast.Node) (float64, error) {
	text, err := r.Text(n)
	if err != nil {
		return 0, err
	}
	number, per, _ := strings.Cut(text, "/")
	rate, err := strconv.ParseFloat(number, 64)
	if err != nil || !(rate > 0 && rate < 1e9) || !slices.Contains([]string{"", "s", "m", "h"}, per) {
		return 0, faultf("like 5/s or 10/m", "%q is not a rate", text)
	}
	switch per {
	case "m":
		rate /= 60
	case "h":
		rate /= 3600
	}
	return rate, nil
}

func lintKeys() []string {
	return []string{"profile", "target", "fail_on", "select", "severity", "ignore", "baseline"}
}

func (r *reader) lintKey(p yamlfile.Pair, path []string) (err error) {
	l := &r.c.Lint
	switch p.Name {
	case "profile":
		return r.setting(&l.Profile)(p, path)
	case "target":
		return r.setting(&l.Target)(p, path)
	case "fail_on":
		return r.setting(&l.FailOn)(p, path)
	case "select":
		l.Select, err = r.codes(p.Value)
	case "severity":
		l.Severity = map[string]Setting{}
		r.mapping(p, path, nil, r.severity)
	case "ignore":
		return r.ignore(p, path)
	case "baseline":
		if l.Baseline, err = r.Text(p.Value); err == nil {
			l.Baseline = r.relative(l.Baseline)
		}
	}
	return err
}

func (r *reader) setting(dst *Setting) setFunc {
	return func(p yamlfile.Pair, _ []string) error {
		text, err := r.Text(p.Value)
		*dst = Setting{text, r.place(p.Place())}
		return err
	}
}

// codes reads codes of rules, or the beginnings of some: T, P003.
func (r *reader) codes(n ast.Node) ([]Setting, error) {
	settings, err := r.settings(n)
	if err != nil {
		return nil, err
	}
	for _, s := range settings {
		if err := checkCode(s.Text); err != nil {
			return nil, faultAt(s.At, err)
		}
	}
	return settings, nil
}

func checkCode(text string) error {
	if !regexp.MustCompile(`^[A-Z][0-9]{0,3}$`).MatchString(text) {
		return faultf("like T013, or T for all of that letter", "%q is not the code of a rule", text)
	}
	return nil
}

func (r *reader) severity(p yamlfile.Pair, path []string) error {
	if err := checkCode(p.Name); err != nil {
		r.fault(p.Key, "severity", err)
		return nil
	}
	if s, err := r.Scalar(p.Value); err == nil && s.Value == false {
		return faultf("write off", "false is not a severity")
	}
	var text string
	err := r.word(&text, "error", "warning", "info", "off")(p, path)
	r.c.Lint.Severity[p.Name] = Setting{text, r.place(p.Key)}
	return err
}

// ignore reads suppressions. A code alone is one without a reason, which the linter has a rule about.
func (r *reader) ignore(p yamlfile.Pair, path []string) error {
	items, ok := r.Items(p.Value)
	if !ok {
		return faultf(`write "- { rules: [T008], where: …, reason: … }" below`, "a list is expected")
	}
	for i, item := range items {
		s := Suppression{At: r.place(item.GetToken())}
		if _, isMapping := r.Pairs(item); !isMapping {
			text, err := r.Text(item)
			if err == nil {
				err = checkCode(text)
			}
			if err != nil {
				return faultAt(s.At, err)
			}
			s.Rules = []string{text}
		} else {
			pair := yamlfile.Pair{Name: "ignore", Key: item.GetToken(), Value: item}
			if pairs, _ := r.Pairs(item); len(pairs) > 0 {
				s.At = r.place(pairs[0].Key)
			}
			r.mapping(pair, slices.Concat(path, []string{strconv.Itoa(i)}), []string{"rules", "where", "until", "reason"},
				func(p yamlfile.Pair, path []string) error { return r.suppression(&s, p, path) })
			if len(s.Rules) == 0 && r.Problems() == 0 {
				r.problemAt(s.At, "a suppression names rules", "write rules: [T008]")
			}
		}
		r.c.Lint.Suppressions = append(r.c.Lint.Suppressions, s)
	}
	return nil
}

func (r *reader) suppression(s *Suppression, p yamlfile.Pair, path []string) error {
	switch p.Name {
	case "rules":
		codes, err := r.codes(p.Value)
		for _, code := range codes {
			s.Rules = append(s.Rules, code.Text)
		}
		return err
	case "where":
		return r.text(&s.Where)(p, path)
	case "reason":
		return r.text(&s.Reason)(p, path)
	default:
		text, err := r.Text(p.Value)
		if err != nil {
			return err
		}
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return faultf("like 2027-03-31", "%q is not a day", text)
		}
		s.Until = day.AddDate(0, 0, 1)
		return nil
	}
}

// problemAt notes a mistake at a place that is known by its line only.
func (r *reader) problemAt(at Position, msg, next string) {
	r.ProblemAt(at.Line, at.Column, msg, next)
}

// Expired reports whether the suppression held until a day that is over. Its last day counts in UTC.
func (s Suppression) Expired(now time.Time) bool { return !s.Until.IsZero() && !now.Before(s.Until) }

// Covers reports whether the suppression is about a topic, a filter or a file.
func (s Suppression) Covers(where string) bool {
	if s.Where == "" || s.Where == where {
		return true
	}
	if f, err := topic.ParseFilter(s.Where); err == nil {
		if f.Match(where) {
			return true
		}
		if narrower, err := topic.ParseFilter(where); err == nil && topic.Covers(f, narrower) {
			return true
		}
	}
	ok, _ := path.Match(s.Where, where)
	return ok
}

// Names reports whether the suppression is about the rule of a code.
func (s Suppression) Names(code string) bool {
	return slices.ContainsFunc(s.Rules, func(rule string) bool { return strings.HasPrefix(code, rule) })
}

// count reads a number above zero.
func (r *reader) count(n ast.Node) (int, error) {
	text, err := r.Text(n)
	if err != nil {
		return 0, err
	}
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 {
		return 0, faultf("", "%q is not a number above zero", text)
	}
	return count, nil
}
