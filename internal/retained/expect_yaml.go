package retained

import (
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

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

func (p *fileParser) text(dst *string) func(ast.Node) error {
	return func(n ast.Node) (err error) {
		*dst, err = p.Text(n)
		return err
	}
}

func (p *fileParser) texts(dst *[]string) func(ast.Node) error {
	return func(n ast.Node) error {
		nodes := []ast.Node{n}
		if items, ok := p.Items(n); ok {
			nodes = items
		}
		for _, node := range nodes {
			var text string
			if err := p.text(&text)(node); err != nil {
				return err
			}
			*dst = append(*dst, text)
		}
		if len(nodes) == 0 {
			return yamlfile.ErrScalar()
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
			return fmt.Errorf("%q is not a duration above zero, like 90s, 1.5, 2m or 7d", text)
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
	n = p.Resolve(n)
	value, err := p.Value(n)
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
