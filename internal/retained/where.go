package retained

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

// Where is a condition on messages in the language of expr-lang. It knows topic, levels (a list of strings), payload (a
// JSON value, or else text), size (bytes) and age (seconds by the payload's timestamp; nothing is known to be true of the age
// of a payload without one).
type Where struct {
	program *vm.Program
	failed  int
	first   error
}

// view is what a condition sees of a message.
type view struct {
	Topic   string   `expr:"topic"`
	Levels  []string `expr:"levels"`
	Payload any      `expr:"payload"`
	Size    int      `expr:"size"`
	Age     float64  `expr:"age"`
}

// NewWhere compiles a condition.
func NewWhere(text string) (*Where, error) {
	program, err := expr.Compile(text, expr.Env(view{}), expr.AsBool())
	if err != nil {
		return nil, inOneLine(err)
	}
	return &Where{program: program}, nil
}

// Holds reports whether the condition holds for m. It does not where it makes no sense, such as for a member that is not
// there: see Failed.
func (w *Where) Holds(m message.Message, now time.Time) bool {
	v := view{
		Topic: m.Topic, Levels: strings.Split(m.Topic, "/"), Payload: valueOf(m.Payload), Size: len(m.Payload), Age: math.NaN(),
	}
	if made, ok := payload.Timestamp(m.Payload); ok {
		v.Age = now.Sub(made).Seconds()
	}
	result, err := expr.Run(w.program, v)
	if err != nil {
		if w.failed++; w.first == nil {
			w.first = inOneLine(err)
		}
		return false
	}
	holds, _ := result.(bool)
	return holds
}

// Failed is for how many messages the condition made no sense, and why for the first of them.
func (w *Where) Failed() (int, error) { return w.failed, w.first }

// inOneLine leaves out the excerpt that errors of the language show on lines of their own.
func inOneLine(err error) error {
	if f, ok := errors.AsType[*file.Error](err); ok {
		return errors.New(f.Message)
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}

func valueOf(p []byte) any {
	var v any
	if message.IsJSON(p) && json.Unmarshal(p, &v) == nil {
		return v
	}
	if utf8.Valid(p) {
		return string(p)
	}
	return p
}
