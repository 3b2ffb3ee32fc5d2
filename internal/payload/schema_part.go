package payload

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// PartSchema compiles a JSON Schema that is part of a larger document: the one at the JSON Pointer. The document is a value
// of [Parse]; file says where it is from, so that a $ref may lead to files beside it, as for [ReadSchema].
func PartSchema(file string, document any, pointer string) (*Schema, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("schema %s#%s: %w", file, pointer, err)
	}
	whole := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")} // Windows has /C:/…
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{"file": fileLoader{}, "http": noNetwork{}, "https": noNetwork{}})
	if err := c.AddResource(whole.String(), document); err != nil {
		return nil, fmt.Errorf("schema %s#%s: %w", file, pointer, err)
	}
	part := whole
	part.Fragment = pointer
	compiled, err := c.Compile(part.String())
	if err != nil {
		return nil, fmt.Errorf("schema %s#%s: %w", file, pointer, schemaFault(err))
	}
	return &Schema{compiled}, nil
}
