package protofile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/mqx-cli/mqx/internal/protofile"
)

// reference is the type as the reference implementation knows it.
func reference(tb testing.TB) protoreflect.MessageDescriptor {
	tb.Helper()
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{"testdata"}})}
	files, err := c.Compile(tb.Context(), "plant.proto")
	if err != nil {
		tb.Fatal(err)
	}
	return files[0].Messages().ByName("Plant")
}

// fill gives a message random content.
func fill(r *rand.Rand, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	if m.Descriptor().FullName() == "google.protobuf.Value" { // one of its members must be there
		number := fields.Get(1 + r.IntN(3))
		m.Set(number, random(r, number))
		return
	}
	for i := range fields.Len() {
		f := fields.Get(i)
		if r.IntN(3) == 0 || depth > 3 || f.Name() == "any" || f.Name() == "mask" {
			continue
		}
		switch {
		case f.IsMap():
			for range r.IntN(3) {
				value := m.Mutable(f).Map().NewValue()
				if f.MapValue().Message() != nil {
					fill(r, value.Message(), depth+1)
				} else {
					value = random(r, f.MapValue())
				}
				m.Mutable(f).Map().Set(random(r, f.MapKey()).MapKey(), value)
			}
		case f.IsList():
			for range r.IntN(4) {
				if f.Message() != nil {
					fill(r, m.Mutable(f).List().AppendMutable().Message(), depth+1)
				} else {
					m.Mutable(f).List().Append(random(r, f))
				}
			}
		case f.Message() != nil:
			fill(r, m.Mutable(f).Message(), depth+1)
		default:
			m.Set(f, random(r, f))
		}
	}
}

func random(r *rand.Rand, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString([]string{"", "a", "ü\"\n", "日本"}[r.IntN(4)])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([][]byte{{}, {0xff}, []byte("abc")}[r.IntN(3)])
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum([]protoreflect.EnumNumber{0, 1, -1, 77}[r.IntN(4)])
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{0, -0.5, 1e300, 21.1}[r.IntN(4)])
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32([]float32{0, 21.1, -1e-7, math.MaxFloat32}[r.IntN(4)])
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		if f.Parent().FullName() == "google.protobuf.Timestamp" || f.Parent().FullName() == "google.protobuf.Duration" {
			return protoreflect.ValueOfInt32([]int32{0, 1, 5e8}[r.IntN(3)])
		}
		return protoreflect.ValueOfInt32([]int32{0, -1, math.MinInt32, math.MaxInt32}[r.IntN(4)])
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32([]uint32{0, 1, math.MaxUint32}[r.IntN(3)])
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64([]uint64{0, 1, math.MaxUint64, 1<<53 + 1}[r.IntN(4)])
	default:
		if f.Parent().FullName() == "google.protobuf.Timestamp" || f.Parent().FullName() == "google.protobuf.Duration" {
			return protoreflect.ValueOfInt64([]int64{0, 1, 1736430000}[r.IntN(3)])
		}
		return protoreflect.ValueOfInt64([]int64{0, -1, math.MinInt64, 1<<53 + 1}[r.IntN(4)])
	}
}

// canonical makes JSON comparable: integers of 64 bits are strings in the reference, and numbers here.
func canonical(tb testing.TB, text []byte) any {
	tb.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		tb.Fatalf("%v in %s", err, text)
	}
	return plain(v)
}

func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = plain(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	case json.Number:
		if f, err := v.Float64(); err == nil && f != math.Trunc(f) || bytes.ContainsAny([]byte(v), "eE") {
			return fmt.Sprint(f)
		}
		return v.String()
	}
	return v
}

func TestDecodeShowsWhatTheReferenceDoes(t *testing.T) {
	t.Parallel()
	descriptor := reference(t)
	schema, err := protofile.Load(filepath.Join("testdata", "plant.proto"), nil)
	if err != nil {
		t.Fatal(err)
	}
	of, err := schema.Type("Plant")
	if err != nil {
		t.Fatal(err)
	}
	setFile := filepath.Join(t.TempDir(), "plant.binpb")
	writeSet(t, setFile, descriptor.ParentFile())
	set, err := protofile.Load(setFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	ofSet, err := set.Type("acme.plant.v1.Plant")
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		m := dynamicpb.NewMessage(descriptor)
		fill(r, m, 0)
		raw, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) == 0 {
			continue
		}
		text, err := protojson.MarshalOptions{AllowPartial: true, EmitDefaultValues: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		want := withoutEmpty(canonical(t, text))
		for _, of := range []*protofile.Type{of, ofSet} {
			got, err := of.Decode(raw)
			if err != nil {
				t.Fatalf("%d: %v\n%s", i, err, text)
			}
			if diff := cmp.Diff(want, withoutEmpty(canonical(t, got))); diff != "" {
				t.Fatalf("%d: (-want +got)\n%s", i, diff)
			}
		}
	}
}

// withoutEmpty leaves out empty lists and maps, which the reference shows.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			e = withoutEmpty(e)
			if list, ok := e.([]any); ok && len(list) == 0 {
				delete(v, k)
			}
			if object, ok := e.(map[string]any); ok && len(object) == 0 {
				delete(v, k)
			}
		}
	case []any:
		for _, e := range v {
			withoutEmpty(e)
		}
	}
	return v
}

// writeSet writes a file with its imports as protoc does.
func writeSet(t *testing.T, name string, f protoreflect.FileDescriptor) {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	add(f)
	raw, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
