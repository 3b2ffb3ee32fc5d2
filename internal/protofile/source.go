package protofile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/scanner"

	"github.com/emicklei/proto"
	"google.golang.org/protobuf/encoding/protowire"
)

// loader reads source files with their imports.
type loader struct {
	schema *Schema
	paths  []string
	loaded map[string]bool
	links  []link
}

// link is a name of a type that is looked for when all files have been read.
type link struct {
	field *field
	name  string
	scope string // where it is used
	where string
}

// source is a file that is being read.
type source struct {
	*loader

	name, pkg string
	proto3    bool
	implicit  bool // fields cannot be absent unless they say so
}

// file reads a file by the name that imports know it by.
func (l *loader) file(name string) error {
	if l.loaded[name] {
		return nil
	}
	l.loaded[name] = true
	text, err := l.read(name)
	if err != nil {
		return err
	}
	return l.source(name, text)
}

// source reads the text of a file.
func (l *loader) source(name string, text []byte) error {
	parsed, err := parse(name, text)
	if err != nil {
		return err
	}
	s := &source{loader: l, name: name}
	for _, e := range parsed.Elements {
		switch e := e.(type) {
		case *proto.Syntax:
			s.proto3 = e.Value == "proto3"
			s.implicit = s.proto3
		case *proto.Package:
			s.pkg = e.Name
		case *proto.Option:
			if e.Name == "features.field_presence" {
				s.implicit = e.Constant.Source == "IMPLICIT"
			}
		case *proto.Import:
			if err := l.file(e.Filename); err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s: import %q: it is neither beside the file nor in an import path", at(e.Position), e.Filename)
				}
				return err
			}
		}
	}
	return s.elements(parsed.Elements, s.pkg)
}

// parse takes a file apart. The parser panics at some files that are cut short.
func parse(name string, text []byte) (parsed *proto.Proto, err error) {
	parser := proto.NewParser(bytes.NewReader(text))
	parser.Filename(name)
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%s: it is not a .proto file", name)
		}
	}()
	if parsed, err = parser.Parse(); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New(strings.TrimPrefix(first, "go scanner error at "))
	}
	return parsed, nil
}

func at(p scanner.Position) string { return fmt.Sprintf("%s:%d:%d", p.Filename, p.Line, p.Column) }

