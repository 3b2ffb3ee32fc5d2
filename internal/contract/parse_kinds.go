package contract

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// kindPair is a kind as a file says it.
type kindPair struct {
	kindSpec
	pair yamlfile.Pair
}

func unsetRule() Rule { return Rule{QoS: QoSUnset} }

// kind reads a kind, or that there is no such kind.
func (r *reader) kind(p yamlfile.Pair, path []string) error {
	k := kindPair{pair: p, kindSpec: kindSpec{name: p.Name, rule: unsetRule(), at: r.place(p.Key)}}
	if s, err := r.Scalar(p.Value); err == nil {
		if s.Text != "off" && s.Value != false {
			return faultf("write what holds for it, or off", "a mapping is expected")
		}
		k.off = true
	} else {
		keys := slices.Concat([]string{"suffix", "topic", "role", "from", "description"}, ruleKeys())
		r.mapping(p, path, keys, func(p yamlfile.Pair, path []string) error { return r.kindKey(&k, p, path) })
	}
	if k.topic != "" && k.suffix != "" {
		return faultf("", "topic replaces the taxonomy, so that suffix has no place")
	}
	r.kinds = append(r.kinds, k)
	return nil
}

func (r *reader) kindKey(k *kindPair, p yamlfile.Pair, path []string) error {
	switch p.Name {
	case "suffix":
		return r.text(&k.suffix)(p, path)
	case "topic":
		return r.text(&k.topic)(p, path)
	case "description":
		return r.text(&k.description)(p, path)
	case "role":
		return r.word((*string)(&k.role), roleNames()...)(p, path)
	case "from":
		return r.word((*string)(&k.from), string(FromDevice), string(FromService), string(FromAnybody))(p, path)
	default:
		return r.ruleKey(&k.rule, p, path)
	}
}

func roleNames() []string {
	return []string{
		string(Telemetry), string(Status), string(Command), string(Result), string(Desired), string(Reported), string(Event),
	}
}

// signal reads the rules for a signal. A signal may be there without any.
func (r *reader) signal(p yamlfile.Pair, here []string) error {
	if _, err := path.Match(p.Name, ""); err != nil || p.Name == "" || strings.Contains(p.Name, "/") {
		return faultf("", "%q cannot be the name of a signal", p.Name)
	}
	s := Signal{Name: p.Name, Rule: unsetRule(), At: r.place(p.Key)}
	if _, isNull := r.Resolve(p.Value).(*ast.NullNode); !isNull {
		r.mapping(p, here, ruleKeys(), func(p yamlfile.Pair, path []string) error { return r.ruleKey(&s.Rule, p, path) })
	}
	r.c.Signals = append(r.c.Signals, s)
	return nil
}

func ruleKeys() []string {
	return []string{"retain", "qos", "format", "require", "values", "unit", "schema", "max_bytes", "payload", "tolerance"}
}

// ruleKey reads what messages must be. What is about the payload may stand under payload: as well.
func (r *reader) ruleKey(rule *Rule, p yamlfile.Pair, path []string) (err error) {
	switch p.Name {
	case "retain":
		rule.Retain, err = r.retain(p.Value)
	case "qos":
		rule.QoS, err = r.qos(p.Value)
	case "format":
		return r.word((*string)(&rule.Format), formatNames()...)(p, path)
	case "require":
		rule.Require, err = r.texts(p.Value)
	case "values":
		if rule.Values, err = r.texts(p.Value); err == nil && len(rule.Values) == 0 {
			err = faultf("write what they may be, or leave values out", "no payload would be right")
		}
	case "unit":
		return r.text(&rule.Unit)(p, path)
	case "schema":
		r.checks = append(r.checks, func() { r.checkSchema(p) })
		return r.text(&rule.Schema)(p, path)
	case "max_bytes":
		rule.MaxBytes, err = r.size(p.Value)
	case "tolerance":
		rule.Tolerance, err = r.tolerance(p, path)
	case "payload":
		keys := []string{"format", "require", "values", "unit", "schema", "max_bytes"}
		r.mapping(p, path, keys, func(p yamlfile.Pair, path []string) error { return r.ruleKey(rule, p, path) })
	}
	return err
}

