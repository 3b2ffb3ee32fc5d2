package sparkplug_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/mqx-cli/mqx/internal/sparkplug"
)

func varint(n protowire.Number, v uint64) string {
	return string(protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v))
}

func bytesField(n protowire.Number, parts ...string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, n, protowire.BytesType), strings.Join(parts, "")))
}

func float(n protowire.Number, v float32) string {
	return string(protowire.AppendFixed32(protowire.AppendTag(nil, n, protowire.Fixed32Type), math.Float32bits(v)))
}

func double(n protowire.Number, v float64) string {
	return string(protowire.AppendFixed64(protowire.AppendTag(nil, n, protowire.Fixed64Type), math.Float64bits(v)))
}

// metric is a metric without name and alias, in a payload.
func metric(parts ...string) string { return bytesField(2, parts...) }

// decodeOne decodes a payload of one message.
func decodeOne(t *testing.T, p string) (string, error) {
	t.Helper()
	got, err := sparkplug.New().Decode("spBv1.0/g/DDATA/n/d", []byte(p))
	return string(got), err
}

func TestDecodeShowsEveryType(t *testing.T) {
	t.Parallel()
	words := func(all ...uint64) string {
		var b []byte
		for _, w := range all {
			b = binary.LittleEndian.AppendUint64(b, w)
		}
		return string(b)
	}
	for _, tt := range []struct {
		dataType uint64
		value    string
		want     string
	}{
		{1, varint(10, math.MaxUint32-4), `"dataType":"Int8","value":-5`},
		{1, varint(10, 0xfb), `"dataType":"Int8","value":-5`},
		{1, varint(10, 5), `"dataType":"Int8","value":5`},
		{2, varint(10, 0xfffe), `"dataType":"Int16","value":-2`},
		{3, varint(10, math.MaxUint32), `"dataType":"Int32","value":-1`},
		{3, varint(10, 1<<31-1), `"dataType":"Int32","value":2147483647`},
		{3, varint(11, math.MaxUint64), `"dataType":"Int32","value":-1`},
		{4, varint(11, math.MaxUint64), `"dataType":"Int64","value":-1`},
		{4, varint(11, 1<<53+1), `"dataType":"Int64","value":9007199254740993`},
		{5, varint(10, 255), `"dataType":"UInt8","value":255`},
		{6, varint(10, 65535), `"dataType":"UInt16","value":65535`},
		{7, varint(10, math.MaxUint32), `"dataType":"UInt32","value":4294967295`},
		{7, varint(11, math.MaxUint32), `"dataType":"UInt32","value":4294967295`},
		{8, varint(11, math.MaxUint64), `"dataType":"UInt64","value":18446744073709551615`},
		{9, float(12, 21.1), `"dataType":"Float","value":21.1`},
		{9, float(12, float32(math.Inf(1))), `"dataType":"Float","value":"Infinity"`},
		{10, double(13, 1e300), `"dataType":"Double","value":1e+300`},
		{11, varint(14, 1), `"dataType":"Boolean","value":true`},
		{12, bytesField(15, "ü\n"), `"dataType":"String","value":"ü\n"`},
		{13, varint(11, 1736430000123), `"dataType":"DateTime","value":1736430000123`},
		{14, bytesField(15, ""), `"dataType":"Text","value":""`},
		{15, bytesField(15, "u-u"), `"dataType":"UUID","value":"u-u"`},
		{17, bytesField(16, "\xff\x00"), `"dataType":"Bytes","value":"/wA="`},
		{
			18, bytesField(8, varint(1, 1), bytesField(5, "a.bin"), varint(3, 2)) + bytesField(16, "\xff\x00"),
			`"dataType":"File","metadata":{"isMultiPart":true,"fileName":"a.bin","size":2},"value":"/wA="`,
		},
		{22, bytesField(16, "\xff\x01"), `"dataType":"Int8Array","value":[-1,1]`},
		{23, bytesField(16, "\xff\xff\x01\x00"), `"dataType":"Int16Array","value":[-1,1]`},
		{24, bytesField(16, "\xff\xff\xff\xff"), `"dataType":"Int32Array","value":[-1]`},
		{25, bytesField(16, words(math.MaxUint64, 1)), `"dataType":"Int64Array","value":[-1,1]`},
		{26, bytesField(16, "\xff\x01"), `"dataType":"UInt8Array","value":[255,1]`},
		{27, bytesField(16, "\xff\xff"), `"dataType":"UInt16Array","value":[65535]`},
		{28, bytesField(16, "\xff\xff\xff\xff"), `"dataType":"UInt32Array","value":[4294967295]`},
		{29, bytesField(16, words(math.MaxUint64)), `"dataType":"UInt64Array","value":[18446744073709551615]`},
		{30, bytesField(16, "\x00\x00\xac\x41"), `"dataType":"FloatArray","value":[21.5]`},
		{31, bytesField(16, words(math.Float64bits(0.1))), `"dataType":"DoubleArray","value":[0.1]`},
		{32, bytesField(16, "\x0a\x00\x00\x00\xa5\x40"), `"dataType":"BooleanArray","value":[true,false,true,false,false,true,false,true,false,true]`},
		{33, bytesField(16, "a\x00\x00b\x00"), `"dataType":"StringArray","value":["a","","b"]`},
		{33, bytesField(16, ""), `"dataType":"StringArray","value":[]`},
		{34, bytesField(16, words(1736430000123)), `"dataType":"DateTimeArray","value":[1736430000123]`},
		{8, varint(7, 1), `"dataType":"UInt64","value":null`},
		{99, varint(10, 7), `"dataType":99,"value":7`},
		{0, varint(10, 7), `"value":7`},
		{8, "", `"dataType":"UInt64"`},
		{
			16, bytesField(17, varint(1, 2), bytesField(2, "n"), bytesField(2, "s"), varint(3, 1), varint(3, 12),
				bytesField(4, bytesField(1, varint(1, math.MaxUint32)), bytesField(1, bytesField(6, "x"))), bytesField(4, bytesField(1), bytesField(1, bytesField(6, "")))),
			`"dataType":"DataSet","value":{"numOfColumns":2,"columns":["n","s"],"types":["Int8","String"],"rows":[[-1,"x"],[null,""]]}`,
		},
		{
			19, bytesField(18, bytesField(1, "v1"), bytesField(4, "Motor"), varint(5, 0), bytesField(2, bytesField(1, "rpm"), varint(4, 4), varint(11, math.MaxUint64)),
				bytesField(3, bytesField(1, "max"), varint(2, 8), varint(4, 7))),
			`"dataType":"Template","value":{"version":"v1","templateRef":"Motor","isDefinition":false,"metrics":[{"name":"rpm","dataType":"Int64","value":-1}],` +
				`"parameters":[{"name":"max","type":"UInt64","value":7}]}`,
		},
		{
			3, bytesField(9, bytesField(1, "unit"), bytesField(1, "set"), bytesField(2, varint(1, 12), bytesField(8, "C")),
				bytesField(2, varint(1, 20), bytesField(9, bytesField(1, "n"), bytesField(2, varint(1, 3), varint(2, 1))))) + varint(10, 1),
			`"dataType":"Int32","properties":{"unit":{"type":"String","value":"C"},"set":{"type":"PropertySet","value":{"n":{"type":"Int32","value":null}}}},"value":1`,
		},
	} {
		kind := varint(4, tt.dataType)
		if tt.dataType == 0 {
			kind = ""
		}
		want := `{"metrics":[{` + tt.want + `}]}`
		if got, err := decodeOne(t, metric(kind, tt.value)); err != nil || got != want {
			t.Errorf("type %d: got  %s, %v\nwant %s", tt.dataType, got, err, want)
		} else if !json.Valid([]byte(got)) {
			t.Errorf("not JSON: %s", got)
		}
	}
}

