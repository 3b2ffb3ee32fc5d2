package retained

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/payload"
)

// maxNodes and maxDepth bound what a file of expectations may unfold to.
const (
	maxNodes = 100_000
	maxDepth = 100
)

var (
	errTooDeep = errors.New("nested too deep, or an alias of itself")
	errTooMany = errors.New("the aliases unfold to too much")
)

// yamlPair is a key with its value.
type yamlPair struct {
	name  string
	key   *token.Token
	value ast.Node
}

// place is where the value is, or the key when that says more.
func (p yamlPair) place() *token.Token {
	switch p.value.(type) {
	case nil, *ast.MappingNode, *ast.SequenceNode, *ast.MappingValueNode:
		return p.key
	}
	at := p.value.GetToken()
	if at == nil || at.Type == token.ImplicitNullType {
		return p.key
	}
	return at
}

// resolve takes anchors off and follows aliases.
func (p *fileParser) resolve(n ast.Node) ast.Node {
	for range maxDepth {
		switch node := n.(type) {
		case *ast.AnchorNode:
			n = node.Value
		case *ast.AliasNode:
			n = p.anchors[node.Value.GetToken().Value]
		default:
			return n
		}
	}
	return nil
}

// pairs returns the pairs of a mapping in their order, those that << merges in last and without those that are there.
func (p *fileParser) pairs(n ast.Node) ([]yamlPair, bool) { return p.pairsAt(n, 0) }

func (p *fileParser) pairsAt(n ast.Node, depth int) ([]yamlPair, bool) {
	var values []*ast.MappingValueNode
	switch node := p.resolve(n).(type) {
	case *ast.MappingNode:
		values = node.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{node}
	default:
		return nil, false
	}
	if p.nodes++; depth > maxDepth || p.nodes > maxNodes {
		return nil, false
	}
	var pairs, merged []yamlPair
	names := map[string]bool{}
	for _, v := range values {
		if v.Key.IsMergeKey() {
			more, ok := p.pairsAt(v.Value, depth+1)
			if !ok {
				p.problem(v.Key.GetToken(), "<< takes an alias of a mapping", "")
			}
			merged = append(merged, more...)
			continue
		}
		at := v.Key.GetToken()
		names[at.Value] = true
		pairs = append(pairs, yamlPair{name: at.Value, key: at, value: v.Value})
	}
	for _, pair := range merged {
		if !names[pair.name] {
			names[pair.name] = true
			pairs = append(pairs, pair)
		}
	}
	return pairs, true
}

// setter returns the function that sets the field of a Spec which has a name in files.
func (p *fileParser) setter(s *Spec, name string) (set func(ast.Node) error, known bool) {
	switch name {
	case "name":
		return p.text(&s.Name), true
	case "topic":
		return p.text(&s.Topic), true
	case "filter":
		return p.text(&s.Filter), true
	case "path":
		return p.text(&s.Path), true
	case "matches":
		return p.text(&s.Matches), true
	case "schema":
		return p.text(&s.Schema), true
	case "count":
		return p.text(&s.Count), true
	case "exists":
		return p.yes(&s.Exists, "absent: true"), true
	case "absent":
		return p.yes(&s.Absent, "exists: true"), true
	case "max_age":
		return p.duration(&s.MaxAge), true
	case "within":
		return p.duration(&s.Within), true
	case "is":
		return p.texts(&s.Is), true
	case "equals":
		return p.operand(&s.Equals), true
	case "json_equals":
		return p.operand(&s.JSONEquals), true
	default:
		return nil, false
	}
}

var errScalar = errors.New("one word or a text is expected")

func (p *fileParser) text(dst *string) func(ast.Node) error {
	return func(n ast.Node) error {
		o, err := p.toOperand(n)
		switch {
		case err != nil:
			return err
		case o.composed || o.value == nil || o.text == "":
			return errScalar
		}
		*dst = o.text
		return nil
	}
}

func (p *fileParser) texts(dst *[]string) func(ast.Node) error {
	return func(n ast.Node) error {
		nodes := []ast.Node{n}
		if list, ok := p.resolve(n).(*ast.SequenceNode); ok {
			nodes = list.Values
		}
		for _, node := range nodes {
			var text string
			if err := p.text(&text)(node); err != nil {
				return err
			}
			*dst = append(*dst, text)
		}
		if len(nodes) == 0 {
			return errScalar
		}
		return nil
	}
}

