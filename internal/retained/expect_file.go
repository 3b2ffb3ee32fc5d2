package retained

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// FileError says what is wrong in a file of expectations: all of it, in the order of the lines.
type FileError struct {
	File     string
	Problems []FileProblem
}

// FileProblem is one mistake in a file.
type FileProblem struct {
	Line, Column int // from 1, the column in characters; 0 when the file as a whole is meant
	Msg          string
	Next         string // what to write instead; may be empty
	Source       string // the line
}

// Error is the first problem in one line.
func (e *FileError) Error() string {
	p := e.Problems[0]
	text := e.File
	if p.Line > 0 {
		text += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	text += ": " + p.words()
	if n := len(e.Problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text
}

func (p FileProblem) words() string {
	if p.Next == "" {
		return p.Msg
	}
	return p.Msg + " - " + p.Next
}

// Detail shows every problem with its line and a caret below the place, safe for a terminal.
func (e *FileError) Detail() string {
	var b strings.Builder
	for _, p := range e.Problems {
		if p.Line == 0 {
			fmt.Fprintf(&b, "%s: %s\n", e.File, printable(p.words()))
			continue
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s\n", e.File, p.Line, p.Column, printable(p.words()))
		margin := fmt.Sprintf("%5d | ", p.Line)
		source := strings.ReplaceAll(p.Source, "\t", " ") // keeps the caret in its column
		before := string([]rune(source)[:min(p.Column-1, len([]rune(source)))])
		fmt.Fprintf(&b, "%s%s\n", margin, printable(source))
		fmt.Fprintf(&b, "%s%s^\n", strings.Repeat(" ", len(margin)), strings.Repeat(" ", len([]rune(printable(before)))))
	}
	return b.String()
}

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
	p := &fileParser{file: file, lines: strings.Split(string(text), "\n"), anchors: map[string]ast.Node{}}
	expectations := p.parse(text)
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b FileProblem) int { return a.Line - b.Line })
		return nil, &FileError{File: file, Problems: p.problems}
	}
	return expectations, nil
}

type fileParser struct {
	file     string
	lines    []string
	anchors  map[string]ast.Node
	nodes    int // converted so far: aliases may ask for more than memory holds
	problems []FileProblem
}

// problem notes a mistake at a token.
func (p *fileParser) problem(at *token.Token, msg, next string) {
	fault := FileProblem{Msg: msg, Next: next}
	if at != nil && at.Position != nil {
		fault.Line, fault.Column = max(1, at.Position.Line), max(1, at.Position.Column)
		if fault.Line <= len(p.lines) {
			fault.Source = strings.TrimSuffix(p.lines[fault.Line-1], "\r")
		}
	}
	p.problems = append(p.problems, fault)
}

func (p *fileParser) parse(text []byte) []*Expectation {
	file, err := parser.ParseBytes(text, 0)
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		p.problem(syntax.Token, syntax.Message, "")
		return nil
	}
	if err != nil {
		p.problem(nil, err.Error(), "")
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			p.problem(doc.Body.GetToken(), "a second document", "put all expectations under one expect:")
			return nil
		}
		body = doc.Body
	}
	if body == nil {
		p.problem(nil, "nothing is expected: the file is empty", "begin with expect:")
		return nil
	}
	ast.Walk(anchorVisitor{p.anchors}, body)
	return p.root(body)
}

// anchorVisitor notes the nodes that have anchors.
type anchorVisitor struct{ anchors map[string]ast.Node }

// Visit notes an anchor.
func (v anchorVisitor) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil {
		v.anchors[a.Name.GetToken().Value] = a.Value
	}
	return v
}

func (p *fileParser) root(body ast.Node) []*Expectation {
	pairs, ok := p.pairs(body)
	if !ok {
		p.problem(body.GetToken(), "a mapping is expected", "begin with expect:")
		return nil
	}
	var expectations []*Expectation
	found := false
	for _, pair := range pairs {
		if pair.name != "expect" {
			p.problem(pair.key, fmt.Sprintf("unknown key %q", pair.name), didYouMean(pair.name, []string{"expect"}))
			continue
		}
		found = true
		expectations = p.list(pair)
	}
	if !found && len(p.problems) == 0 {
		p.problem(body.GetToken(), "nothing is expected: expect: is missing", "")
	}
	return expectations
}

func (p *fileParser) list(pair yamlPair) []*Expectation {
	sequence, ok := p.resolve(pair.value).(*ast.SequenceNode)
	if !ok || len(sequence.Values) == 0 {
		p.problem(pair.key, "a list of expectations is expected", `write "- topic: …" below`)
		return nil
	}
	var expectations []*Expectation
	for _, node := range sequence.Values {
		if e := p.expectation(node); e != nil {
			expectations = append(expectations, e)
		}
	}
	return expectations
}

func (p *fileParser) expectation(node ast.Node) *Expectation {
	pairs, ok := p.pairs(node)
	if !ok || len(pairs) == 0 {
		p.problem(node.GetToken(), "an expectation with a topic: or a filter: is expected", "")
		return nil
	}
	before := len(p.problems)
	spec := Spec{}
	for _, pair := range pairs {
		set, known := p.setter(&spec, pair.name)
		if !known {
			p.problem(pair.key, fmt.Sprintf("unknown key %q", pair.name), didYouMean(pair.name, specKeys()))
			continue
		}
		if err := set(pair.value); err != nil {
			p.specProblem(pair.place(), "", err)
		}
	}
	if len(p.problems) > before {
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
	e.line = pairs[0].key.Position.Line
	return e
}

// placeOf returns where the key that err is about has its value.
func placeOf(pairs []yamlPair, err error) *token.Token {
	if fault, ok := errors.AsType[*SpecError](err); ok {
		for _, pair := range pairs {
			if pair.name == fault.Key {
				return pair.place()
			}
		}
	}
	return pairs[0].key
}

func (p *fileParser) specProblem(at *token.Token, next string, err error) {
	if fault, ok := errors.AsType[*SpecError](err); ok {
		if fault.Key != "" {
			p.problem(at, fault.Key+": "+fault.Err.Error(), fault.Next)
			return
		}
		p.problem(at, fault.Err.Error(), fault.Next)
		return
	}
	p.problem(at, err.Error(), next)
}

// specKeys are the keys of an expectation.
func specKeys() []string {
	return []string{
		"name", "topic", "filter", "exists", "absent", "equals", "json_equals", "path", "is", "matches", "schema", "count",
		"max_age", "within",
	}
}

// didYouMean suggests the known word that is closest to what was written, or lists them all.
func didYouMean(word string, known []string) string {
	best, least := "", 3 // further away is no slip
	for _, k := range known {
		if d := editDistance(strings.ReplaceAll(strings.ToLower(word), "-", "_"), k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best == "" {
		return "known are " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// editDistance is how many letters to add, drop or replace to come from one word to the other. Long words are far from all.
func editDistance(word, other string) int {
	a, b := []rune(word), []rune(other)
	const longest = 30
	if len(a) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
