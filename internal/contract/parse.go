package contract

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// Parse reads a contract file, or an AsyncAPI 3 document, in YAML or JSON. Paths in it are relative to file, which also
// names the place in errors. The error is a [*yamlfile.Error], which shows every mistake with its line.
//
// What a contract file does not say is as in the guide: its kinds, its taxonomy, its limits. With `convention: none` only
// what the file says holds.
func Parse(file string, text []byte) (*Contract, error) {
	r := &reader{
		Document: yamlfile.Parse(file, text), file: file, taxonomy: yamlfile.Pair{Name: "taxonomy"},
		c: &Contract{File: file, Variables: map[string]Variable{}, positions: map[string]Position{}},
	}
	r.read()
	if err := r.Err(); err != nil {
		return nil, err
	}
	return r.c, nil
}

// reader reads one file into a contract.
type reader struct {
	*yamlfile.Document
	file string
	c    *Contract

	convention string
	taxonomy   yamlfile.Pair
	kinds      []kindPair
	inventory  yamlfile.Pair // of devices
	checks     []func()      // what can be looked at when everything is read
}

// fault is an error with a next step, and a place where it is closer than the value it is about.
type fault struct {
	msg, next string
	at        Position
}

func (f *fault) Error() string { return f.msg }

func faultf(next, format string, args ...any) error {
	return &fault{msg: fmt.Sprintf(format, args...), next: next}
}

// faultAt is the fault of one element of a list.
func faultAt(at Position, err error) error {
	if f, ok := errors.AsType[*fault](err); ok {
		return &fault{f.msg, f.next, at}
	}
	return &fault{msg: err.Error(), at: at}
}

// place is where a token stands.
func (r *reader) place(at *token.Token) Position {
	if at == nil || at.Position == nil {
		return Position{File: r.file}
	}
	return Position{r.file, max(1, at.Position.Line), max(1, at.Position.Column)}
}

// fault notes what is wrong with the value of a key.
func (r *reader) fault(at *token.Token, key string, err error) {
	f, ok := errors.AsType[*fault](err)
	switch {
	case ok && f.at.Line > 0:
		r.problemAt(f.at, key+": "+f.msg, f.next)
		return
	case ok:
		r.Problem(at, key+": "+f.msg, f.next)
		return
	}
	r.Problem(at, key+": "+err.Error(), "")
}

// relative makes a path of the file one of the working directory.
func (r *reader) relative(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.file), path)
}

// setFunc reads the value of a key; path leads to it.
type setFunc func(p yamlfile.Pair, path []string) error

// mapping reads a mapping. Without a list of keys every key is fine: they are names. Otherwise those that begin with x- are
// left alone, whatever they say.
func (r *reader) mapping(parent yamlfile.Pair, path, keys []string, set setFunc) {
	r.Mapping(parent, keys, func(p yamlfile.Pair) {
		here := slices.Concat(path, []string{p.Name})
		r.c.positions[joinPath(here)] = r.place(p.Key)
		if err := set(p, here); err != nil {
			r.fault(p.Place(), p.Name, err)
		}
	})
}

func (r *reader) read() {
	body := r.Body()
	if body == nil {
		if r.Problems() == 0 {
			r.Problem(nil, "the file is empty", "begin with version: "+Version)
		}
		return
	}
	pairs, ok := r.Pairs(body)
	if !ok {
		r.Problem(body.GetToken(), "a mapping is expected", "begin with version: "+Version)
		return
	}
	for _, p := range pairs {
		if p.Name == "asyncapi" {
			r.readAsyncAPI(body, p)
			return
		}
	}
	r.mapping(yamlfile.Pair{Name: r.file, Value: body}, nil, fileKeys(), r.fileKey)
	if _, ok := r.c.positions["version"]; !ok && r.Problems() == 0 {
		r.problemAt(Position{r.file, 1, 1}, "version: is missing", "begin with version: "+Version)
	}
	r.finish()
}