func (p *fileParser) yes(dst *bool, instead string) func(ast.Node) error {
	return func(n ast.Node) error {
		o, err := p.toOperand(n)
		if err != nil {
			return err
		}
		yes, isBool := o.value.(bool)
		switch {
		case !isBool:
			return errors.New("true is expected")
		case !yes:
			return fmt.Errorf("false says nothing: write %s", instead)
		}
		*dst = true
		return nil
	}
}

func (p *fileParser) duration(dst *time.Duration) func(ast.Node) error {
	return func(n ast.Node) error {
		var text string
		if err := p.text(&text)(n); err != nil {
			return err
		}
		d, err := duration.Parse(text)
		if err != nil || d == 0 {
			return fmt.Errorf("%q is not a duration above zero, like 90s, 1.5 or 2m", text)
		}
		*dst = d
		return nil
	}
}

func (p *fileParser) operand(dst **Operand) func(ast.Node) error {
	return func(n ast.Node) error {
		o, err := p.toOperand(n)
		if err == nil && n.GetToken().Type == token.ImplicitNullType {
			err = errors.New("a value is expected")
		}
		*dst = o
		return err
	}
}

func (p *fileParser) toOperand(n ast.Node) (*Operand, error) {
	n = p.resolve(n)
	value, err := p.toValue(n, 0)
	if err != nil {
		return nil, err
	}
	switch v := value.(type) {
	case map[string]any, []any:
		return &Operand{value: value, composed: true}, nil
	case string:
		return &Operand{text: v, value: v}, nil
	default: // as it was written: 1.50 is not 1.5 in bytes
		return &Operand{text: n.GetToken().Value, value: value}, nil
	}
}

// toValue turns YAML into a value of payload.Parse.
func (p *fileParser) toValue(n ast.Node, depth int) (any, error) {
	n = p.resolve(n)
	if p.nodes++; p.nodes > maxNodes {
		return nil, errTooMany
	}
	if depth > maxDepth {
		return nil, errTooDeep
	}
	switch node := n.(type) {
	case nil:
		return nil, errors.New("an alias without its anchor")
	case *ast.StringNode:
		return node.Value, nil
	case *ast.LiteralNode:
		return node.Value.Value, nil
	case *ast.BoolNode:
		return node.Value, nil
	case *ast.NullNode:
		return nil, nil // null is a value
	case *ast.IntegerNode:
		return yamlNumber(node.GetToken().Value, node.Value)
	case *ast.FloatNode:
		return yamlNumber(node.GetToken().Value, node.Value)
	case *ast.SequenceNode:
		return p.toArray(node, depth)
	case *ast.MappingNode, *ast.MappingValueNode:
		return p.toObject(node, depth)
	case *ast.TagNode:
		return p.tagged(node, depth)
	default:
		return nil, fmt.Errorf("%s has no place in JSON", n.GetToken().Value)
	}
}

// yamlNumber keeps the literal where JSON has the same one: no digit is lost then.
func yamlNumber(literal string, value any) (any, error) {
	if v, err := payload.Parse([]byte(literal)); err == nil {
		return v, nil
	}
	if f, ok := value.(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
		return nil, fmt.Errorf("%s has no place in JSON", literal)
	}
	text, err := json.Marshal(value)
	return json.Number(text), err
}

func (p *fileParser) toArray(node *ast.SequenceNode, depth int) (any, error) {
	array := make([]any, 0, len(node.Values))
	for _, e := range node.Values {
		v, err := p.toValue(e, depth+1)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	return array, nil
}

func (p *fileParser) toObject(node ast.Node, depth int) (any, error) {
	pairs, ok := p.pairs(node)
	if !ok {
		return nil, errTooDeep
	}
	object := make(map[string]any, len(pairs))
	for _, pair := range pairs {
		v, err := p.toValue(pair.value, depth+1)
		if err != nil {
			return nil, err
		}
		object[pair.name] = v
	}
	return object, nil
}

// tagged knows one tag, which makes a string of what looks like something else.
func (p *fileParser) tagged(node *ast.TagNode, depth int) (any, error) {
	if node.GetToken().Value != "!!str" {
		return nil, fmt.Errorf("the tag %s is not known", node.GetToken().Value)
	}
	switch v := p.resolve(node.Value).(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return p.toValue(v, depth+1)
	case ast.ScalarNode:
		return v.GetToken().Value, nil
	default:
		return nil, errScalar
	}
}
