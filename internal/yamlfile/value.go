package yamlfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/payload"
)

var (
	errTooDeep = errors.New("nested too deep, or an alias of itself")
	errTooMany = errors.New("the aliases unfold to too much")
	errScalar  = errors.New("one word or a text is expected")
)

// ErrScalar says that something composed, or nothing, is where one word or a text should be.
func ErrScalar() error { return errScalar }

// Scalar is one word or a text.
type Scalar struct {
	Text  string // as it was written: 1.50 is not 1.5
	Value any    // of payload.Parse
}

// Scalar reads one word or a text. Null, lists and mappings are none.
func (d *Document) Scalar(n ast.Node) (Scalar, error) {
	n = d.Resolve(n)
	value, err := d.valueAt(n, 0)
	if err != nil {
		return Scalar{}, err
	}
	switch v := value.(type) {
	case nil, map[string]any, []any:
		return Scalar{}, errScalar
	case string:
		return Scalar{Text: v, Value: v}, nil
	default:
		return Scalar{Text: n.GetToken().Value, Value: value}, nil
	}
}

// Text reads a text that is not empty.
func (d *Document) Text(n ast.Node) (string, error) {
	s, err := d.Scalar(n)
	if err == nil && s.Text == "" {
		err = errScalar
	}
	return s.Text, err
}

// Value turns YAML into a value of payload.Parse.
func (d *Document) Value(n ast.Node) (any, error) { return d.valueAt(n, 0) }

func (d *Document) valueAt(n ast.Node, depth int) (any, error) {
	n = d.Resolve(n)
	if d.nodes++; d.nodes > maxNodes {
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
		return number(node.GetToken().Value, node.Value)
	case *ast.FloatNode:
		return number(node.GetToken().Value, node.Value)
	case *ast.SequenceNode:
		return d.array(node, depth)
	case *ast.MappingNode, *ast.MappingValueNode:
		return d.object(node, depth)
	case *ast.TagNode:
		return d.tagged(node, depth)
	default:
		return nil, fmt.Errorf("%s has no place in JSON", n.GetToken().Value)
	}
}

// number keeps the literal where JSON has the same one: no digit is lost then.
func number(literal string, value any) (any, error) {
	if v, err := payload.Parse([]byte(literal)); err == nil {
		return v, nil
	}
	if f, ok := value.(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
		return nil, fmt.Errorf("%s has no place in JSON", literal)
	}
	text, err := json.Marshal(value)
	return json.Number(text), err
}

func (d *Document) array(node *ast.SequenceNode, depth int) (any, error) {
	array := make([]any, 0, len(node.Values))
	for _, e := range node.Values {
		v, err := d.valueAt(e, depth+1)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	return array, nil
}

func (d *Document) object(node ast.Node, depth int) (any, error) {
	pairs, ok := d.Pairs(node)
	if !ok {
		return nil, errTooDeep
	}
	object := make(map[string]any, len(pairs))
	for _, pair := range pairs {
		v, err := d.valueAt(pair.Value, depth+1)
		if err != nil {
			return nil, err
		}
		object[pair.Name] = v
	}
	return object, nil
}

// tagged knows one tag, which makes a string of what looks like something else.
func (d *Document) tagged(node *ast.TagNode, depth int) (any, error) {
	if node.GetToken().Value != "!!str" {
		return nil, fmt.Errorf("the tag %s is not known", node.GetToken().Value)
	}
	switch v := d.Resolve(node.Value).(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return d.valueAt(v, depth+1)
	case ast.ScalarNode:
		return v.GetToken().Value, nil
	default:
		return nil, errScalar
	}
}