func fileKeys() []string {
	return []string{
		"version", "name", "convention", "root", "roots", "taxonomy", "sites", "variables", "devices", "kinds", "signals",
		"services", "schemas", "limits", "lint",
	}
}

// fileKey reads a key of the file.
func (r *reader) fileKey(p yamlfile.Pair, path []string) error {
	switch p.Name {
	case "version":
		return r.version(p)
	case "name":
		return r.text(&r.c.Name)(p, path)
	case "convention":
		return r.word(&r.convention, "guide", "none")(p, path)
	case "root":
		return r.root("", p)
	case "roots":
		return r.roots(p, path)
	case "taxonomy":
		r.taxonomy = p
	case "sites":
		return r.variable("site")(p, path)
	case "variables":
		r.mapping(p, path, nil, func(p yamlfile.Pair, path []string) error { return r.variable(p.Name)(p, path) })
	case "devices":
		r.mapping(p, path, []string{"pattern", "inventory", "username", "client_id"}, r.deviceKey)
	case "kinds":
		r.mapping(p, path, nil, r.kind)
	case "signals":
		r.mapping(p, path, nil, r.signal)
	case "services":
		r.mapping(p, path, nil, r.service)
	case "schemas":
		r.mapping(p, path, nil, r.schema)
	case "limits":
		r.mapping(p, path, limitKeys(), r.limit)
	case "lint":
		r.mapping(p, path, lintKeys(), r.lintKey)
	}
	return nil
}

func (r *reader) version(p yamlfile.Pair) error {
	text, err := r.Text(p.Value)
	if err == nil && text != Version {
		err = faultf("this mqx reads "+Version, "%q is not known", text)
	}
	return err
}

// text reads a text.
func (r *reader) text(dst *string) setFunc {
	return func(p yamlfile.Pair, _ []string) (err error) {
		*dst, err = r.Text(p.Value)
		return err
	}
}

// word reads one of some words.
func (r *reader) word(dst *string, words ...string) setFunc {
	return func(p yamlfile.Pair, _ []string) error {
		text, err := r.Text(p.Value)
		if err == nil && !slices.Contains(words, text) {
			err = faultf(yamlfile.DidYouMean(text, words), "%q is not known", text)
		}
		*dst = text
		return err
	}
}

// texts reads a list of texts, or one.
func (r *reader) texts(n ast.Node) ([]string, error) {
	settings, err := r.settings(n)
	texts := make([]string, len(settings))
	for i, s := range settings {
		texts[i] = s.Text
	}
	return texts, err
}

// settings reads a list of texts, or one, with their places.
func (r *reader) settings(n ast.Node) ([]Setting, error) {
	items, ok := r.Items(n)
	if !ok {
		items = []ast.Node{n}
	}
	settings := make([]Setting, 0, len(items))
	for _, item := range items {
		text, err := r.Text(item)
		if err != nil {
			return nil, faultAt(r.place(item.GetToken()), errors.New("one word or a text is expected"))
		}
		settings = append(settings, Setting{text, r.place(item.GetToken())})
	}
	return settings, nil
}

// finish puts together what was read.
func (r *reader) finish() {
	if r.Problems() > 0 {
		return // what is missing for that reason is no mistake of its own
	}
	r.buildTaxonomy()
	if r.Problems() > 0 {
		return
	}
	r.buildKinds()
	if r.Problems() > 0 {
		return
	}
	for _, check := range r.checks {
		check()
	}
	r.checkKinds()
	if r.convention != "none" {
		r.c.Limits = r.c.Limits.or(guideLimits())
	}
	r.c.compile()
	r.checkAmbiguity()
	r.readInventory()
}

func (r *reader) buildTaxonomy() {
	text := GuideTaxonomy
	if r.taxonomy.Value != nil {
		var err error
		if text, err = r.Text(r.taxonomy.Value); err != nil {
			r.fault(r.taxonomy.Place(), "taxonomy", err)
			return
		}
	}
	if err := r.c.setTaxonomy(text); err != nil {
		r.Problem(r.taxonomy.Place(), err.Error(), "")
	}
}