func TestDecodeResolvesAliasesThroughBirths(t *testing.T) {
	t.Parallel()
	d := sparkplug.New()
	steps := []struct{ topic, payload, want string }{
		{"spBv1.0/g/NDATA/n", metric(varint(2, 1), varint(11, 5)), `{"metrics":[{"alias":1,"value":5}]}`},
		{
			"spBv1.0/g/NBIRTH/n", varint(1, 1000) + varint(3, 0) + metric(bytesField(1, "bdSeq"), varint(4, 4), varint(11, 3)) + metric(bytesField(1, "level"), varint(2, 1), varint(4, 4), varint(11, 5)),
			`{"timestamp":1000,"metrics":[{"name":"bdSeq","dataType":"Int64","value":3},{"name":"level","alias":1,"dataType":"Int64","value":5}],"seq":0}`,
		},
		{"spBv1.0/g/NDATA/n", varint(3, 1) + metric(varint(2, 1), varint(3, 7), varint(11, math.MaxUint64)), `{"metrics":[{"name":"level","alias":1,"timestamp":7,"dataType":"Int64","value":-1}],"seq":1}`},
		{"spBv1.0/g/DBIRTH/n/d", metric(bytesField(1, "temp"), varint(2, 2), varint(4, 3), varint(10, 5)), `{"metrics":[{"name":"temp","alias":2,"dataType":"Int32","value":5}]}`},
		{"spBv1.0/g/DDATA/n/d", metric(varint(2, 2), varint(10, math.MaxUint32)), `{"metrics":[{"name":"temp","alias":2,"dataType":"Int32","value":-1}]}`},
		{"spBv1.0/g/DCMD/n/d", metric(bytesField(1, "temp"), varint(10, math.MaxUint32)), `{"metrics":[{"name":"temp","dataType":"Int32","value":-1}]}`},
		{"spBv1.0/g/DDATA/other/d", metric(varint(2, 2), varint(10, 1)), `{"metrics":[{"alias":2,"value":1}]}`},
		{"spBv1.0/g/NBIRTH/n", metric(bytesField(1, "x"), varint(2, 9), varint(4, 4)), `{"metrics":[{"name":"x","alias":9,"dataType":"Int64"}]}`},
		{"spBv1.0/g/DDATA/n/d", metric(varint(2, 2), varint(10, 1)), `{"metrics":[{"alias":2,"value":1}]}`},
		{"copy/spBv1.0/g/NDATA/n", metric(varint(2, 9), varint(11, 1)), `{"metrics":[{"name":"x","alias":9,"dataType":"Int64","value":1}]}`},
		{"spBv1.0/STATE/host", `{"online":true,"timestamp":1}`, `{"online":true,"timestamp":1}`},
		{"spBv1.0/STATE/old", `ONLINE`, `ONLINE`},
	}
	for i, step := range steps {
		if got, err := d.Decode(step.topic, []byte(step.payload)); err != nil || string(got) != step.want {
			t.Errorf("%d: got  %s, %v\nwant %s", i, got, err, step.want)
		}
	}
	if n, first := d.Unborn(); n != 3 || first != "spBv1.0/g/NDATA/n" {
		t.Errorf("got %d, %q", n, first)
	}
}

