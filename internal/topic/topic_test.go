package topic_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/topic"
)

func TestParseNameNamesTheBrokenStatement(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", topic.MaxLen)
	tests := map[string]struct {
		in, want string // want is empty for a valid name
	}{
		"one character":           {"a", ""},
		"space":                   {" ", ""},
		"only slash":              {"/", ""},
		"case and spaces":         {"Accounts payable", ""},
		"leading slash":           {"/finance", ""},
		"dollar":                  {"$SYS/broker/uptime", ""},
		"share is only for SUB":   {"$share/g/a", ""},
		"two bytes a character":   {"werk/größe", ""},
		"four bytes a character":  {"a/😀", ""},
		"byte order mark":         {"\ufeffa", ""},
		"replacement character":   {"\ufffd", ""},
		"control characters":      {"a\x01\x7f", ""},
		"longest":                 {long, ""},
		"empty":                   {"", `topic name "": must not be empty [MQTT-4.7.3-1]`},
		"plus":                    {"a/+", `topic name "a/+": must not contain the wildcard +, at byte 2 [MQTT-4.7.0-1]`},
		"plus inside a level":     {"a+", `topic name "a+": must not contain the wildcard +, at byte 1 [MQTT-4.7.0-1]`},
		"hash":                    {"#", `topic name "#": must not contain the wildcard #, at byte 0 [MQTT-4.7.0-1]`},
		"null character":          {"a\x00b", `topic name "a\x00b": must not contain U+0000, at byte 1 [MQTT-4.7.3-2]`},
		"lone continuation byte":  {"a\x80", `topic name "a\x80": must be well-formed UTF-8, at byte 1 [MQTT-1.5.4-1]`},
		"character cut off":       {"ab\xf0\x9f\x98", `topic name "ab\xf0\x9f\x98": must be well-formed UTF-8, at byte 2 [MQTT-1.5.4-1]`},
		"surrogate":               {"\xed\xa0\x80", `topic name "\xed\xa0\x80": must be well-formed UTF-8, at byte 0 [MQTT-1.5.4-1]`},
		"overlong null character": {"\xc0\x80", `topic name "\xc0\x80": must be well-formed UTF-8, at byte 0 [MQTT-1.5.4-1]`},
		"too long": {
			long + "b", `topic name …"` + strings.Repeat("a", 79) +
				`b" (65536 bytes): must not be longer than 65535 bytes, at byte 65535 [MQTT-4.7.3-3]`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := topic.ParseName(test.in)
			checkError(t, err, test.want)
			if err == nil && string(got) != test.in {
				t.Errorf("ParseName(%q) = %q, want it unchanged", test.in, got)
			}
			checkValid(t, test.in, test.want == "")
		})
	}
}

// checkError compares the text of err, empty for nil, and its type.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
		if _, ok := errors.AsType[*topic.Error](err); !ok {
			t.Errorf("error %v is a %T, want a *topic.Error", err, err)
		}
	}
	if got != want {
		t.Errorf("got error  %s\nwant error %s", got, want)
	}
}

// checkValid asks the checks that allocate nothing about in.
func checkValid(t *testing.T, in string, name bool) {
	t.Helper()
	if got := topic.ValidName(in); got != name || got != topic.ValidName([]byte(in)) {
		t.Errorf("ValidName(%q) = %t, want %t for the string and its bytes", in, got, name)
	}
}

func TestErrorTextStaysShortAndPrintable(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"at the beginning": "+" + strings.Repeat("a", 70000),
		"binary":           strings.Repeat("\xff", 60000),
		"right to left":    "\u202e\u2066+",
		"escape sequence":  "\x1b[31m#",
		"many bytes":       strings.Repeat("😀", 5000) + "+" + strings.Repeat("é", 5000),
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := topic.ParseName(in)
			if err == nil {
				t.Fatalf("ParseName of %d bytes accepts them", len(in))
			}
			text := err.Error()
			if len(text) > 500 || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("error text of %d bytes: %q", len(text), text)
			}
			if strings.Contains(text, `😀`) && strings.Contains(text, `\x`) {
				t.Errorf("the excerpt cuts a character: %s", text)
			}
		})
	}
}

