package payload_test

import (
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/payload"
)

func TestASchemaMayBePartOfADocument(t *testing.T) {
	t.Parallel()
	document, err := payload.Parse([]byte(`{
		"asyncapi": "3.0.0",
		"a/b": {"$ref": "#/defs/n"},
		"defs": {"n": {"type": "number", "minimum": 9007199254740993}, "net": {"$ref": "https://example.com/s.json"}, "bad": {"type": 3}}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := payload.PartSchema("testdata/api v1.yaml", document, "/a~1b")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check([]byte("9007199254740993")); err != nil {
		t.Errorf("the minimum: %v", err)
	}
	if err := s.Check([]byte("9007199254740992")); err == nil {
		t.Error("one less than the minimum passed")
	}
	for pointer, want := range map[string]string{"/defs/net": "not followed", "/defs/bad": "not a JSON Schema", "/gone": "gone"} {
		if _, err := payload.PartSchema("api.yaml", document, pointer); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", pointer, err, want)
		}
	}
}
