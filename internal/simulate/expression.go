package simulate

import (
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/mqx-cli/mqx/internal/profile"
)

// expression is computed anew each time.
type expression struct {
	*profile.Expr
	vm   vm.VM
	last any
}

// next returns the last value where the expression has none: a number divided by nothing, another signal's text.
func (e *expression) next(m *moment) any {
	env := m.expr
	for _, ref := range e.Refs {
		v, ok := m.look(ref.Scope, ref.Name)
		if !ok {
			v = 0.0
		}
		switch ref.Scope {
		case profile.ScopeSignal:
			put(&env.Signal, ref.Name, v)
		case profile.ScopeDesired:
			put(&env.Desired, ref.Name, v)
		default:
			put(&env.Reported, ref.Name, v)
		}
	}
	env.Time = m.now.Seconds()
	midnight := m.wall.Truncate(24 * time.Hour)
	env.Hour = m.wall.Sub(midnight).Hours()
	if env.Weekday = float64(m.wall.Weekday()); env.Weekday == 0 {
		env.Weekday = 7
	}
	if e.last == nil {
		e.last = 0.0
	}
	v, err := e.vm.Run(e.Program, *env)
	if err != nil {
		return e.last
	}
	switch v := v.(type) {
	case int:
		e.last = float64(v)
	case float64:
		if v-v == 0 { // neither infinite nor no number
			e.last = v
		}
	case string, bool:
		e.last = v
	}
	return e.last
}

func put(m *map[string]any, name string, v any) {
	if *m == nil {
		*m = map[string]any{}
	}
	(*m)[name] = v
}
