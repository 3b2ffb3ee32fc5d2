package output_test

import (
	"encoding/json"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/mqx-cli/mqx/internal/output"
)

func TestAppendEscapedShowsWhatATerminalWouldActOn(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain ü 漢 😀":     "plain ü 漢 😀",
		"a\nb\r\tc":       `a\nb\r\tc`,
		"\x1b[2J\x07\x7f": `\x1b[2J\x07\x7f`,
		"\u009b2J":        `\u009b2J`,
		"a\u202eb\u2028":  `a\u202eb\u2028`,
		"\xff\xc3":        `\xff\xc3`,
		"\u00a0\ufeff":    `\u00a0\ufeff`,
		"\U000e0001":      `\U000e0001`,
		"":                "",
	} {
		if got := string(output.AppendEscaped(nil, []byte(in))); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func FuzzNoControlByteReachesATerminal(f *testing.F) {
	f.Add([]byte("\x1b]0;title\x07\u009b\u202e\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		harmless(t, output.AppendEscaped(nil, b))
	})
}

func harmless(t *testing.T, b []byte) {
	t.Helper()
	if !utf8.Valid(b) {
		t.Errorf("not UTF-8: %q", b)
	}
	for _, r := range string(b) {
		if !unicode.IsPrint(r) {
			t.Errorf("%q holds %U", b, r)
		}
	}
}

func FuzzJSONForATerminalStaysTheSameJSON(f *testing.F) {
	f.Add("\u009b \u202e \u007f ü")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip()
		}
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		safe := output.AppendSafeJSON(nil, line)
		harmless(t, safe)
		var back string
		if err := json.Unmarshal(safe, &back); err != nil || back != s {
			t.Errorf("%q became %q: %v", s, back, err)
		}
	})
}
