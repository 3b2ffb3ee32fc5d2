package words_test

import (
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/words"
)

func TestDistanceCountsLetters(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"exists", "exists", 0},
		{"exsts", "exists", 1},
		{"json", "jsn", 1},
		{"kitten", "sitting", 3},
		{"größe", "grösse", 2},
		{"", "abc", 3},
		{strings.Repeat("x", 31), "x", 30},
		{"x", strings.Repeat("x", 40), 30},
	} {
		if got := words.Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestFoldMakesOneOfTheWaysToJoinWords(t *testing.T) {
	for _, word := range []string{"API_KEY", "api-key", "api key", "apiKey"} {
		if got := words.Fold(word); got != "apikey" {
			t.Errorf("%q: got %q", word, got)
		}
	}
}

func TestPrintableLeavesNothingForATerminalToActOn(t *testing.T) {
	for in, want := range map[string]string{
		"plain größe":      "plain größe",
		"a\nb\tc":          `a\nb\tc`,
		"\x1b[31m":         `\x1b[31m`,
		"bidi \u202e":      `bidi \u202e`,
		"bad \xff utf-8":   `bad \xff utf-8`,
		"replaced \ufffd.": "replaced \ufffd.",
		"\x00":             `\x00`,
	} {
		if got := words.Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}
