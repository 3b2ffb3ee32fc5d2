package protofile

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// A descriptor set is a message of Protocol Buffers itself. These are the parts of it that say what payloads look like, by the
// names that they have as JSON.
type (
	setOfFiles struct {
		File []setFile `json:"file"`
	}
	setFile struct {
		Name        string       `json:"name"`
		Package     string       `json:"package"`
		Syntax      string       `json:"syntax"`
		MessageType []setMessage `json:"message_type"`
		EnumType    []setEnum    `json:"enum_type"`
		Options     setOptions   `json:"options"`
	}
	setMessage struct {
		Name       string       `json:"name"`
		Field      []setField   `json:"field"`
		NestedType []setMessage `json:"nested_type"`
		EnumType   []setEnum    `json:"enum_type"`
		Options    struct {
			MapEntry bool `json:"map_entry"`
		} `json:"options"`
	}
	setField struct {
		Name           string     `json:"name"`
		Number         int32      `json:"number"`
		Label          int32      `json:"label"`
		Type           int32      `json:"type"`
		TypeName       string     `json:"type_name"`
		JSONName       string     `json:"json_name"`
		OneofIndex     *int       `json:"oneof_index"`
		Proto3Optional bool       `json:"proto3_optional"`
		Options        setOptions `json:"options"`
	}
	setEnum struct {
		Name  string `json:"name"`
		Value []struct {
			Name   string `json:"name"`
			Number int32  `json:"number"`
		} `json:"value"`
	}
	setOptions struct {
		Features struct {
			FieldPresence int32 `json:"field_presence"`
		} `json:"features"`
	}
)

// setSource defines those parts.
const setSource = `syntax = "proto2";
message Set { repeated File file = 1; }
message File { optional string name = 1; optional string package = 2; repeated Message message_type = 4 [json_name = "message_type"]; repeated Enum enum_type = 5 [json_name = "enum_type"];
  optional FileOptions options = 8; optional string syntax = 12; }
message FileOptions { optional Features features = 50; }
message Features { optional int32 field_presence = 1 [json_name = "field_presence"]; }
message Message { optional string name = 1; repeated Field field = 2; repeated Message nested_type = 3 [json_name = "nested_type"]; repeated Enum enum_type = 4 [json_name = "enum_type"];
  optional MessageOptions options = 7; }
message MessageOptions { optional bool map_entry = 7 [json_name = "map_entry"]; }
message Field { optional string name = 1; optional int32 number = 3; optional int32 label = 4; optional int32 type = 5;
  optional string type_name = 6 [json_name = "type_name"]; optional FieldOptions options = 8; optional int32 oneof_index = 9 [json_name = "oneof_index"]; optional string json_name = 10 [json_name = "json_name"];
  optional bool proto3_optional = 17 [json_name = "proto3_optional"]; }
message FieldOptions { optional Features features = 21; }
message Enum { optional string name = 1; repeated Value value = 2; }
message Value { optional string name = 1; optional int32 number = 2; }
`

// loadSet reads a descriptor set.
func (s *Schema) loadSet(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	bootstrap := newSchema("")
	l := loader{schema: bootstrap, loaded: map[string]bool{}}
	if err := l.source("set", []byte(setSource)); err != nil {
		return err
	}
	if err := l.resolve(); err != nil {
		return err
	}
	text, err := (&Type{bootstrap, bootstrap.types["Set"]}).Decode(raw)
	var set setOfFiles
	if err == nil {
		err = json.Unmarshal(text, &set)
	}
	if err != nil || len(set.File) == 0 {
		return fmt.Errorf("%s is neither a .proto file nor a descriptor set", file)
	}
	return s.takeSet(set)
}

func (s *Schema) takeSet(set setOfFiles) error {
	l := &loader{schema: s}
	for _, f := range set.File {
		const implicit = 2
		t := &setReader{loader: l, pkg: f.Package, implicit: f.Syntax == "proto3" || f.Options.Features.FieldPresence == implicit}
		t.enums(f.EnumType, f.Package)
		for _, m := range f.MessageType {
			if !strings.HasPrefix(f.Name, "google/protobuf/") {
				s.own = append(s.own, join(f.Package, m.Name))
			}
			t.message(m, f.Package)
		}
	}
	return l.resolve()
}

// setReader reads one file of a descriptor set.
type setReader struct {
	*loader

	pkg      string
	implicit bool
}

func (r *setReader) enums(list []setEnum, scope string) {
	for _, e := range list {
		t := &enumType{name: join(scope, e.Name), names: map[int32]string{}}
		for _, v := range e.Value {
			if _, alias := t.names[v.Number]; !alias {
				t.names[v.Number] = v.Name
			}
		}
		r.schema.enums[t.name] = t
	}
}

func (r *setReader) message(m setMessage, scope string) {
	t := &messageType{name: join(scope, m.Name), pkg: r.pkg, byNumber: map[protowire.Number]*field{}}
	r.schema.types[t.name] = t
	r.enums(m.EnumType, t.name)
	entries := map[string]*messageType{}
	for _, nested := range m.NestedType {
		r.message(nested, t.name)
		if name := join(t.name, nested.Name); nested.Options.MapEntry {
			entries["."+name] = r.schema.types[name]
			delete(r.schema.types, name)
		}
	}
	for _, f := range m.Field {
		r.field(t, f, entries)
	}
}

func (r *setReader) field(t *messageType, of setField, entries map[string]*messageType) {
	const repeated, explicit = 3, 1
	f := &field{
		number: protowire.Number(of.Number), jsonName: of.JSONName, kind: kind(of.Type), list: of.Label == repeated,
		presence: !r.implicit || of.Proto3Optional || of.OneofIndex != nil || of.Options.Features.FieldPresence == explicit,
	}
	if f.jsonName == "" {
		f.jsonName = jsonName(of.Name)
	}
	if of.OneofIndex != nil {
		f.oneof = *of.OneofIndex + 1
	}
	if entry := entries[of.TypeName]; entry != nil {
		f.message, f.list, f.key, f.value = entry, false, entry.byNumber[1], entry.byNumber[2]
	} else if of.TypeName != "" {
		r.links = append(r.links, link{f, of.TypeName, t.name, join(t.name, of.Name)})
	}
	t.add(f)
}
