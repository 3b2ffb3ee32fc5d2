package publish_test

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/publish"
)

func testEnv(name string) (string, bool) {
	if name == "SITE" {
		return "lyon", true
	}
	return "", false
}

func expand(t *testing.T, text string, seq int) string {
	t.Helper()
	template, err := publish.ParseTemplate(text, testEnv)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	at := time.Date(2026, 11, 22, 12, 20, 31, 204_117_000, time.FixedZone("", 3600))
	return string(template.Append(nil, &publish.Filling{Seq: seq, Now: at}))
}

func TestTemplatePlacesAreFilled(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"", "^$"},
		{"no place { } }}", `^no place \{ \} \}\}$`},
		{"{{seq}}/{{ seq }}", "^7/7$"},
		{`{"a":{"n":{{seq}}}}`, `^\{"a":\{"n":7\}\}$`},
		{"{{now}}", `^2026-11-22T11:20:31\.204Z$`},
		{"{{unix}} {{unix_ms}}", "^1795346431 1795346431204$"},
		{"{{uuid}}", "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"},
		{`{{env "SITE"}}`, "^lyon$"},
		{`{{"{{"}}seq{{"}}"}}`, `^\{\{seq\}\}$`},
		{"{{rand 5 5}}", "^5$"},
		{"{{rand -3 -3}}", "^-3$"},
		{"{{rand 1.50 1.5}}", "^1.50$"},
		{"é{{seq}}\x00\xff", "^é7\x00\xff$"},
	}
	for _, tt := range tests {
		got := expand(t, tt.text, 7)
		if tt.text == "é{{seq}}\x00\xff" {
			if got != "é7\x00\xff" {
				t.Errorf("%q is %q", tt.text, got)
			}
			continue
		}
		if !regexp.MustCompile(tt.want).MatchString(got) {
			t.Errorf("%s is %q, want %s", tt.text, got, tt.want)
		}
	}
}

func TestTemplateRandomNumbersStayInTheirBoundsAndReachThem(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 2000 {
		seen[expand(t, "{{rand -1 2}}", 1)] = true
		n, err := strconv.ParseFloat(expand(t, "{{rand 18.0 18.25}}", 1), 64)
		if err != nil || n < 18 || n > 18.25 || math.Abs(n*100-math.Round(n*100)) > 1e-6 {
			t.Fatalf("%v, %v", n, err)
		}
	}
	for _, want := range []string{"-1", "0", "1", "2"} {
		if !seen[want] {
			t.Errorf("%s never came", want)
		}
	}
	if len(seen) != 4 {
		t.Errorf("%v", seen)
	}
}

func TestTemplateMistakesAreFoundBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a{{":                               "byte 1: }} is missing",
		"{{seq":                             "}} is missing",
		"{{seq\n}}":                         "}} is missing",
		"{{}}":                              "is expected",
		"{{sequence}}":                      "seq, now, unix, unix_ms, uuid, rand 1 10, env \"X\" or \"text\" is expected",
		"{{seq 1}}":                         "takes nothing behind it",
		"x{{rand 1}}":                       "byte 1: rand takes two numbers",
		"{{rand 2 1}}":                      "2 is more than 1",
		"{{rand a b}}":                      "a is not a number",
		"{{rand 0x1 2}}":                    "0x1 is not a number",
		"{{rand NaN 2}}":                    "NaN is not a number",
		"{{rand 1 1e3}}":                    "1e3 is not a number",
		"{{rand 0.0000000001 1}}":           "more than 9 decimals",
		"{{rand 0 900000000000.123456789}}": "too many digits",
		"{{env SITE}}":                      "in quotes",
		`{{env "OTHER"}}`:                   "OTHER is not set",
		`{{"a}}`:                            "}} is missing",
		`{{"a" b}}`:                         "is no text in quotes",
	} {
		_, err := publish.ParseTemplate(text, testEnv)
		var mistake *publish.TemplateError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// What has no place comes out as it went in, and nothing makes the parser fail badly.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"", "{{seq}}", "{{rand 1 2.5}}", `{{env "SITE"}}`, "{{", `{{"{{"}}`, "{{rand -9 -9}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		template, err := publish.ParseTemplate(text, testEnv)
		if err != nil {
			return
		}
		got := string(template.Append(nil, &publish.Filling{Seq: 1, Now: time.Unix(0, 0)}))
		if !strings.Contains(text, "{{") && got != text {
			t.Errorf("%q came out as %q", text, got)
		}
	})
}
