package payload_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/payload"
)

// The expectations are those of RFC 8949, appendix A, and of the MessagePack specification.
func TestEncodingsAreThoseOfTheirSpecifications(t *testing.T) {
	t.Parallel()
	tests := []struct{ json, cbor, msgpack string }{
		{"null", "f6", "c0"},
		{"true", "f5", "c3"},
		{" false ", "f4", "c2"},
		{"0", "00", "00"},
		{"23", "17", "17"},
		{"24", "1818", "18"},
		{"100", "1864", "64"},
		{"127", "187f", "7f"},
		{"128", "1880", "cc80"},
		{"1000", "1903e8", "cd03e8"},
		{"1000000", "1a000f4240", "ce000f4240"},
		{"1000000000000", "1b000000e8d4a51000", "cf000000e8d4a51000"},
		{"18446744073709551615", "1bffffffffffffffff", "cfffffffffffffffff"},
		{"18446744073709551616", "c249010000000000000000", "error"},
		{"-1", "20", "ff"},
		{"-32", "381f", "e0"},
		{"-33", "3820", "d0df"},
		{"-100", "3863", "d09c"},
		{"-129", "3880", "d1ff7f"},
		{"-1000", "3903e7", "d1fc18"},
		{"-70000", "3a0001116f", "d2fffeee90"},
		{"-9223372036854775808", "3b7fffffffffffffff", "d38000000000000000"},
		{"-9223372036854775809", "3b8000000000000000", "error"},
		{"-18446744073709551617", "c349010000000000000000", "error"},
		{"-0", "fa80000000", "ca80000000"},
		{"1.5", "fa3fc00000", "ca3fc00000"},
		{"1.1", "fb3ff199999999999a", "cb3ff199999999999a"},
		{"1e2", "fa42c80000", "ca42c80000"},
		{"1e999", "error", "error"},
		{`""`, "60", "a0"},
		{`"\u00fc"`, "62c3bc", "a2c3bc"},
		{`"` + strings.Repeat("a", 32) + `"`, "7820" + strings.Repeat("61", 32), "d920" + strings.Repeat("61", 32)},
		{`"` + strings.Repeat("a", 300) + `"`, "79012c" + strings.Repeat("61", 300), "da012c" + strings.Repeat("61", 300)},
		{`"` + strings.Repeat("a", 70000) + `"`, "7a00011170" + strings.Repeat("61", 70000), "db00011170" + strings.Repeat("61", 70000)},
		{"[]", "80", "90"},
		{"[1,[2,3]]", "8201820203", "9201920203"},
		{"[" + strings.TrimSuffix(strings.Repeat("1,", 16), ",") + "]", "90" + strings.Repeat("01", 16), "dc0010" + strings.Repeat("01", 16)},
		{"{}", "a0", "80"},
		{`{"b":1,"a":[true]}`, "a2616201616181f5", "82a16201a16191c3"},
		{`{"a":1,"\u0061":2}`, "error", "error"},
	}
	for _, tt := range tests {
		for e, want := range map[payload.Encoding]string{payload.CBOR: tt.cbor, payload.MsgPack: tt.msgpack} {
			got, err := e.Encode([]byte(tt.json))
			if text := hex.EncodeToString(got); err == nil && text != want || err != nil && want != "error" {
				t.Errorf("%.60s as %s is %.80s, %v, want %.80s", tt.json, e, text, err, want)
			}
		}
	}
}

func TestEncodingTakesJSONOnly(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "{", "x", "[1,]", "\xff", strings.Repeat("[", 1_000_000)} {
		for _, e := range []payload.Encoding{payload.CBOR, payload.MsgPack} {
			if _, err := e.Encode([]byte(bad)); !errors.Is(err, payload.ErrNotJSON) {
				t.Errorf("%.20q as %s: %v", bad, e, err)
			}
		}
	}
}

func TestGzipGivesTheSameBytesBack(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"", "x", "\x00\xff", strings.Repeat("line\n", 10_000)} {
		packed, err := payload.Gzip.Encode([]byte(want))
		if err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("%d bytes came back as %d, %v", len(want), len(got), err)
		}
	}
	if got, err := payload.Encoding("").Encode([]byte("as it is")); err != nil || string(got) != "as it is" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte(`{"v":21.7,"n":[1,-2,null,true,"x"],"big":123456789012345678901234567890}`))
	f.Add([]byte(`"\ud800"`))
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, e := range payload.Encodings() {
			first, err := e.Encode(p)
			second, again := e.Encode(p)
			if (err == nil) != (again == nil) || !bytes.Equal(first, second) {
				t.Errorf("%q as %s is %x and %x", p, e, first, second)
			}
		}
	})
}
