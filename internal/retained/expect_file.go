package retained

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// FileError says what is wrong in a file of expectations: all of it, in the order of the lines.
type FileError = yamlfile.Error

// ReadExpectations reads a file of expectations: see [ParseExpectations].
func ReadExpectations(file string) ([]*Expectation, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return ParseExpectations(file, text)
}

// ParseExpectations reads expectations from YAML:
//
//	expect:
//	  - topic: plant/line1/state
//	    path: speed
//	    is: "> 2"
//	  - filter: plant/+/status
//	    equals: online
//	    count: ">= 3"
//
// The keys of an expectation are those of [Spec] in snake case. Schemas are looked for beside file, which also names the
// place in errors. The error is a [*FileError].
func ParseExpectations(file string, text []byte) ([]*Expectation, error) {
	p := &fileParser{yamlfile.Parse(file, text), file}
	expectations := p.parse()
	if err := p.Err(); err != nil {
		return nil, err
	}
	return expectations, nil
}

type fileParser struct {
	*yamlfile.Document
	file string
}

func (p *fileParser) parse() []*Expectation {
	body := p.Body()
	if body == nil {
		if p.Problems() == 0 {
			p.Problem(nil, "nothing is expected: the file is empty", "begin with expect:")
		}
		return nil
	}
	if p.Problems() > 0 {
		return nil
	}
	return p.root(body)
}

func (p *fileParser) root(body ast.Node) []*Expectation {
	pairs, ok := p.Pairs(body)
	if !ok {
		p.Problem(body.GetToken(), "a mapping is expected", "begin with expect:")
		return nil
	}
	var expectations []*Expectation
	found := false
	for _, pair := range pairs {
		if pair.Name != "expect" {
			p.Problem(pair.Key, fmt.Sprintf("unknown key %q", pair.Name), yamlfile.DidYouMean(pair.Name, []string{"expect"}))
			continue
		}
		found = true
		expectations = p.list(pair)
	}
	if !found && p.Problems() == 0 {
		p.Problem(body.GetToken(), "nothing is expected: expect: is missing", "")
	}
	return expectations
}

func (p *fileParser) list(pair yamlfile.Pair) []*Expectation {
	items, ok := p.Items(pair.Value)
	if !ok || len(items) == 0 {
		p.Problem(pair.Key, "a list of expectations is expected", `write "- topic: …" below`)
		return nil
	}
	var expectations []*Expectation
	for _, node := range items {
		if e := p.expectation(node); e != nil {
			expectations = append(expectations, e)
		}
	}
	return expectations
}

func (p *fileParser) expectation(node ast.Node) *Expectation {
	pairs, ok := p.Pairs(node)
	if !ok || len(pairs) == 0 {
		p.Problem(node.GetToken(), "an expectation with a topic: or a filter: is expected", "")
		return nil
	}
	before := p.Problems()
	spec := Spec{}
	for _, pair := range pairs {
		set, known := p.setter(&spec, pair.Name)
		if !known {
			p.Problem(pair.Key, fmt.Sprintf("unknown key %q", pair.Name), yamlfile.DidYouMean(pair.Name, specKeys()))
			continue
		}
		if err := set(pair.Value); err != nil {
			p.specProblem(pair.Place(), "", err)
		}
	}
	if p.Problems() > before {
		return nil
	}
	if spec.Schema != "" && !filepath.IsAbs(spec.Schema) {
		spec.Schema = filepath.Join(filepath.Dir(p.file), spec.Schema)
	}
	e, err := NewExpectation(spec)
	if err != nil {
		p.specProblem(placeOf(pairs, err), "", err)
		return nil
	}
	e.line = pairs[0].Key.Position.Line
	return e
}

// placeOf returns where the key that err is about has its value.
func placeOf(pairs []yamlfile.Pair, err error) *token.Token {
	if fault, ok := errors.AsType[*SpecError](err); ok {
		for _, pair := range pairs {
			if pair.Name == fault.Key {
				return pair.Place()
			}
		}
	}
	return pairs[0].Key
}

func (p *fileParser) specProblem(at *token.Token, next string, err error) {
	if fault, ok := errors.AsType[*SpecError](err); ok {
		if fault.Key != "" {
			p.Problem(at, fault.Key+": "+fault.Err.Error(), fault.Next)
			return
		}
		p.Problem(at, fault.Err.Error(), fault.Next)
		return
	}
	p.Problem(at, err.Error(), next)
}

// specKeys are the keys of an expectation.
func specKeys() []string {
	return []string{
		"name", "topic", "filter", "exists", "absent", "equals", "json_equals", "path", "is", "matches", "schema", "count",
		"max_age", "within",
	}
}
