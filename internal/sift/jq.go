package sift

import (
	"context"
	"errors"
	"fmt"

	"github.com/itchyny/gojq"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

// maxResults bounds what an expression makes of one message: it may be one that never ends.
const maxResults = 10_000

// JQ is an expression in the language of jq. Its input is a message as its JSON form has it, with "levels", the levels of
// its topic, besides. Numbers that it does not calculate with keep their literals. It sees no files and no environment.
type JQ struct{ code *gojq.Code }

// NewJQ compiles an expression.
func NewJQ(text string) (*JQ, error) {
	query, err := gojq.Parse(text)
	if err != nil {
		return nil, inOneLine(err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, inOneLine(err)
	}
	return &JQ{code}, nil
}

// Run calls each with everything that the expression makes of m, which is shown with more members: values of its own
// kinds, or strings. It fails when ctx ends first: an expression may calculate for ever.
func (q *JQ) Run(ctx context.Context, m message.Message, extra []byte, each func(JQValue)) error {
	object := message.AppendJSON(nil, m)
	if len(extra) > 0 {
		object = append(append(object[:len(object)-1], extra...), '}')
	}
	input, err := payload.Parse(object)
	if err != nil {
		return err
	}
	members, ok := input.(map[string]any)
	if !ok {
		return errors.New("no object") // cannot happen: AppendJSON makes one
	}
	members["levels"] = levels(m.Topic)
	results := q.code.RunWithContext(ctx, input)
	for n := 0; ; n++ {
		v, ok := results.Next()
		if !ok {
			return nil
		}
		if err, failed := v.(error); failed {
			if halt, ok := errors.AsType[*gojq.HaltError](err); ok && halt.Value() == nil {
				return nil
			}
			return inOneLine(err)
		}
		if n == maxResults {
			return fmt.Errorf("more than %d results", maxResults)
		}
		each(JQValue{v})
	}
}

func levels(name string) []any {
	var all []any
	for _, level := range splitLevels(name) {
		all = append(all, level)
	}
	return all
}

// JQValue is a result of a [JQ].
type JQValue struct{ v any }

// Text is a string as it is, and anything else as JSON on one line.
func (v JQValue) Text() []byte {
	if s, ok := v.v.(string); ok {
		return []byte(s)
	}
	return v.JSON()
}

// JSON is the value as JSON on one line.
func (v JQValue) JSON() []byte {
	text, err := gojq.Marshal(v.v)
	if err != nil { // cannot happen: these values are made of JSON
		return []byte("null")
	}
	return text
}