func TestParseFilterNamesTheBrokenStatement(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		// 4.7.1.2
		{"sport/tennis/player1/#", ""},
		{"sport/#", ""},
		{"#", ""},
		{"sport/tennis/#", ""},
		{"sport/tennis#", `topic filter "sport/tennis#": # must be a whole level, at byte 12 [MQTT-4.7.1-1]`},
		{"sport/tennis/#/ranking", `topic filter "sport/tennis/#/ranking": # must be the last level, at byte 13 [MQTT-4.7.1-1]`},
		// 4.7.1.3
		{"sport/tennis/+", ""},
		{"+", ""},
		{"+/tennis/#", ""},
		{"sport+", `topic filter "sport+": + must be a whole level, at byte 5 [MQTT-4.7.1-2]`},
		{"sport/+/player1", ""},
		{"/+", ""},
		// 4.8.2
		{"$share/consumer1/sport/tennis/+", ""},
		{"$share/consumer2//finance", ""},
		{"$share/g//", ""},
		{"$share/g/#", ""},
		{"$share/g/$share/h/a", ""},
		{"$share", ""},
		{"$SHARE/+/a", ""},
		{"$shared/#", ""},
		{"a/$share/#", ""},
		{"$share/", `topic filter "$share/": ShareName must not be empty, at byte 7 [MQTT-4.8.2-1]`},
		{"$share//a", `topic filter "$share//a": ShareName must not be empty, at byte 7 [MQTT-4.8.2-1]`},
		{"$share/#", `topic filter "$share/#": ShareName must not contain a wildcard, at byte 7 [MQTT-4.8.2-2]`},
		{"$share/g+/a", `topic filter "$share/g+/a": ShareName must not contain a wildcard, at byte 8 [MQTT-4.8.2-2]`},
		{"$share/g", `topic filter "$share/g": ShareName must be followed by / and a topic filter, at byte 8 [MQTT-4.8.2-2]`},
		{"$share/g/", `topic filter "$share/g/": ShareName must be followed by / and a topic filter, at byte 9 [MQTT-4.8.2-2]`},
		{"$share/g/a#", `topic filter "$share/g/a#": # must be a whole level, at byte 10 [MQTT-4.7.1-1]`},
		{"$share/\x00/a", `topic filter "$share/\x00/a": must not contain U+0000, at byte 7 [MQTT-4.7.3-2]`},
		{"$share/g\xff/a", `topic filter "$share/g\xff/a": must be well-formed UTF-8, at byte 8 [MQTT-1.5.4-1]`},
		{"$share/größe/a", ""},
		// The rest
		{"", `topic filter "": must not be empty [MQTT-4.7.3-1]`},
		{"a/b#", `topic filter "a/b#": # must be a whole level, at byte 3 [MQTT-4.7.1-1]`},
		{"##", `topic filter "##": # must be a whole level, at byte 0 [MQTT-4.7.1-1]`},
		{"#/", `topic filter "#/": # must be the last level, at byte 0 [MQTT-4.7.1-1]`},
		{"+a/b", `topic filter "+a/b": + must be a whole level, at byte 0 [MQTT-4.7.1-2]`},
		{"++", `topic filter "++": + must be a whole level, at byte 0 [MQTT-4.7.1-2]`},
		{"+/+/#", ""},
		{"größe/+", ""},
		{"a\x00", `topic filter "a\x00": must not contain U+0000, at byte 1 [MQTT-4.7.3-2]`},
		{"\xffa", `topic filter "\xffa": must be well-formed UTF-8, at byte 0 [MQTT-1.5.4-1]`},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			t.Parallel()
			got, err := topic.ParseFilter(test.in)
			checkError(t, err, test.want)
			if err == nil && got.String() != test.in {
				t.Errorf("ParseFilter(%q).String() = %q", test.in, got)
			}
			checkValid(t, test.in, naiveValidName(test.in))
		})
	}
}

func TestFilterKnowsItsParts(t *testing.T) {
	t.Parallel()
	type parts struct {
		Bare, Share      string
		Shared, Wildcard bool
		Levels           []string
	}
	tests := map[string]parts{
		"a/b":                   {"a/b", "", false, false, []string{"a", "b"}},
		"+/b/#":                 {"+/b/#", "", false, true, []string{"+", "b", "#"}},
		"/":                     {"/", "", false, false, []string{"", ""}},
		"$share/g/a/+":          {"a/+", "g", true, true, []string{"a", "+"}},
		"$share/g//finance":     {"/finance", "g", true, false, []string{"", "finance"}},
		"$share/g/$share/h/a/#": {"$share/h/a/#", "g", true, true, []string{"$share", "h", "a", "#"}},
		"$share":                {"$share", "", false, false, []string{"$share"}},
	}
	for in, want := range tests {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			f := mustFilter(t, in)
			got := parts{f.Bare(), f.ShareName(), f.IsShared(), f.HasWildcard(), f.Levels()}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("parts of %q (-want +got):\n%s", in, diff)
			}
			if again := mustFilter(t, strings.Clone(in)); f != again {
				t.Errorf("two filters %q are not ==", in)
			}
		})
	}
}

func TestNameKnowsItsLevels(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"", "a", ""}, topic.Name("/a/").Levels()); diff != "" {
		t.Errorf("levels of /a/ (-want +got):\n%s", diff)
	}
}

func TestZeroFilterMatchesNothing(t *testing.T) {
	t.Parallel()
	var zero topic.Filter
	a := mustFilter(t, "a")
	if zero.Match("a") || zero.Match("") || zero.HasWildcard() || topic.Overlap(zero, a) || topic.Overlap(a, zero) || topic.Covers(zero, a) {
		t.Error("the zero Filter matches something")
	}
	if !topic.Covers(a, zero) {
		t.Error("Covers(a, zero) = false, want true: there is nothing to match")
	}
}

func mustFilter(tb testing.TB, s string) topic.Filter {
	tb.Helper()
	f, err := topic.ParseFilter(s)
	if err != nil {
		tb.Fatal(err)
	}

	return f
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"", "a/b", "#", "a/#/b", "+/+", "a+", "$share/g/a", "$share//a", "$share/g+/#", "\xff", "a\x00", "größe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := topic.ParseFilter(s)
		checkParse(t, s, err, naiveValidFilter(s))
		if err == nil && filter.IsShared() && "$share/"+filter.ShareName()+"/"+filter.Bare() != s {
			t.Errorf("ParseFilter(%q) has ShareName %q and Bare %q", s, filter.ShareName(), filter.Bare())
		}
		_, err = topic.ParseName(s)
		checkParse(t, s, err, naiveValidName(s))
		checkValid(t, s, naiveValidName(s))
	})
}

func checkParse(t *testing.T, s string, err error, want bool) {
	t.Helper()
	if (err == nil) != want {
		t.Errorf("%q: error %v, want valid %t", s, err, want)
	}
	if e, ok := errors.AsType[*topic.Error](err); err != nil && (!ok || e.Offset < 0 || e.Offset > len(s) || e.Ref == "" || e.Msg == "") {
		t.Errorf("%q: error %#v has no offset in the input or no statement", s, err)
	}
}