// read finds a file in the import paths, or among those that every compiler knows.
func (l *loader) read(name string) ([]byte, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	for _, path := range l.paths {
		text, err := os.ReadFile(filepath.Join(path, filepath.FromSlash(name)))
		if !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	if text := wellKnownSource(name); text != "" {
		return []byte(text), nil
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

// elements reads the types in a file or a message.
func (s *source) elements(list []proto.Visitee, scope string) error {
	for _, e := range list {
		var err error
		switch e := e.(type) {
		case *proto.Message:
			if !e.IsExtend {
				err = s.message(e.Name, e.Elements, scope, e.Position)
			}
		case *proto.Enum:
			err = s.enum(e, scope)
		case *proto.Group:
			err = s.message(e.Name, e.Elements, scope, e.Position)
		case *proto.Oneof: // which may hold groups
			err = s.elements(e.Elements, scope)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func join(scope, name string) string {
	if scope == "" {
		return name
	}
	return scope + "." + name
}

func (s *source) enum(e *proto.Enum, scope string) error {
	t := &enumType{name: join(scope, e.Name), names: map[int32]string{}}
	for _, v := range e.Elements {
		if v, ok := v.(*proto.EnumField); ok {
			if _, alias := t.names[int32(v.Integer)]; !alias {
				t.names[int32(v.Integer)] = v.Name
			}
		}
	}
	if s.schema.defines(t.name) {
		return fmt.Errorf("%s: %s is defined twice", at(e.Position), t.name)
	}
	s.schema.enums[t.name] = t
	return nil
}

func (s *source) message(name string, elements []proto.Visitee, scope string, pos scanner.Position) error {
	m := &messageType{name: join(scope, name), pkg: s.pkg, byNumber: map[protowire.Number]*field{}}
	if s.schema.defines(m.name) {
		return fmt.Errorf("%s: %s is defined twice", at(pos), m.name)
	}
	s.schema.types[m.name] = m
	if scope == s.pkg && s.name == s.schema.main {
		s.schema.own = append(s.schema.own, m.name)
	}
	if err := s.elements(elements, m.name); err != nil {
		return err
	}
	oneofs := 0
	for _, e := range elements {
		var err error
		if of, ok := e.(*proto.Oneof); ok {
			oneofs++
			for _, member := range of.Elements {
				if err := s.field(m, member, oneofs); err != nil {
					return err
				}
			}
			continue
		}
		if err = s.field(m, e, 0); err != nil {
			return err
		}
	}
	return nil
}

// field adds what may be a field to a message.
func (s *source) field(m *messageType, e proto.Visitee, oneof int) error {
	var of *proto.Field
	f := &field{oneof: oneof}
	switch e := e.(type) {
	case *proto.NormalField:
		of = e.Field
		f.list = e.Repeated
		f.presence = e.Optional || e.Required || !s.implicit
	case *proto.OneOfField:
		of, f.presence = e.Field, true
	case *proto.MapField:
		of = e.Field
		f.kind = kindMessage
		f.key = &field{number: 1, kind: scalarKind(e.KeyType)}
		f.value = &field{number: 2}
		if f.key.kind == 0 || f.key.kind == kindBytes || f.key.kind == kindDouble || f.key.kind == kindFloat {
			return fmt.Errorf("%s: %s cannot be the key of a map", at(e.Position), e.KeyType)
		}
		f.message = &messageType{pkg: m.pkg, byNumber: map[protowire.Number]*field{1: f.key, 2: f.value}}
	case *proto.Group:
		f.list, f.presence, f.kind = e.Repeated, true, kindGroup
		of = &proto.Field{Position: e.Position, Name: strings.ToLower(e.Name), Type: e.Name, Sequence: e.Sequence}
	default:
		return nil
	}
	f.number, f.jsonName = protowire.Number(of.Sequence), jsonName(of.Name)
	s.options(f, of.Options)
	target := f
	if f.value != nil {
		target = f.value
	}
	if target.kind == 0 {
		target.kind = scalarKind(of.Type)
	}
	if target.kind == 0 || target.kind == kindGroup {
		s.links = append(s.links, link{target, of.Type, m.name, at(of.Position)})
	}
	switch {
	case !f.number.IsValid():
		return fmt.Errorf("%s: %s cannot have the number %d", at(of.Position), of.Name, of.Sequence)
	case !m.add(f):
		return fmt.Errorf("%s: the number %d of %s is taken", at(of.Position), of.Sequence, of.Name)
	}
	return nil
}

func (*source) options(f *field, list []*proto.Option) {
	for _, o := range list {
		switch o.Name {
		case "json_name":
			f.jsonName = o.Constant.Source
		case "features.field_presence":
			f.presence = o.Constant.Source != "IMPLICIT"
		}
	}
}

// resolve looks for the types of fields: in the message that uses them, then outwards.
func (l *loader) resolve() error {
	for _, at := range l.links {
		if !l.schema.link(at) {
			return fmt.Errorf("%s: there is no type %q", at.where, at.name)
		}
	}
	return nil
}

func (s *Schema) link(at link) bool {
	if name, absolute := strings.CutPrefix(at.name, "."); absolute {
		return s.assign(at.field, name)
	}
	for scope := at.scope; ; {
		if s.assign(at.field, join(scope, at.name)) {
			return true
		}
		if scope == "" {
			return false
		}
		scope = scope[:max(0, strings.LastIndexByte(scope, '.'))]
	}
}

// assign makes a type that of a field, if there is one with this name.
func (s *Schema) assign(f *field, name string) bool {
	if e := s.enums[name]; e != nil {
		f.enum, f.kind = e, kindEnum
		return true
	}
	m := s.types[name]
	if m == nil {
		return false
	}
	if f.message = m; f.kind == 0 {
		f.kind = kindMessage
	}
	f.presence = true
	return true
}

func (s *Schema) defines(name string) bool { return s.types[name] != nil || s.enums[name] != nil }
