package twin

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/payload"
)

// ParseAssignments makes a merge patch (RFC 7396) of arguments:
//
//	a.b=3        a dot separates levels, \. is a dot in a name
//	/a/b=3       a JSON Pointer
//	key=null     null removes the setting
//	key:=[1,2]   what follows must be JSON
//	key==text    what follows is text, whatever it looks like
//	key=@file    the value is in a file
//
// Otherwise the value is JSON when it is JSON, and else text; what begins like an array, object or string of JSON and is
// none is a mistake.
func ParseAssignments(args []string) (State, error) {
	patch := State{}
	for _, arg := range args {
		tokens, value, err := parseAssignment(arg)
		if err != nil {
			return nil, fmt.Errorf("%.60q: %w", arg, err)
		}
		assign(patch, tokens, value)
	}
	return patch, nil
}

// assign puts value into state, through objects that it makes as needed.
func assign(state State, tokens []string, value any) {
	last := len(tokens) - 1
	for _, token := range tokens[:last] {
		inner, ok := state[token].(State)
		if !ok {
			inner = State{}
			state[token] = inner
		}
		state = inner
	}
	state[tokens[last]] = value
}

func parseAssignment(arg string) (tokens []string, value any, err error) {
	key, text, ok := strings.Cut(arg, "=")
	if !ok {
		return nil, nil, errors.New("key=value is expected")
	}
	mustJSON := strings.HasSuffix(key, ":")
	key = strings.TrimSuffix(key, ":")
	if tokens, err = ParseKey(key); err != nil {
		return nil, nil, err
	}
	if literal, isText := strings.CutPrefix(text, "="); isText && !mustJSON {
		return tokens, literal, nil
	}
	if file, isFile := strings.CutPrefix(text, "@"); isFile {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		text = string(content)
	}
	value, err = parseValue(text, mustJSON)
	return tokens, value, err
}

// ParseKey takes the name of a setting apart: a JSON Pointer, or names with dots between them.
func ParseKey(key string) ([]string, error) {
	if strings.HasPrefix(key, "/") {
		return parsePointer(key)
	}
	const dot = "\x00"
	tokens := strings.Split(strings.ReplaceAll(key, `\.`, dot), ".")
	for i, token := range tokens {
		if token == "" {
			return nil, errors.New("a setting needs a name")
		}
		tokens[i] = strings.ReplaceAll(token, dot, ".")
	}
	return tokens, nil
}

func parseValue(text string, mustJSON bool) (any, error) {
	if p := []byte(text); message.IsJSON(p) {
		if name, twice := repeatedName(p); twice {
			return nil, fmt.Errorf("the member %.60q comes twice", name)
		}
		return payload.Parse(p)
	}
	if begin := strings.TrimSpace(text); mustJSON || begin != "" && strings.ContainsRune(`{["`, rune(begin[0])) {
		_, err := payload.Parse([]byte(text))
		if !mustJSON {
			return nil, fmt.Errorf("%w (== takes what follows as text)", err)
		}
		return nil, err
	}
	return text, nil
}