func TestDecodeUnpacksCompressedPayloads(t *testing.T) {
	t.Parallel()
	plain := varint(1, 5) + metric(bytesField(1, "a"), varint(11, 1))
	pack := func(w io.WriteCloser, b *bytes.Buffer) string {
		_, _ = io.WriteString(w, plain)
		_ = w.Close()
		return b.String()
	}
	var zipped, deflated bytes.Buffer
	for algorithm, body := range map[string]string{"GZIP": pack(gzip.NewWriter(&zipped), &zipped), "DEFLATE": pack(zlib.NewWriter(&deflated), &deflated)} {
		p := metric(bytesField(1, "algorithm"), varint(4, 12), bytesField(15, algorithm)) + bytesField(4, "SPBV1.0_COMPRESSED") + bytesField(5, body)
		if got, err := decodeOne(t, p); err != nil || got != `{"timestamp":5,"metrics":[{"name":"a","value":1}]}` {
			t.Errorf("%s: got %s, %v", algorithm, got, err)
		}
	}
	if got, err := decodeOne(t, bytesField(4, "an id")+bytesField(5, "\xff")); err != nil || got != `{"metrics":[],"uuid":"an id","body":"/w=="}` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestDecodeRefusesWhatIsHostile(t *testing.T) {
	t.Parallel()
	nested := varint(11, 1)
	for range 50 {
		nested = bytesField(18, bytesField(2, nested))
	}
	long := strings.Repeat("x", 60_000)
	for name, tt := range map[string]struct{ p, want string }{
		"announces gigabytes":      {"\x12\xff\xff\xff\xff\x07", "not one of Sparkplug B"},
		"text":                     {"hello world", "not one of Sparkplug B"},
		"a name as a number":       {metric(varint(1, 5)), "not one of Sparkplug B"},
		"a number as text":         {metric(bytesField(11, "x")), "not one of Sparkplug B"},
		"metrics as numbers":       {varint(2, 5), "not one of Sparkplug B"},
		"nested":                   {metric(nested), "nested deeper than 32 levels"},
		"an array that is cut":     {metric(varint(4, 24), bytesField(16, "abc")), "3 bytes are no array of numbers of 4"},
		"more booleans than bits":  {metric(varint(4, 32), bytesField(16, "\xff\xff\xff\xff\x00")), "no array of booleans"},
		"not UTF-8":                {metric(bytesField(15, "\xff")), "not UTF-8"},
		"keys without values":      {metric(bytesField(9, bytesField(1, "a"))), "1 keys and 0 values"},
		"not compressed":           {bytesField(4, "SPBV1.0_COMPRESSED") + bytesField(5, "x"), "the compressed payload: not gzip"},
		"of an unknown algorithm":  {metric(bytesField(1, "algorithm"), bytesField(15, "XZ")) + bytesField(4, "SPBV1.0_COMPRESSED"), `compressed with "XZ"`},
		"columns that do not end":  {metric(bytesField(17, bytesField(3, strings.Repeat("\x15", 5_000_000)))), "larger than 64 MiB"},
		"names of thousand places": {"", "larger than 64 MiB"},
	} {
		d := sparkplug.New()
		if tt.p == "" { // an alias that stands for a long name, again and again
			if _, err := d.Decode("spBv1.0/g/NBIRTH/n", []byte(metric(bytesField(1, long), varint(2, 1)))); err != nil {
				t.Fatal(err)
			}
			tt.p = strings.Repeat(metric(varint(2, 1)), 2000)
		}
		if got, err := d.Decode("spBv1.0/g/NDATA/n", []byte(tt.p)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %.100s, %v; want %q", name, got, err, tt.want)
		}
	}
}

func TestBirthsAreForgottenInBoundedMemory(t *testing.T) {
	t.Parallel()
	d := sparkplug.New()
	birth := []byte(metric(bytesField(1, strings.Repeat("n", 10_000)), varint(2, 1), varint(4, 4)))
	for i := range 20_000 { // 200 MB of names
		if _, err := d.Decode(fmt.Sprintf("spBv1.0/g/NBIRTH/%d", i), birth); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Decode("spBv1.0/g/NDATA/0", []byte(metric(varint(2, 1)))); err != nil { // one that stays in use
			t.Fatal(err)
		}
	}
	if n, _ := d.Unborn(); n != 0 {
		t.Errorf("a node that is heard all the time was forgotten %d times", n)
	}
	if _, err := d.Decode("spBv1.0/g/NDATA/1", []byte(metric(varint(2, 1)))); err != nil {
		t.Fatal(err)
	}
	if n, _ := d.Unborn(); n != 1 {
		t.Error("nothing was forgotten")
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", varint(1, 1) + varint(3, 2), metric(bytesField(1, "a"), varint(2, 1), varint(4, 8), varint(11, 5)), metric(bytesField(17, bytesField(4, bytesField(1, varint(1, 1))))),
		metric(bytesField(18, bytesField(2, varint(4, 1)))), metric(bytesField(9, bytesField(1, "k"), bytesField(2, varint(3, 1)))), metric(varint(4, 33), bytesField(16, "a\x00b")),
	} {
		f.Add("spBv1.0/g/NBIRTH/n", []byte(seed))
		f.Add("spBv1.0/g/NDATA/n", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, topic string, p []byte) {
		d := sparkplug.New()
		for range 2 { // a birth changes what follows
			got, err := d.Decode(topic, p)
			switch {
			case err != nil && strings.Contains(err.Error(), "\n"):
				t.Errorf("an error of several lines: %v", err)
			case err == nil && !strings.Contains(topic, "STATE") && !json.Valid(got):
				t.Errorf("%q: not JSON: %s", p, got)
			}
		}
	})
}
