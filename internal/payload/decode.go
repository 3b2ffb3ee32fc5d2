package payload

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/mqx-cli/mqx/internal/message"
)

// Decoding says in which form payloads come.
type Decoding string

// The forms. Auto takes the Content Type for it, and for binary payloads their first bytes (gzip, zstd) or the one form of
// CBOR and MessagePack that the whole payload is an object or an array in; text and what fits nothing stays as it is.
const (
	DecodeAuto    Decoding = "auto"
	DecodeJSON    Decoding = "json"
	DecodeCBOR    Decoding = "cbor"
	DecodeMsgPack Decoding = "msgpack"
	DecodeHex     Decoding = "hex"
	DecodeBase64  Decoding = "base64"
	DecodeGzip    Decoding = "gzip"
	DecodeZstd    Decoding = "zstd"
)

// Decodings returns the names of all forms.
func Decodings() []string {
	return []string{
		string(DecodeAuto), string(DecodeJSON), string(DecodeCBOR), string(DecodeMsgPack), string(DecodeHex), string(DecodeBase64),
		string(DecodeGzip), string(DecodeZstd),
	}
}

// MaxInflated is how large a payload may become: a few bytes can hold gigabytes.
const MaxInflated = 64 << 20

var errInflated = fmt.Errorf("it is larger than %d MiB when it is unpacked", MaxInflated>>20)

// Decode returns the payload in plain: JSON on one line for CBOR and MessagePack, where byte strings become base64 and
// numbers keep their values. done is what was undone, "" when the payload is as it was.
func (d Decoding) Decode(p []byte, contentType string) (plain []byte, done Decoding, err error) {
	if d != DecodeAuto {
		plain, err = d.decode(p)
		return plain, d, err
	}
	form := formOfContent(contentType)
	if form == "" {
		form = formOfBytes(p)
	}
	if form == "" {
		return p, "", nil
	}
	if plain, err = form.decode(p); err != nil {
		return nil, form, err
	}
	if form == DecodeGzip || form == DecodeZstd { // what is inside may be in a form, too
		if inner := formOfBytes(plain); inner == DecodeCBOR || inner == DecodeMsgPack {
			plain, err = inner.decode(plain)
		}
	}
	return plain, form, err
}

func (d Decoding) decode(p []byte) ([]byte, error) {
	switch d {
	case DecodeJSON:
		if !message.IsJSON(p) {
			return nil, notJSON(p)
		}
		return p, nil
	case DecodeCBOR:
		return cborToJSON(p)
	case DecodeMsgPack:
		return msgpackToJSON(p)
	case DecodeHex:
		return fromHex(p)
	case DecodeBase64:
		return fromBase64(p)
	case DecodeGzip:
		r, err := gzip.NewReader(bytes.NewReader(p))
		if err != nil {
			return nil, errors.New("not gzip")
		}
		return Inflate(r)
	case DecodeZstd:
		r, err := zstd.NewReader(bytes.NewReader(p), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxInflated))
		if err != nil {
			return nil, errors.New("not zstd")
		}
		defer r.Close()
		return Inflate(r)
	default:
		return p, nil
	}
}

// Inflate reads what a decompressor gives, [MaxInflated] bytes at most.
func Inflate(r io.Reader) ([]byte, error) {
	plain, err := io.ReadAll(io.LimitReader(r, MaxInflated+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("damaged: %w", err)
	case len(plain) > MaxInflated:
		return nil, errInflated
	}
	return plain, nil
}

func fromHex(p []byte) ([]byte, error) {
	digits := strings.NewReplacer(" ", "", ":", "", "\n", "", "\r", "", "\t", "").Replace(string(p))
	plain, err := hex.DecodeString(strings.TrimPrefix(digits, "0x"))
	if err != nil {
		return nil, errors.New("not hexadecimal")
	}
	return plain, nil
}

// fromBase64 takes both alphabets, with and without padding.
func fromBase64(p []byte) ([]byte, error) {
	text := strings.TrimRight(strings.Join(strings.Fields(string(p)), ""), "=")
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	plain, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("not base64")
	}
	return plain, nil
}

// formOfContent is the form that a Content Type names.
func formOfContent(contentType string) Decoding {
	media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	switch media = strings.TrimSpace(media); media {
	case "application/cbor":
		return DecodeCBOR
	case "application/msgpack", "application/x-msgpack", "application/vnd.msgpack":
		return DecodeMsgPack
	case "application/gzip", "application/x-gzip":
		return DecodeGzip
	case "application/zstd":
		return DecodeZstd
	}
	if strings.HasSuffix(media, "+cbor") {
		return DecodeCBOR
	}
	return ""
}

// formOfBytes is the form that binary payloads show. Text shows none: it may look like anything.
func formOfBytes(p []byte) Decoding {
	switch {
	case len(p) == 0 || utf8.Valid(p):
		return ""
	case bytes.HasPrefix(p, []byte{0x1f, 0x8b, 8}):
		return DecodeGzip
	case bytes.HasPrefix(p, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return DecodeZstd
	}
	isCBOR, isMsgPack := fits(p, cborToJSON), fits(p, msgpackToJSON)
	switch {
	case isCBOR && !isMsgPack:
		return DecodeCBOR
	case isMsgPack && !isCBOR:
		return DecodeMsgPack
	default:
		return ""
	}
}

func fits(p []byte, decode func([]byte) ([]byte, error)) bool {
	plain, err := decode(p)
	return err == nil && (plain[0] == '{' || plain[0] == '[')
}