// tolerance reads a number for all settings, or one for each.
func (r *reader) tolerance(p yamlfile.Pair, path []string) (map[string]float64, error) {
	tolerance := map[string]float64{}
	read := func(key string, n ast.Node) error {
		text, err := r.Text(n)
		if err != nil {
			return err
		}
		number, err := strconv.ParseFloat(text, 64)
		if err != nil || !(number >= 0) || math.IsInf(number, 0) {
			return faultf("", "%q is not a number of 0 or more", text)
		}
		tolerance[key] = number
		return nil
	}
	pairs, several := r.Pairs(p.Value)
	if !several {
		return tolerance, read("", p.Value)
	}
	for _, setting := range pairs {
		if setting.Name == "" {
			return nil, faultf("write tolerance: N for all settings", "a setting has a name")
		}
		if err := read(setting.Name, setting.Value); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(append(path, setting.Name), "."), err)
		}
	}
	return tolerance, nil
}

func formatNames() []string {
	return []string{
		string(JSON), string(Text), string(Binary), string(CBOR), string(MsgPack), string(Protobuf), string(AnyBytes),
	}
}

func (r *reader) retain(n ast.Node) (Retain, error) {
	s, err := r.Scalar(n)
	if err != nil {
		return "", err
	}
	switch rule := Retain(s.Text); {
	case s.Value == true, rule == RetainMust:
		return RetainMust, nil
	case s.Value == false, rule == RetainNever:
		return RetainNever, nil
	case rule == RetainLast, rule == RetainAny:
		return rule, nil
	default:
		return "", faultf("true, false, last (the last value may be retained) or any", "%q is not known", s.Text)
	}
}

func (r *reader) qos(n ast.Node) (QoS, error) {
	s, err := r.Scalar(n)
	switch {
	case err != nil:
		return QoSUnset, err
	case s.Text == "any":
		return QoSAny, nil
	case s.Text != "0" && s.Text != "1" && s.Text != "2":
		return QoSUnset, faultf("0, 1, 2 or any", "%q is not a QoS", s.Text)
	}
	return QoS(s.Text[0] - '0'), nil
}

// size reads a number of bytes: 512, 8KiB, 8kB, 1MiB.
func (r *reader) size(n ast.Node) (int, error) {
	text, err := r.Text(n)
	if err != nil {
		return 0, err
	}
	digits := strings.TrimRight(text, "kKMiB ")
	count, err := strconv.Atoi(digits)
	const most = 1 << 30
	if err != nil || count <= 0 || count > most {
		return 0, faultf("like 512, 8KiB or 1MiB", "%q is not a number of bytes", text)
	}
	factor := 0
	switch strings.TrimSpace(text[len(digits):]) {
	case "", "B":
		factor = 1
	case "kB", "KB":
		factor = 1000
	case "KiB":
		factor = 1 << 10
	case "MB":
		factor = 1000 * 1000
	case "MiB":
		factor = 1 << 20
	}
	if factor == 0 || count > most/factor {
		return 0, faultf("like 512, 8KiB or 1MiB", "%q is not a number of bytes", text)
	}
	return count * factor, nil
}

// schema reads a named schema: the file that it is in, or the schema itself.
func (r *reader) schema(p yamlfile.Pair, _ []string) error {
	if _, err := path.Match(p.Name, ""); err != nil || p.Name == "" {
		return faultf("", "%q cannot be the name of a schema", p.Name)
	}
	if _, inline := r.Pairs(p.Value); inline {
		return r.inlineSchema(p)
	}
	file, err := r.Text(p.Value)
	if err != nil {
		return err
	}
	s := &Schema{Name: p.Name, File: r.relative(file), At: r.place(p.Key)}
	if _, err := os.Stat(s.File); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s", s.File)
	}
	if s.schema, err = payload.ReadSchema(s.File); err != nil {
		return err
	}
	r.c.Schemas = append(r.c.Schemas, s)
	return nil
}

// inlineSchema reads a schema that stands in the contract file.
func (r *reader) inlineSchema(p yamlfile.Pair) error {
	value, err := r.Value(p.Value)
	if err != nil {
		return err
	}
	compiled, err := payload.PartSchema(r.file, value, "")
	if err != nil {
		return err
	}
	r.c.Schemas = append(r.c.Schemas, &Schema{Name: p.Name, At: r.place(p.Key), value: value, schema: compiled})
	return nil
}

