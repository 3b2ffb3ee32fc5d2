package contract

import (
	"path"

	"github.com/mqx-cli/mqx/internal/payload"
)

// Schema is a JSON Schema with a name.
type Schema struct {
	// Name is what payloads say in their member "schema". It may have * and ? (path.Match): "*.v1".
	Name string
	// File is where it was read from; empty when it is part of the contract file or of an AsyncAPI document.
	File string
	At   Position

	value  any // the schema itself, when it is part of a document
	schema *payload.Schema
}

// Check checks a payload. The error wraps [payload.ErrNotJSON], or is a [*payload.SchemaError].
func (s *Schema) Check(p []byte) error { return s.schema.Check(p) }

// SchemaFor returns the schema that a payload must follow: the one that it names in its member "schema", otherwise the one
// of the rule. It is nil when the contract has none of that name; named is known then only if Schemas is empty.
func (c *Contract) SchemaFor(r Rule, named string) *Schema {
	if named == "" {
		named = r.Schema
	}
	if named == "" {
		return nil
	}
	for _, s := range c.Schemas {
		if s.Name == named {
			return s
		}
	}
	for _, s := range c.Schemas {
		if ok, _ := path.Match(s.Name, named); ok {
			return s
		}
	}
	return nil
}
