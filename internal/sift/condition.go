package sift

import (
	"errors"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// Condition is a condition in the language of expr-lang on values of the struct type T, of which it knows the fields by
// their "expr" tags.
type Condition[T any] struct {
	program *vm.Program
	failed  int
	first   error
}

// NewCondition compiles a condition. Errors are one line.
func NewCondition[T any](text string) (*Condition[T], error) {
	var known T
	program, err := expr.Compile(text, expr.Env(known), expr.AsBool())
	if err != nil {
		return nil, inOneLine(err)
	}
	return &Condition[T]{program: program}, nil
}

// Holds reports whether the condition holds for v. It does not where it makes no sense, such as for a member that is not
// there: see Failed.
func (c *Condition[T]) Holds(v T) bool {
	result, err := expr.Run(c.program, v)
	if err != nil {
		if c.failed++; c.first == nil {
			c.first = inOneLine(err)
		}
		return false
	}
	holds, _ := result.(bool)
	return holds
}

// Failed is for how many values the condition made no sense, and why for the first of them.
func (c *Condition[T]) Failed() (int, error) { return c.failed, c.first }

// inOneLine leaves out the excerpt that errors of the language show on lines of their own.
func inOneLine(err error) error {
	if f, ok := errors.AsType[*file.Error](err); ok {
		return errors.New(f.Message)
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}
