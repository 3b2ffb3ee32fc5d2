package payload

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is a JSON Schema, of draft 2020-12 where the file does not say another. It is safe for concurrent use.
type Schema struct{ compiled *jsonschema.Schema }

// ReadSchema compiles the schema in a file. A $ref may lead to other files; what leads to a network is an error and is not
// followed. Formats such as date-time are checked, unlike what the drafts ask for: a schema that names one means it.
func ReadSchema(file string) (*Schema, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{"file": fileLoader{}, "http": noNetwork{}, "https": noNetwork{}})
	compiled, err := c.Compile(path)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, schemaFault(err))
	}
	return &Schema{compiled}, nil
}

// errRemote says that a schema wants to be loaded from a network.
var errRemote = errors.New("a $ref to the network is not followed; keep that schema in a file")

type noNetwork struct{}

// Load refuses.
func (noNetwork) Load(string) (any, error) { return nil, errRemote }

// fileLoader reads schemas from files, with the strictness of [Parse].
type fileLoader struct{}

// Load reads the file that url names.
func (fileLoader) Load(url string) (any, error) {
	path, err := jsonschema.FileLoader{}.ToFile(url)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// schemaFault takes the library's wrapping off where ours says enough.
func schemaFault(err error) error {
	if load, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		pathError, isPath := errors.AsType[*os.PathError](load.Err)
		switch {
		case errors.Is(load.Err, errRemote):
			return fmt.Errorf("%s: %w", load.URL, errRemote)
		case isPath:
			return fmt.Errorf("%s: %w", pathError.Path, pathError.Err)
		}
		return load.Err
	}
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if v, ok := errors.AsType[*jsonschema.ValidationError](invalid.Err); ok {
			return fmt.Errorf("not a JSON Schema: %w", &SchemaError{violations(v)})
		}
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
}

// Violation is one thing in a payload that its schema does not allow.
type Violation struct {
	Pointer string // a JSON Pointer; empty for the whole payload
	Message string
}

// String returns the violation in one line.
func (v Violation) String() string {
	if v.Pointer == "" {
		return v.Message
	}
	return v.Pointer + ": " + v.Message
}

// SchemaError says how a payload breaks its schema.
type SchemaError struct{ Violations []Violation }

// Error names the first violations.
func (e *SchemaError) Error() string {
	const shown = 3
	var words []string
	for _, v := range e.Violations[:min(shown, len(e.Violations))] {
		words = append(words, v.String())
	}
	text := strings.Join(words, "; ")
	if more := len(e.Violations) - shown; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// Check checks a payload. The error wraps [ErrNotJSON], or is a [*SchemaError].
func (s *Schema) Check(p []byte) error {
	value, err := Parse(p)
	if err != nil {
		return err
	}
	if pointer, huge := hugeNumber(value); huge {
		return &SchemaError{[]Violation{{pointer, "a number too large or too small to check"}}}
	}
	err = s.compiled.Validate(value)
	if v, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return &SchemaError{violations(v)}
	}
	return err
}

// The schema library writes numbers out: these bound what it is given.
const (
	maxExponentDigits = 4
	maxLiteral        = 1000
)

func writable(literal string) bool {
	if len(literal) > maxLiteral {
		return false
	}
	i := strings.IndexAny(literal, "eE")
	return i < 0 || len(strings.TrimLeft(literal[i+1:], "+-0")) <= maxExponentDigits
}

// hugeNumber looks for a number that the schema library cannot hold and returns where it is.
func hugeNumber(v any) (pointer string, huge bool) {
	switch v := v.(type) {
	case json.Number:
		return "", !writable(string(v))
	case []any:
		for i, e := range v {
			if below, huge := hugeNumber(e); huge {
				return "/" + strconv.Itoa(i) + below, true
			}
		}
	case map[string]any:
		for name, e := range v {
			if below, huge := hugeNumber(e); huge {
				return "/" + pointerToken(name) + below, true
			}
		}
	}
	return "", false
}

// violations returns the leaves of a validation error. Of alternatives that all failed it is only said that they did: the
// reasons of each would contradict one another.
func violations(e *jsonschema.ValidationError) []Violation {
	v := Violation{Pointer: pointerOf(e.InstanceLocation)}
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf:
		v.Message = "none of the alternatives fits (anyOf)" + alternatives(e)
		return []Violation{v}
	case *kind.OneOf:
		v.Message = "none of the alternatives fits (oneOf)" + alternatives(e)
		if len(k.Subschemas) > 0 {
			v.Message = "more than one alternative fits (oneOf)"
		}
		return []Violation{v}
	}
	if len(e.Causes) == 0 {
		v.Message = strings.ReplaceAll(e.ErrorKind.LocalizedString(message.NewPrinter(language.English)), "\n", " ")
		return []Violation{v}
	}
	var all []Violation
	for _, cause := range e.Causes {
		all = append(all, violations(cause)...)
	}
	return all
}

// alternatives says why the first few alternatives do not fit.
func alternatives(e *jsonschema.ValidationError) string {
	const shown = 3
	var words []string
	for _, cause := range e.Causes[:min(shown, len(e.Causes))] {
		words = append(words, (&SchemaError{violations(cause)}).Error())
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, " | ")
}

func pointerOf(tokens []string) string {
	var b strings.Builder
	for _, token := range tokens {
		b.WriteString("/" + pointerToken(token))
	}
	return b.String()
}
