package protofile_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mqx-cli/mqx/internal/protofile"
)

// load writes files and loads the first of them.
func load(tb testing.TB, paths []string, files ...string) (*protofile.Schema, error) {
	tb.Helper()
	dir := tb.TempDir()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	for i, p := range paths {
		paths[i] = filepath.Join(dir, p)
	}
	return protofile.Load(filepath.Join(dir, files[0]), paths)
}

func plant(tb testing.TB) *protofile.Type {
	tb.Helper()
	schema, err := protofile.Load(filepath.Join("testdata", "plant.proto"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	of, err := schema.Type("")
	if err != nil {
		tb.Fatal(err)
	}
	return of
}

func TestLoadSaysWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files []string
		want  string
	}{
		"syntax":         {[]string{"a.proto", "syntax = \"proto3\";\nmessage A { int32 = 1; }"}, "a.proto:2:"},
		"no type":        {[]string{"a.proto", "message A {\n  optional Missing m = 1;\n}"}, `a.proto:2:12: there is no type "Missing"`},
		"a number twice": {[]string{"a.proto", "message A { optional int32 a = 1; optional int32 b = 1; }"}, "the number 1 of b is taken"},
		"number 0":       {[]string{"a.proto", "message A { optional int32 a = 0; }"}, "a cannot have the number 0"},
		"a type twice":   {[]string{"a.proto", "message A {} enum A { X = 0; }"}, "A is defined twice"},
		"key of a map":   {[]string{"a.proto", "message A { map<double, int32> m = 1; }"}, "double cannot be the key of a map"},
		"import":         {[]string{"a.proto", "import \"b/c.proto\";"}, `a.proto:1:1: import "b/c.proto": it is neither beside the file nor in an import path`},
		"outward import": {[]string{"a.proto", "import \"../c.proto\";"}, "neither beside"},
		"not a set":      {[]string{"a.binpb", "\x0a\x05hello"}, "neither a .proto file nor a descriptor set"},
		"empty set":      {[]string{"a.binpb", ""}, "neither a .proto file nor a descriptor set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := load(t, nil, tt.files...); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := protofile.Load("testdata/none.proto", nil); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}

func TestLoadFindsImportsInTheirPaths(t *testing.T) {
	t.Parallel()
	files := []string{
		"root/app/a.proto", `syntax = "proto3"; import "lib/b.proto"; import public "app/c.proto"; message A { lib.B b = 1; C c = 2; }`,
		"root/lib/b.proto", `syntax = "proto3"; package lib; message B { string s = 1; }`,
		"root/app/c.proto", `syntax = "proto3"; import "app/a.proto"; message C { int32 n = 1; }`, // a circle harms nobody
	}
	schema, err := load(t, []string{"root"}, files...)
	if err != nil {
		t.Fatal(err)
	}
	of, err := schema.Type("")
	if err != nil || of.Name() != "A" {
		t.Fatal(of, err)
	}
	if got, err := of.Decode([]byte("\x0a\x03\x0a\x01x")); err != nil || string(got) != `{"b":{"s":"x"}}` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestTypeTakesUniqueNamesAndSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	schema, err := load(t, nil, "a.proto", `package x.y; message Temp { message In {} } message Other { message In {} }`)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Temp", "y.Temp", "x.y.Temp", ".x.y.Temp", "Temp.In"} {
		if of, err := schema.Type(name); err != nil || !strings.HasSuffix(of.Name(), strings.TrimPrefix(name, ".")) {
			t.Errorf("%q: got %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"":     "defines x.y.Temp, x.y.Other: say which",
		"In":   `"In" can be x.y.Other.In, x.y.Temp.In`,
		"Tmep": "is it x.y.Temp?",
		"Fuel": "there are x.y.Temp, x.y.Other",
	} {
		if _, err := schema.Type(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
}

func TestDecodeFollowsTheRulesOfTheWire(t *testing.T) {
	t.Parallel()
	of := plant(t)
	field := func(n protowire.Number, kind protowire.Type) []byte { return protowire.AppendTag(nil, n, kind) }
	str := func(n protowire.Number, s string) []byte {
		return protowire.AppendString(field(n, protowire.BytesType), s)
	}
	num := func(n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(field(n, protowire.VarintType), v)
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, tt := range map[string]struct {
		p    []byte
		want string // a part of the JSON
	}{
		"the last scalar counts":         {join(num(4, 1), num(4, 2)), `"i64":2,`},
		"parts of a message are merged":  {join(str(17, "\x0a\x01a"), str(17, "\x10\x01")), `"line":{"displayName":"a","mode":"MANUAL"}`},
		"the last of a oneof counts":     {join(str(25, "x"), num(26, 7)), `"number":7}`},
		"of the same one too":            {join(num(26, 7), str(25, "x"), str(25, "y")), `"text":"y"}`},
		"exact numbers":                  {num(5, math.MaxUint64), `"u64":18446744073709551615`},
		"negative int32 in ten bytes":    {num(6, math.MaxUint64), `"i32":-1`},
		"an enum without a name":         {num(16, 9), `"state":9`},
		"a negative enum":                {num(16, math.MaxUint64), `"state":"STATE_STOPPED"`},
		"numbers packed and loose":       {join(num(19, 1), str(19, "\x02\x03"), num(19, 4)), `"packedInts":[1,2,3,4]`},
		"the last entry of a map counts": {join(str(23, "\x08\x05\x11\x00\x00\x00\x00\x00\x00\xf0\x3f"), str(23, "\x08\x05")), `"byId":{"5":0}`},
		"unknown fields are left out":    {join(num(4, 1), num(1000, 5)), `"i64":1,`},
		"another form is unknown":        {join(num(4, 1), str(4, "x")), `"i64":1,`},
		"a time":                         {str(29, "\x08\xf0\x8e\xff\xbb\x06"), `"made":"2025-01-09`},
		"a time out of range":            {str(29, "\x10\xff\xff\xff\xff\x07"), `"made":{"seconds":0,"nanos":2147483647}`},
		"a negative duration":            {str(30, string(num(2, math.MaxUint64-499_999_999))), `"took":"-0.500s"`},
		"any":                            {str(32, string(join(str(1, "x/acme.plant.v1.Plant.Line"), str(2, "\x0a\x01a")))), `"any":{"@type":"x/acme.plant.v1.Plant.Line","displayName":"a","mode":"AUTO"}`},
		"any of a known form":            {str(32, string(join(str(1, "x/google.protobuf.Duration"), str(2, "\x08\x01")))), `"any":{"@type":"x/google.protobuf.Duration","value":"1s"}`},
		"any of an unknown type":         {str(32, string(join(str(1, "x/y"), str(2, "\xff")))), `"any":{"typeUrl":"x/y","value":"/w=="}`},
		"a group":                        {str(35, "\x09\x00\x00\x00\x00\x00\x00\x00\x00\x23\x08\x05\x24"), `"range":{"low":0,"limits":{"most":5}}`},
	} {
		got, err := of.Decode(tt.p)
		if err != nil || !strings.Contains(string(got), tt.want) {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, tt.want)
		}
	}
	if got, err := of.Decode(nil); err != nil || !strings.HasPrefix(string(got), `{"name":"","f64":0,`) || strings.Contains(string(got), "line") {
		t.Errorf("an empty message: got %s, %v", got, err)
	}
}

func TestDecodeRefusesWhatIsHostile(t *testing.T) {
	t.Parallel()
	of := plant(t)
	nested := []byte{}
	for range 200 {
		nested = protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), nested)
	}
	nested = protowire.AppendBytes(protowire.AppendTag(nil, 17, protowire.BytesType), nested)
	for name, tt := range map[string]struct {
		p    []byte
		want string
	}{
		"announces gigabytes": {[]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x07}, "not a message"},
		"no tag":              {[]byte{0xff}, "not a message"},
		"field 0":             {[]byte{0x00, 0x00}, "not a message"},
		"group without end":   {[]byte{0x0b}, "not a message"},
		"not UTF-8":           {[]byte{0x0a, 0x01, 0xff}, "not UTF-8"},
		"nested":              {nested, "nested deeper"},
		"another type":        {[]byte("\xa2\x3e\x01x"), "none of its fields is one of acme.plant.v1.Plant"},
		"many values":         {bytes.Repeat([]byte{0x92, 0x01, 0x00}, 1_000_001), "more than 1000000 values"},
		"cut packed number":   {[]byte{0x9a, 0x01, 0x01, 0xff}, "not a message"},
	} {
		if got, err := of.Decode(tt.p); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %.100s, %v; want %q", name, got, err, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	of := plant(f)
	for _, seed := range []string{
		"", "\x0a\x01x", "\x8a\x01\x03\x0a\x01a", "\xba\x01\x02\x08\x05", "\x82\x02\x06\x0a\x01x\x12\x01\xff", "\x9a\x02\x04\x23\x08\x05\x24", "\xfa\x01\x02\x0a\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		got, err := of.Decode(p)
		switch {
		case err != nil && strings.Contains(err.Error(), "\n"):
			t.Errorf("%q: an error of several lines: %v", p, err)
		case err == nil && !json.Valid(got):
			t.Errorf("%q: not JSON: %s", p, got)
		case bytes.ContainsAny(got, "\n\r"):
			t.Errorf("%q: several lines: %s", p, got)
		}
	})
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		`syntax = "proto3"; package a.b; message M { map<string, M> m = 1; oneof o { int32 a = 2; } enum E { X = 0; } repeated E e = 3; }`,
		`message A { optional group G = 1 { required bytes b = 1; } extensions 4 to max; } extend A { optional int32 z = 4; }`,
		`edition = "2023"; option features.field_presence = IMPLICIT; message A { int32 a = 1 [features.field_presence = EXPLICIT]; }`,
		`message .`, `import "x"; service S { rpc R (A) returns (B) { option (x) = { y: 1 }; } }`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := filepath.Join(t.TempDir(), "a.proto")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		schema, err := protofile.Load(name, nil)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of several lines: %v", err)
			}
			return
		}
		if of, err := schema.Type(""); err == nil {
			if got, err := of.Decode([]byte("\x0a\x01x\x10\x05")); err == nil && !json.Valid(got) {
				t.Errorf("not JSON: %s", got)
			}
		}
	})
}
