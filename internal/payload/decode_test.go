package payload_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/mqx-cli/mqx/internal/payload"
)

func fromHex(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeShowsWhatIsInABinaryForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		form         payload.Decoding
		digits, want string
	}{
		// RFC 8949, appendix A
		{payload.DecodeCBOR, "1bffffffffffffffff", `18446744073709551615`},
		{payload.DecodeCBOR, "3bffffffffffffffff", `-18446744073709551616`},
		{payload.DecodeCBOR, "c249010000000000000000", `18446744073709551616`},
		{payload.DecodeCBOR, "c349010000000000000000", `-18446744073709551617`},
		{payload.DecodeCBOR, "f93e00", `1.5`},
		{payload.DecodeCBOR, "fa47c35000", `100000`},
		{payload.DecodeCBOR, "fb3ff199999999999a", `1.1`},
		{payload.DecodeCBOR, "f97e00", `"NaN"`},
		{payload.DecodeCBOR, "f9fc00", `"-Infinity"`},
		{payload.DecodeCBOR, "f7", `null`},
		{payload.DecodeCBOR, "4401020304", `"AQIDBA=="`},
		{payload.DecodeCBOR, "c074323031332d30332d32315432303a30343a30305a", `"2013-03-21T20:04:00Z"`},
		{payload.DecodeCBOR, "a201020304", `{"1":2,"3":4}`},
		{payload.DecodeCBOR, "9f018202039f0405ffff", `[1,[2,3],[4,5]]`},
		{payload.DecodeCBOR, "bf6346756ef563416d7421ff", `{"Fun":true,"Amt":-2}`},
		{payload.DecodeCBOR, "7f657374726561646d696e67ff", `"streaming"`},
		{payload.DecodeMsgPack, "82 a1 61 01 a1 62 cb 3ff199999999999a", `{"a":1,"b":1.1}`},
		{payload.DecodeMsgPack, "94 cf ffffffffffffffff d3 8000000000000000 c0 c3", `[18446744073709551615,-9223372036854775808,null,true]`},
		{payload.DecodeMsgPack, "92 ca 3dcccccd c4 02 ff00", `[0.1,"/wA="]`},
		{payload.DecodeMsgPack, "81 07 e0", `{"7":-32}`},
		{payload.DecodeMsgPack, "d6ff 00000001", `"1970-01-01T00:00:01Z"`},
		{payload.DecodeMsgPack, "d4 05 ab", `{"ext":5,"data":"ab"}`},
		{payload.DecodeHex, hex.EncodeToString([]byte("7b 7D\n")), `{}`},
		{payload.DecodeBase64, hex.EncodeToString([]byte("_-8")), "\xff\xef"},
		{payload.DecodeBase64, hex.EncodeToString([]byte("/+8=\n")), "\xff\xef"},
		{payload.DecodeJSON, hex.EncodeToString([]byte(` {"a":1.10}`)), ` {"a":1.10}`},
	} {
		got, done, err := tt.form.Decode(fromHex(t, tt.digits), "")
		if err != nil || string(got) != tt.want || done != tt.form {
			t.Errorf("%s %s: got %q, %q, %v; want %q", tt.form, tt.digits, got, done, err, tt.want)
		}
	}
}

func TestDecodeUndoesEncode(t *testing.T) {
	t.Parallel()
	text := `{"z":[1,-1,1.5,9007199254740993,18446744073709551615,"é\n",null,true,{}],"a":{"b":[]}}`
	for encoding, form := range map[payload.Encoding]payload.Decoding{
		payload.CBOR: payload.DecodeCBOR, payload.MsgPack: payload.DecodeMsgPack, payload.Gzip: payload.DecodeGzip,
	} {
		coded, err := encoding.Encode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []payload.Decoding{form, payload.DecodeAuto} {
			got, done, err := d.Decode(coded, "")
			if err != nil || string(got) != text || done != form {
				t.Errorf("%s of %s: got %s, %q, %v", d, encoding, got, done, err)
			}
		}
	}
}

func TestAutoLeavesTextAsItIs(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"", "21.5", "online", "é", "\xff\xfe", "{broken", "\xc0"} {
		got, done, err := payload.DecodeAuto.Decode([]byte(p), "text/plain")
		if err != nil || string(got) != p || done != "" {
			t.Errorf("%q: got %q, %q, %v", p, got, done, err)
		}
	}
	if got, done, err := payload.DecodeAuto.Decode([]byte{1}, "application/cbor; v=1"); string(got) != "1" || done != payload.DecodeCBOR || err != nil {
		t.Errorf("got %q, %q, %v", got, done, err)
	}
}

func TestDecodeRefusesWhatItCannotUndo(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	w, err := zstd.NewWriter(&bomb)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range payload.MaxInflated>>20 + 1 {
		if _, err := w.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		form payload.Decoding
		p    string
	}{
		{payload.DecodeCBOR, ""},
		{payload.DecodeCBOR, "\x01\x02"},
		{payload.DecodeCBOR, "\x61\xff"},
		{payload.DecodeCBOR, strings.Repeat("\x81", 100_000)},
		{payload.DecodeMsgPack, ""},
		{payload.DecodeMsgPack, "\xc1"},
		{payload.DecodeMsgPack, "\x01\x02"},
		{payload.DecodeMsgPack, "\xa1\xff"},
		{payload.DecodeMsgPack, "\xdf\xff\xff\xff\xff"},
		{payload.DecodeMsgPack, "\xc9\xff\xff\xff\xff\x01"},
		{payload.DecodeMsgPack, "\xdb\xff\xff\xff\xffabc"},
		{payload.DecodeMsgPack, strings.Repeat("\x91", 100_000)},
		{payload.DecodeHex, "abc"},
		{payload.DecodeHex, "online"},
		{payload.DecodeBase64, "a b!"},
		{payload.DecodeGzip, "\x1f\x8b\x08"},
		{payload.DecodeZstd, "x"},
		{payload.DecodeZstd, bomb.String()},
		{payload.DecodeJSON, "21,5"},
	} {
		if got, _, err := tt.form.Decode([]byte(tt.p), ""); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %.10q: got %q, %v", tt.form, tt.p, got, err)
		}
	}
}

func TestMessagePackThatAnnouncesGigabytesTakesNoRoom(t *testing.T) {
	for _, header := range []string{"\xc6\x91\xae\x2b\x4f", "\xdb\xff\xff\xff\xff", "\xc9\xff\xff\xff\xff\x05", "\xc5\x80\x00", "\xd9\xff"} {
		allocated := testing.AllocsPerRun(1, func() {
			if _, _, err := payload.DecodeMsgPack.Decode([]byte("\x92"+header+"short"), ""); err == nil || !strings.Contains(err.Error(), "it ends early") {
				t.Errorf("% x: %v", header, err)
			}
		})
		if allocated > 50 {
			t.Errorf("% x: %v allocations", header, allocated)
		}
	}
}

func FuzzDecodeMakesJSON(f *testing.F) {
	for _, seed := range []string{"\xa1\x61v\xf9\x3e\x00", "\x81\xa1v\xcb\x3f\xf1\x99\x99\x99\x99\x99\x9a", "\x9f\x01\xff", "\xd6\xff\x00\x00\x00\x01", "\xc2\x41\x01", "\xa1\xa1\x01\x02\x03"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, form := range []payload.Decoding{payload.DecodeCBOR, payload.DecodeMsgPack} {
			if got, _, err := form.Decode(p, ""); err == nil && !json.Valid(got) {
				t.Errorf("%s: %q", form, got)
			}
		}
	})
}
