package profile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// ExprEnv is what an expression sees: other values by their names, and the time. It has min, max, abs, floor, ceil, round
// and clamp(x, low, high).
type ExprEnv struct {
	Signal   map[string]any `expr:"signal"`
	Desired  map[string]any `expr:"desired"`
	Reported map[string]any `expr:"reported"`
	Time     float64        `expr:"time"`    // seconds since the run began
	Hour     float64        `expr:"hour"`    // of the day, UTC: 13.5
	Weekday  float64        `expr:"weekday"` // 1 is Monday, 7 is Sunday
	N        float64        `expr:"n"`       // the number of the device in its group
}

// expr reads an expression. {signal.temp} is written as everywhere, and signal.temp is as good.
func (s *sourceReader) expr(p yamlfile.Pair) (Source, error) {
	e := &Expr{}
	if err := s.text(&e.Text)(p); err != nil {
		return e, err
	}
	braces := regexp.MustCompile(`\{(desired|reported|signal)\.([^{}"\\]+)\}`)
	source := braces.ReplaceAllString(e.Text, `$1["$2"]`)
	options := []expr.Option{expr.Env(ExprEnv{}), expr.DisableAllBuiltins(), clampFunction()}
	for _, name := range []string{"min", "max", "abs", "floor", "ceil", "round"} {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(source, options...)
	if err != nil {
		if fault, ok := errors.AsType[*file.Error](err); ok {
			return e, errors.New(fault.Message)
		}
		return e, errors.New(strings.SplitN(err.Error(), "\n", 2)[0])
	}
	e.Program = program
	v := &refVisitor{}
	node := program.Node()
	ast.Walk(&node, v)
	if v.err != nil {
		return e, v.err
	}
	e.Refs = v.refs
	for _, ref := range e.Refs {
		s.checkRef(ref, p)
	}
	return e, nil
}

func clampFunction() expr.Option {
	return expr.Function("clamp", func(params ...any) (any, error) {
		var n [3]float64
		for i, p := range params {
			f, ok := asFloat(p)
			if !ok {
				return nil, fmt.Errorf("clamp takes numbers, and %v is none", p)
			}
			n[i] = f
		}
		return max(n[1], min(n[2], n[0])), nil
	}, new(func(any, any, any) float64))
}

// asFloat takes a number of the expression language.
func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	default:
		return 0, false
	}
}

// refVisitor finds what an expression refers to, and what gives other results on other machines.
type refVisitor struct {
	refs []Ref
	err  error
}

// Visit looks at one node.
func (v *refVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		scope, ok := n.Node.(*ast.IdentifierNode)
		if !ok || !slices.Contains(scopes(), scope.Value) {
			return
		}
		name, ok := n.Property.(*ast.StringNode)
		if !ok {
			v.err = fmt.Errorf("%s[…] takes a name", scope.Value)
			return
		}
		v.refs = append(v.refs, Ref{Scope: scope.Value, Name: name.Value})
	case *ast.BinaryNode:
		if n.Operator == "**" || n.Operator == "^" {
			v.err = errors.New("powers differ from machine to machine: multiply instead")
		}
	}
}
