// Package yamlfile reads the YAML files that people write for mqx, and tells them where they went wrong: every mistake with
// its line, its column and a suggestion.
//
// [Parse] a file, go through it with [Document.Pairs], [Document.Items] and [Document.Value], note what is wrong with
// [Document.Problem], and return [Document.Err]. JSON files are YAML as well. What the keys mean is up to the caller.
package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxNodes and maxDepth bound what a file may unfold to: aliases may ask for more than memory holds.
const (
	maxNodes = 1_000_000
	maxDepth = 100
)

// Document is a file that is being read.
type Document struct {
	file     string
	lines    []string
	body     ast.Node
	anchors  map[string]ast.Node
	nodes    int // converted so far
	problems []Problem
}

// Parse parses a file of one document. What is wrong with its syntax is a problem like others: see [Document.Err].
// A byte order mark before it, which editors on Windows write, is no part of it.
func Parse(file string, text []byte) *Document {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	d := &Document{file: file, lines: strings.Split(string(text), "\n"), anchors: map[string]ast.Node{}}
	if line, deep := tooDeep(text); deep {
		d.ProblemAt(line, 1, "nested too deep", "")
		return d
	}
	parsed, err := parser.ParseBytes(text, 0)
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		d.Problem(syntax.Token, syntax.Message, "")
		return d
	}
	if err != nil {
		d.Problem(nil, err.Error(), "")
		return d
	}
	for _, doc := range parsed.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if d.body != nil {
			d.Problem(doc.Body.GetToken(), "a second document", "put everything into one")
			return d
		}
		d.body = doc.Body
	}
	if d.body != nil {
		ast.Walk(anchorVisitor{d.anchors}, d.body)
	}
	return d
}

// maxBrackets is how many brackets may be open at once. The time that parsing takes grows with the square of it.
const maxBrackets = 1000

// tooDeep reports whether too many brackets are open at once, and in which line. Brackets in texts count as well: a text that
// opens a thousand and closes none is no less odd.
func tooDeep(text []byte) (line int, deep bool) {
	open := 0
	line = 1
	for _, c := range text {
		switch c {
		case '\n':
			line++
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		}
		if open > maxBrackets {
			return line, true
		}
	}
	return 0, false
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

// Body is the content of the file. It is nil when there is none, or when the syntax is wrong.
func (d *Document) Body() ast.Node { return d.body }

// Problem notes a mistake at a token, or in the file as a whole. Next says what to write instead; it may be empty.
func (d *Document) Problem(at *token.Token, msg, next string) {
	if at == nil || at.Position == nil {
		d.ProblemAt(0, 0, msg, next)
		return
	}
	d.ProblemAt(max(1, at.Position.Line), max(1, at.Position.Column), msg, next)
}

// ProblemAt notes a mistake at a line and a column; line 0 means the file as a whole.
func (d *Document) ProblemAt(line, column int, msg, next string) {
	fault := Problem{Line: line, Column: column, Msg: msg, Next: next}
	if line > 0 && line <= len(d.lines) {
		const shown = 1000 // a longer line was written by a machine, and shows nobody anything
		if source := strings.TrimSuffix(d.lines[line-1], "\r"); len(source) <= shown {
			fault.Source = source
		}
	}
	d.problems = append(d.problems, fault)
}

// Problems is how many problems were noted.
func (d *Document) Problems() int { return len(d.problems) }

// Invalid reports whether there are problems other than unknown keys, which can be left out.
func (d *Document) Invalid() bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool { return !p.UnknownKey })
}

// Err returns the problems as an [*Error], or nil when there are none.
func (d *Document) Err() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	return &Error{File: d.file, Problems: d.problems}
}

// Pair is a key with its value.
type Pair struct {
	Name  string
	Key   *token.Token
	Value ast.Node
}

// Place is where the value is, or the key when that says more.
func (p Pair) Place() *token.Token {
	switch p.Value.(type) {
	case nil, *ast.MappingNode, *ast.SequenceNode, *ast.MappingValueNode:
		return p.Key
	}
	at := p.Value.GetToken()
	if at == nil || at.Type == token.ImplicitNullType {
		return p.Key
	}
	return at
}

// Resolve takes anchors off and follows aliases.
func (d *Document) Resolve(n ast.Node) ast.Node {
	for range maxDepth {
		switch node := n.(type) {
		case *ast.AnchorNode:
			n = node.Value
		case *ast.AliasNode:
			n = d.anchors[node.Value.GetToken().Value]
		default:
			return n
		}
	}
	return nil
}

// Pairs returns the pairs of a mapping in their order, those that << merges in last and without those that are there. It
// is not ok when n is no mapping.
func (d *Document) Pairs(n ast.Node) (pairs []Pair, ok bool) { return d.pairsAt(n, 0) }

func (d *Document) pairsAt(n ast.Node, depth int) ([]Pair, bool) {
	var values []*ast.MappingValueNode
	switch node := d.Resolve(n).(type) {
	case *ast.MappingNode:
		values = node.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{node}
	default:
		return nil, false
	}
	if d.nodes++; depth > maxDepth || d.nodes > maxNodes {
		return nil, false
	}
	var pairs, merged []Pair
	names := map[string]bool{}
	for _, v := range values {
		if v.Key.IsMergeKey() {
			more, ok := d.pairsAt(v.Value, depth+1)
			if !ok {
				d.Problem(v.Key.GetToken(), "<< takes an alias of a mapping", "")
			}
			merged = append(merged, more...)
			continue
		}
		at := v.Key.GetToken()
		names[at.Value] = true
		pairs = append(pairs, Pair{Name: at.Value, Key: at, Value: v.Value})
	}
	for _, pair := range merged {
		if !names[pair.Name] {
			names[pair.Name] = true
			pairs = append(pairs, pair)
		}
	}
	return pairs, true
}

// Mapping goes through the pairs of a mapping. Without a list of keys every key is fine: they are names. Otherwise those
// that begin with x- are left alone, whatever they say. What is no mapping, and a key that is not known, is a problem.
func (d *Document) Mapping(parent Pair, keys []string, each func(Pair)) {
	pairs, ok := d.Pairs(parent.Value)
	if !ok {
		d.Problem(parent.Place(), parent.Name+": a mapping is expected", "")
		return
	}
	for _, p := range pairs {
		switch {
		case keys != nil && strings.HasPrefix(p.Name, "x-"):
		case keys != nil && !slices.Contains(keys, p.Name):
			d.Problem(p.Key, fmt.Sprintf("unknown key %q", p.Name), DidYouMean(p.Name, keys))
			d.problems[len(d.problems)-1].UnknownKey = true
		default:
			each(p)
		}
	}
}

// Items returns the elements of a sequence. It is not ok when n is none.
func (d *Document) Items(n ast.Node) (items []ast.Node, ok bool) {
	s, ok := d.Resolve(n).(*ast.SequenceNode)
	if !ok {
		return nil, false
	}
	return s.Values, true
}