// checkSchema looks whether there is a schema of the name that a rule gives.
func (r *reader) checkSchema(p yamlfile.Pair) {
	name, err := r.Text(p.Value)
	if err != nil || r.c.SchemaFor(unsetRule(), name) != nil {
		return
	}
	var known []string
	for _, s := range r.c.Schemas {
		known = append(known, s.Name)
	}
	next := "name it under schemas:"
	if len(known) > 0 {
		next = yamlfile.DidYouMean(name, known)
	}
	r.Problem(p.Place(), fmt.Sprintf("schema: there is no schema %q", name), next)
}

// buildKinds puts what the file says over the kinds of the guide.
func (r *reader) buildKinds() {
	var specs []kindPair
	if r.convention != "none" {
		for _, spec := range guideKinds() {
			specs = append(specs, kindPair{kindSpec: spec})
		}
	}
	for _, k := range r.kinds {
		i := slices.IndexFunc(specs, func(s kindPair) bool { return s.name == k.name })
		switch {
		case k.off && i < 0:
			r.Problem(k.pair.Key, fmt.Sprintf("there is no kind %q to switch off", k.name), "")
		case k.off:
			specs = slices.Delete(specs, i, i+1)
		case i < 0:
			specs = append(specs, k)
		default:
			specs[i] = k.over(specs[i])
		}
	}
	for _, spec := range specs {
		k, err := r.c.newKind(spec.kindSpec)
		if err != nil {
			r.Problem(spec.pair.Key, err.Error(), "")
			continue
		}
		r.c.Kinds = append(r.c.Kinds, k)
	}
	if len(specs) == 0 && r.Problems() == 0 {
		r.Problem(nil, "there are no kinds", "write some under kinds:")
	}
	r.sortNames()
}

// over puts k over a kind of the guide.
func (k kindPair) over(guide kindPair) kindPair {
	if k.suffix == "" {
		k.suffix = guide.suffix
	}
	k.rule = guide.rule.With(k.rule)
	return k
}

// sortNames puts the more special names of signals and schemas first.
func (r *reader) sortNames() {
	special := func(a, b string) int {
		if wa, wb := strings.ContainsAny(a, "*?["), strings.ContainsAny(b, "*?["); wa != wb {
			if wb {
				return -1
			}
			return 1
		}
		return len(b) - len(a)
	}
	slices.SortStableFunc(r.c.Signals, func(a, b Signal) int { return special(a.Name, b.Name) })
	slices.SortStableFunc(r.c.Schemas, func(a, b *Schema) int { return special(a.Name, b.Name) })
}

// checkKinds looks for what cannot be meant.
func (r *reader) checkKinds() {
	for _, k := range r.kinds {
		if k.off || k.rule.Values == nil || k.rule.Format == "" || k.rule.Format == Text || k.rule.Format == JSON {
			continue
		}
		r.Problem(k.pair.Key, fmt.Sprintf("%s: values are texts, and the format is %s", k.name, k.rule.Format), "")
	}
	const only = "tolerance: only numbers that are desired are compared"
	for _, k := range r.c.Kinds {
		if k.Rule.Tolerance != nil && k.Role != Desired {
			r.problemAt(k.At, k.Name+": "+only, "")
		}
	}
	for _, s := range r.c.Signals {
		if s.Rule.Tolerance != nil {
			r.problemAt(s.At, s.Name+": "+only, "")
		}
	}
	if len(r.c.Signals) == 0 {
		return
	}
	for _, k := range r.c.Kinds {
		if slices.Contains(k.Template.Vars(), "signal") {
			return
		}
	}
	if at, ok := r.c.positions["signals"]; ok {
		r.problemAt(at, "signals: no kind has {signal} in its topic", "")
	}
}

// checkAmbiguity looks for kinds with the same topics.
func (r *reader) checkAmbiguity() {
	all := r.c.patterns.all
	for i, p := range all {
		for _, q := range all[:i] {
			if p.kind != q.kind && p.same(q) {
				at := p.kind.At
				if at == (Position{}) {
					at = q.kind.At
				}
				r.problemAt(at, fmt.Sprintf("the kinds %s and %s have the same topics: %s", q.kind.Name, p.kind.Name, p.kind.Template), "")
				return
			}
		}
	}
}
