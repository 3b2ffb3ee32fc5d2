package retained

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/mqx-cli/mqx/internal/payload"
)

// condition is a comparison of a JSON value: an operator and what is on its right side.
type condition struct {
	text    string
	op      string
	operand any            // of payload.Parse
	re      *regexp.Regexp // of matches
}

// operators are those of a condition; what begins like another comes first.
func operators() [7]string { return [...]string{"==", "!=", "<=", ">=", "<", ">", "matches"} }

const operatorHelp = `begin with ==, !=, <, <=, >, >= or matches, as in "> 20"`

// parseCondition reads "OP VALUE". The value is JSON, or else a string.
func parseCondition(text string) (*condition, error) {
	op, right := cutOperator(text)
	c := &condition{text: text, op: op, operand: jsonOrString(right)}
	switch op {
	case "":
		return nil, fmt.Errorf("%q has no operator: %s", text, operatorHelp)
	case "matches":
		re, err := regexp.Compile(right)
		if err != nil {
			return nil, err
		}
		c.re = re
	case "<", "<=", ">", ">=":
		if _, isNumber := payload.Compare(c.operand, c.operand); !isNumber {
			return nil, fmt.Errorf("%q: %s compares numbers", text, op)
		}
	}
	if right == "" {
		return nil, fmt.Errorf("%q has nothing behind the operator", text)
	}
	return c, nil
}

func cutOperator(text string) (op, right string) {
	text = strings.TrimSpace(text)
	for _, op := range operators() {
		right, ok := strings.CutPrefix(text, op)
		if ok && (op != "matches" || right == "" || right[0] == ' ') {
			return op, strings.TrimSpace(right)
		}
	}
	return "", text
}

// test returns why the condition does not hold for a value, nil when it does.
func (c *condition) test(value any) error {
	var holds bool
	switch c.op {
	case "==":
		holds = payload.Equal(value, c.operand)
	case "!=":
		holds = !payload.Equal(value, c.operand)
	case "matches":
		holds = c.re.MatchString(textOf(value))
	default:
		order, numbers := payload.Compare(value, c.operand)
		if !numbers {
			return fmt.Errorf("%s is of type %s, not a number", shorten(jsonText(value)), payload.TypeOf(value))
		}
		holds = holdsFor(c.op, order)
	}
	if holds {
		return nil
	}
	return fmt.Errorf("%s is not %s", shorten(jsonText(value)), c.text)
}

// textOf is what a regular expression sees of a value: a string without its quotes, all else as JSON.
func textOf(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return jsonText(value)
}

// holdsFor applies an operator to the order of its two sides.
func holdsFor(op string, order int) bool {
	switch op {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

// countCondition is what a number of messages must be.
type countCondition struct {
	op       string // empty for from..to
	from, to int
}

var errCount = errors.New(`a count is "3", ">= 3" (or ==, !=, <, <=, >) or "2..5"`)

func parseCount(text string) (*countCondition, error) {
	if from, to, ok := strings.Cut(text, ".."); ok {
		low, err := parseWhole(from)
		high, err2 := parseWhole(to)
		if err != nil || err2 != nil || low > high {
			return nil, errCount
		}
		return &countCondition{from: low, to: high}, nil
	}
	op, right := cutOperator(text)
	if op == "" {
		op = "=="
	}
	n, err := parseWhole(right)
	if err != nil || op == "matches" {
		return nil, errCount
	}
	if op == "<" && n == 0 {
		return nil, errors.New("no count is less than 0")
	}
	return &countCondition{op: op, from: n}, nil
}

func parseWhole(text string) (int, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
	return int(n), err
}

func (c *countCondition) holds(n int) bool {
	if c.op == "" {
		return n >= c.from && n <= c.to
	}
	return holdsFor(c.op, n-c.from)
}

// String returns the count as it was written, or nearly so.
func (c *countCondition) String() string {
	switch c.op {
	case "":
		return fmt.Sprintf("%d..%d", c.from, c.to)
	case "==":
		return strconv.Itoa(c.from)
	default:
		return fmt.Sprintf("%s %d", c.op, c.from)
	}
}
