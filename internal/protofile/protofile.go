// Package protofile reads payloads of Protocol Buffers by the .proto files of their types, and writes them as JSON on one line.
//
// Start with [Load], choose a type with [Schema.Type] and call [Type.Decode] for each payload. The JSON is the one that
// Protocol Buffers define, with one difference: integers of 64 bits are numbers, exact ones, so that one can calculate with
// them. Fields that cannot be absent are there also when they are zero. Payloads are hostile input: their depth, the number of
// their values and the size of the JSON are bounded. The files are the user's; nothing is loaded from a network.
package protofile

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mqx-cli/mqx/internal/words"
)

// Schema is what files define.
type Schema struct {
	types map[string]*messageType
	enums map[string]*enumType
	own   []string // types at the top of the main file
	file  string   // as it was given
	main  string   // as imports know it
}

func newSchema(file string) *Schema {
	return &Schema{types: map[string]*messageType{}, enums: map[string]*enumType{}, file: file}
}

// Load reads a file with its imports. One that ends in .proto is source, and its imports are looked for in paths and beside
// it; those of google/protobuf that define types for payloads are known. Any other is a descriptor set, as
// protoc --include_imports -o writes it. The error says in one line what is wrong, and where. What does not matter for
// payloads (options, services, extensions) is not checked.
func Load(file string, paths []string) (*Schema, error) {
	s := newSchema(file)
	if filepath.Ext(file) != ".proto" {
		return s, s.loadSet(file)
	}
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	s.main, paths = importName(file, paths)
	l := &loader{schema: s, paths: paths, loaded: map[string]bool{}}
	if err := l.file(s.main); err != nil {
		return nil, err
	}
	return s, l.resolve()
}

// importName is by which name a file is known to others that import it, and where imports are: the first of paths that it is
// below, or the folder it is in.
func importName(file string, paths []string) (name string, all []string) {
	for _, path := range paths {
		rel, err := filepath.Rel(path, file)
		if err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel), paths
		}
	}
	return filepath.Base(file), append([]string{filepath.Dir(file)}, paths...)
}

// Type is a type of messages.
type Type struct {
	schema *Schema
	of     *messageType
}

// Name is the full name of the type.
func (t *Type) Name() string { return t.of.name }

// Type returns a type by its full name, or by its last parts where they are unique. Without a name it is the one that the file
// defines, if it defines one.
func (s *Schema) Type(name string) (*Type, error) {
	name = strings.TrimPrefix(name, ".")
	if name == "" {
		if len(s.own) == 1 {
			return &Type{s, s.types[s.own[0]]}, nil
		}
		return nil, fmt.Errorf("%s defines %s: say which one the payloads are of", s.file, list(s.own))
	}
	if m := s.types[name]; m != nil {
		return &Type{s, m}, nil
	}
	var found []string
	for full := range s.types {
		if strings.HasSuffix(full, "."+name) {
			found = append(found, full)
		}
	}
	slices.Sort(found)
	switch len(found) {
	case 1:
		return &Type{s, s.types[found[0]]}, nil
	case 0:
		return nil, fmt.Errorf("%s has no type %q%s", s.file, name, s.others(name))
	default:
		return nil, fmt.Errorf("%q can be %s", name, list(found))
	}
}

// others says what there is instead.
func (s *Schema) others(name string) string {
	const near = 2
	for _, full := range slices.Sorted(maps.Keys(s.types)) {
		if words.Distance(name, full) <= near || words.Distance(name, full[strings.LastIndexByte(full, '.')+1:]) <= near {
			return ": is it " + full + "?"
		}
	}
	return "; there are " + list(s.own)
}

// list lists some names.
func list(names []string) string {
	const most = 8
	if len(names) == 0 {
		return "no types"
	}
	text := strings.Join(names[:min(most, len(names))], ", ")
	if n := len(names) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
