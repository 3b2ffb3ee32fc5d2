package payload_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/payload"
)

func schema(t *testing.T, text string) *payload.Schema {
	t.Helper()
	s, err := payload.ReadSchema(writeFile(t, t.TempDir(), "schema.json", text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSchemaSaysWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	s := schema(t, `{
		"type": "object", "required": ["v", "ts"], "additionalProperties": false,
		"properties": {
			"v": {"type": "number", "minimum": -40, "maximum": 85},
			"ts": {"type": "integer"},
			"unit": {"enum": ["C", "%"]},
			"at": {"type": "string", "format": "date-time"},
			"id": {"oneOf": [{"type": "integer"}, {"type": "string", "minLength": 2}]},
			"list": {"type": "array", "items": {"type": "string", "pattern": "^a"}}
		}}`)
	for _, tt := range []struct {
		payload string
		want    []string
	}{
		{`{"v":21.0,"ts":1,"unit":"C","at":"2025-01-09T14:40:00Z","id":3,"list":["a"]}`, nil},
		{`{"v":100,"ts":1}`, []string{"/v: maximum: got 100, want 85"}},
		{`{"v":1}`, []string{"missing property 'ts'"}},
		{`{"v":"1","ts":1}`, []string{"/v: got string, want number"}},
		{`{"v":1,"ts":1,"unit":"K"}`, []string{"/unit: value must be one of 'C', '%'"}},
		{`{"v":1,"ts":1,"x/y":1}`, []string{"additional properties 'x/y' not allowed"}},
		{`{"v":1,"ts":1,"at":"now"}`, []string{"/at: 'now' is not valid date-time: less than 20 characters long"}},
		{`{"v":1,"ts":1,"id":"x"}`, []string{"/id: none of the alternatives fits (oneOf): /id: got string, want integer | /id: minLength: got 1, want 2"}},
		{`{"v":1,"ts":1,"list":["a","b"]}`, []string{"/list/1: 'b' does not match pattern '^a'"}},
		{`[]`, []string{"got array, want object"}},
		{`{"v":1e99999999999,"ts":1}`, []string{"/v: a number too large or too small to check"}},
		{`{"v":1,"ts":1,"list":[` + strings.Repeat("9", 2000) + `]}`, []string{"/list/0: a number too large or too small to check"}},
	} {
		err := s.Check([]byte(tt.payload))
		var got []string
		if broken, ok := errors.AsType[*payload.SchemaError](err); ok {
			for _, v := range broken.Violations {
				got = append(got, v.String())
			}
		} else if err != nil {
			t.Errorf("%.60s: %v", tt.payload, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%.60s: (-want +got)\n%s", tt.payload, diff)
		}
	}
	if err := s.Check([]byte("online")); !errors.Is(err, payload.ErrNotJSON) {
		t.Errorf("got %v for a payload that is not JSON", err)
	}
}

func TestSchemaErrorNamesTheFirstViolations(t *testing.T) {
	t.Parallel()
	err := schema(t, `{"items":{"type":"null"}}`).Check([]byte(`[1,2,3,4,5]`))
	const want = "/0: got number, want null; /1: got number, want null; /2: got number, want null; and 2 more"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReadSchemaFollowsFilesButNoNetwork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "part.json", `{"type":"integer"}`)
	s, err := payload.ReadSchema(writeFile(t, dir, "whole.json", `{"properties":{"n":{"$ref":"part.json"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check([]byte(`{"n":1}`)); err != nil {
		t.Error(err)
	}
	if err := s.Check([]byte(`{"n":"x"}`)); err == nil || err.Error() != "/n: got string, want integer" {
		t.Errorf("got %v", err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"remote.json", `{"$ref":"https://example.org/a.json"}`, "https://example.org/a.json: a $ref to the network is not followed; keep that schema in a file"},
		{"plain.json", `{"$ref":"http://example.org/a.json"}`, "http://example.org/a.json: a $ref to the network is not followed; keep that schema in a file"},
		{"missing-part.json", `{"$ref":"gone.json"}`, "gone.json: "},
		{"broken.json", `{"type":`, "not JSON: unexpected end of JSON input, at byte 7"},
		{"wrong.json", `{"type":"strin"}`, "not a JSON Schema: /type: none of the alternatives fits (anyOf): /type: value must be one of"},
		{"pattern.json", `{"pattern":"("}`, "not a JSON Schema: /pattern: '(' is not valid regex"},
	} {
		_, err := payload.ReadSchema(writeFile(t, dir, tt.name, tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := payload.ReadSchema(filepath.Join(dir, "gone.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v for a file that is not there", err)
	}
}

func TestSchemasOfOlderDraftsWork(t *testing.T) {
	t.Parallel()
	s := schema(t, `{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"n":{"type":"number"}},"$ref":"#/definitions/n"}`)
	if err := s.Check([]byte(`1`)); err != nil {
		t.Error(err)
	}
	if err := s.Check([]byte(`"x"`)); err == nil {
		t.Error("a string passed for a number")
	}
}
