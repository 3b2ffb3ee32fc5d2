package topic_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/topic"
)

func TestParseTemplateSaysWhereItIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"{root}/{site}/{device}/telemetry/{signal}", ""},
		{"{a}", ""},
		{"{a}/{rest...}", ""},
		{"{rest...}", ""},
		{"{site}/{device-id}/#", ""},
		{"+/{x_1}/#", ""},
		{"#", ""},
		{"a//b", ""},
		{"/{a}/", ""},
		{"größe/{a}", ""},
		{"", `topic template "": must not be empty [MQTT-4.7.3-1]`},
		{"{a}/{b}/{a}", `topic template "{a}/{b}/{a}": variable a is there twice, at byte 8`},
		{"{a}/{a...}", `topic template "{a}/{a...}": variable a is there twice, at byte 4`},
		{"a/{}", `topic template "a/{}": a variable must have a name, at byte 2`},
		{"a/{...}", `topic template "a/{...}": a variable must have a name, at byte 2`},
		{"dev-{id}/x", `topic template "dev-{id}/x": a variable must be a whole level, at byte 4`},
		{"{id}x/y", `topic template "{id}x/y": a variable must be a whole level, at byte 4`},
		{"{a}{b}", `topic template "{a}{b}": a variable must be a whole level, at byte 3`},
		{"{{a}}", `topic template "{{a}}": a variable must be a whole level, at byte 4`},
		{"a/{b", `topic template "a/{b": { without }, at byte 2`},
		{"a/}b", `topic template "a/}b": } without {, at byte 2`},
		{"a/b}", `topic template "a/b}": a variable must be a whole level, at byte 3`},
		{"{a/b}", `topic template "{a/b}": { without }, at byte 0`},
		{"{a b}", `topic template "{a b}": a variable has only letters, digits, - and _, at byte 2`},
		{"{a.b}", `topic template "{a.b}": a variable has only letters, digits, - and _, at byte 2`},
		{"{rest...}/x", `topic template "{rest...}/x": only the last level can take the rest, at byte 0`},
		{"a/#/b", `topic template "a/#/b": # must be the last level, at byte 2 [MQTT-4.7.1-1]`},
		{"a/b#", `topic template "a/b#": # must be a whole level, at byte 3 [MQTT-4.7.1-1]`},
		{"a/b+/c", `topic template "a/b+/c": + must be a whole level, at byte 3 [MQTT-4.7.1-2]`},
		{"a/\x00", `topic template "a/\x00": must not contain U+0000, at byte 2 [MQTT-4.7.3-2]`},
		{"a/b\xff", `topic template "a/b\xff": must be well-formed UTF-8, at byte 3 [MQTT-1.5.4-1]`},
		{"$share/g/{a}", `topic template "$share/g/{a}": describes topics and cannot be a Shared Subscription, at byte 0 [MQTT-4.8.2-1]`},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			t.Parallel()
			tmpl, err := topic.ParseTemplate(test.in)
			checkError(t, err, test.want)
			if err == nil && tmpl.String() != test.in {
				t.Errorf("ParseTemplate(%q).String() = %q", test.in, tmpl)
			}
		})
	}
}

func mustTemplate(tb testing.TB, s string) *topic.Template {
	tb.Helper()
	tmpl, err := topic.ParseTemplate(s)
	if err != nil {
		tb.Fatal(err)
	}

	return tmpl
}

func TestTemplateCapturesLevels(t *testing.T) {
	t.Parallel()
	type vars = map[string]string
	tests := []struct {
		template, name string
		want           vars // nil for no match
	}{
		{
			"{root}/{site}/{device}/telemetry/{signal}", "acme/s1/d42/telemetry/temp",
			vars{"root": "acme", "site": "s1", "device": "d42", "signal": "temp"},
		},
		{"{root}/{site}/{device}/telemetry/{signal}", "acme/s1/d42/status/temp", nil},
		{"{root}/{site}/{device}/telemetry/{signal}", "acme/s1/d42/telemetry", nil},
		{"{root}/{site}/{device}/telemetry/{signal}", "acme/s1/d42/telemetry/temp/x", nil},
		{"{root}/{site}", "acme/", nil},
		{"{root}/{site}", "/s1", nil},
		{"/{root}", "/s1", vars{"root": "s1"}},
		{"{a}/{rest...}", "x/y", vars{"a": "x", "rest": "y"}},
		{"{a}/{rest...}", "x/y/z/", vars{"a": "x", "rest": "y/z/"}},
		{"{a}/{rest...}", "x//y", vars{"a": "x", "rest": "/y"}},
		{"{a}/{rest...}", "x", nil},
		{"{a}/{rest...}", "x/", nil},
		{"{rest...}", "x/y", vars{"rest": "x/y"}},
		{"{a}/#", "x", vars{"a": "x"}},
		{"{a}/#", "x/y/z", vars{"a": "x"}},
		{"{a}/#", "", nil},
		{"#", "x", vars{}},
		{"+/{a}", "x/y", vars{"a": "y"}},
		{"+/{a}", "/y", vars{"a": "y"}},
		{"a/b", "a/b", vars{}},
		{"a/b", "a/bc", nil},
		// 4.7.2
		{"{a}/{b}", "$SYS/x", nil},
		{"+/{b}", "$SYS/x", nil},
		{"#", "$SYS/x", nil},
		{"{rest...}", "$SYS/x", nil},
		{"$SYS/{b}", "$SYS/x", vars{"b": "x"}},
		{"a/{b}", "a/$x", vars{"b": "$x"}},
	}
	for _, test := range tests {
		tmpl := mustTemplate(t, test.template)
		got, ok := tmpl.Match(test.name)
		if diff := cmp.Diff(test.want, got); diff != "" || ok != (test.want != nil) {
			t.Errorf("%s matches %q: %t (-want +got):\n%s", tmpl, test.name, ok, diff)
		}
		captured := vars{}
		if ok != tmpl.Captures(test.name, func(v, value string) { captured[v] = value }) || len(captured) != len(got) {
			t.Errorf("%s captures %v of %q, Match %v", tmpl, captured, test.name, got)
		}
	}
	if (&topic.Template{}).Captures("a", func(v, _ string) { t.Errorf("the zero Template captures %s", v) }) {
		t.Error("the zero Template matches a")
	}
}

func TestTemplateNamesItsVariablesInOrder(t *testing.T) {
	t.Parallel()
	got := mustTemplate(t, "{root}/x/{site}/+/{rest...}").Vars()
	if diff := cmp.Diff([]string{"root", "site", "rest"}, got); diff != "" {
		t.Errorf("Vars (-want +got):\n%s", diff)
	}
}

func TestTemplateFormatsOnlyWhatItMatches(t *testing.T) {
	t.Parallel()
	type vars = map[string]string
	tests := []struct {
		template string
		vars     vars
		want     string
		err      string
	}{
		{"{a}/x/{b}", vars{"a": "1", "b": "$2", "c": "more"}, "1/x/$2", ""},
		{"{a}/{rest...}", vars{"a": "1", "rest": "y/z"}, "1/y/z", ""},
		{"x", nil, "x", ""},
		{"{a}/{b}", vars{"a": "1"}, "", `topic template "{a}/{b}": variable b has no value`},
		{"{a}/{b}", vars{"a": "1", "b": ""}, "", `variable b: topic name "": must not be empty [MQTT-4.7.3-1]`},
		{"{a}", vars{"a": "x/y"}, "", `variable a: topic level "x/y": must be one level, at byte 1`},
		{"{a}", vars{"a": "+"}, "", `variable a: topic name "+": must not contain the wildcard +, at byte 0 [MQTT-4.7.0-1]`},
		{"x/{a...}", vars{"a": "y/#"}, "", `variable a: topic name "y/#": must not contain the wildcard #, at byte 2 [MQTT-4.7.0-1]`},
		{"{a}", vars{"a": "$SYS"}, "", `variable a: topic level "$SYS": must not start with $ in the first level, at byte 0 [MQTT-4.7.2-1]`},
		{"{a}/#", vars{"a": "x"}, "", `topic template "{a}/#": has a wildcard and does not make a topic name`},
		{"+/{a}", vars{"a": "x"}, "", `topic template "+/{a}": has a wildcard and does not make a topic name`},
	}
	for _, test := range tests {
		got, err := mustTemplate(t, test.template).Format(test.vars)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if string(got) != test.want || text != test.err {
			t.Errorf("%s formats %v as %q, %v\nwant %q, %s", test.template, test.vars, got, err, test.want, test.err)
		}
	}
	long := strings.Repeat("x", topic.MaxLen-1)
	_, err := mustTemplate(t, "{a}/{b}").Format(vars{"a": long, "b": long})
	if e, ok := errors.AsType[*topic.Error](err); !ok || e.Ref != "MQTT-4.7.3-3" {
		t.Errorf("a name of 131069 bytes gives the error %v", err)
	}
}

func TestTemplateMakesFilters(t *testing.T) {
	t.Parallel()
	type vars = map[string]string
	tests := []struct {
		template  string
		fixed     vars
		want, err string
	}{
		{"{root}/{site}/{device}/telemetry/{signal}", nil, "+/+/+/telemetry/+", ""},
		{"{root}/{site}/{device}/status", vars{"root": "acme", "device": "d1", "other": "#"}, "acme/+/d1/status", ""},
		{"{root}/{rest...}", nil, "+/#", ""},
		{"{root}/{rest...}", vars{"rest": "a/b"}, "+/a/b", ""},
		{"{root}/#", vars{"root": "acme"}, "acme/#", ""},
		{"+/x", nil, "+/x", ""},
		{"{a}/x", vars{"a": "+"}, "", `variable a: topic name "+": must not contain the wildcard +, at byte 0 [MQTT-4.7.0-1]`},
		{"{a}/g/x", vars{"a": "$share"}, "", `variable a: topic level "$share": must not start with $ in the first level, at byte 0 [MQTT-4.7.2-1]`},
	}
	for _, test := range tests {
		got, err := mustTemplate(t, test.template).Filter(test.fixed)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got.String() != test.want || text != test.err {
			t.Errorf("%s with %v makes the filter %q, %v\nwant %q, %s", test.template, test.fixed, got, err, test.want, test.err)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range [][2]string{
		{"{root}/{site}/{device}/telemetry/{signal}", "acme/s/d/telemetry/t"},
		{"{a}/{rest...}", "x/y/z"},
		{"+/#", "/"},
		{"{a}", "$x"},
		{"{a}{b}", "x"},
		{"//{a}", "//x"},
		{"{a...}", "/"},
		{"$share/{a}", "$share/x"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		tmpl, err := topic.ParseTemplate(text)
		if err != nil {
			if e, ok := errors.AsType[*topic.Error](err); !ok || e.Offset < 0 || e.Offset > len(text) {
				t.Errorf("ParseTemplate(%q): %#v", text, err)
			}

			return
		}
		filter, err := tmpl.Filter(nil)
		if err != nil || filter.IsShared() {
			t.Fatalf("template %q makes the filter %q, %v", text, filter, err)
		}
		vars, ok := tmpl.Match(name)
		if !ok || !topic.ValidName(name) {
			return
		}
		if !naiveMatch(filter.String(), name) {
			t.Errorf("template %q matches %q, its filter %q does not", text, name, filter)
		}
		if got := slices.Sorted(maps.Keys(vars)); !slices.Equal(got, slices.Sorted(slices.Values(tmpl.Vars()))) {
			t.Errorf("template %q finds %q in %q", text, got, name)
		}
		if narrow, err := tmpl.Filter(vars); err != nil || !narrow.Match(name) {
			t.Errorf("template %q with %q makes the filter %q, %v, which does not match %q", text, vars, narrow, err, name)
		}
		if strings.ContainsAny(filter.Bare(), "+#") && len(vars) < strings.Count(filter.Bare(), "+")+strings.Count(filter.Bare(), "#") {
			return // a wildcard in the template
		}
		if back, err := tmpl.Format(vars); err != nil || string(back) != name {
			t.Errorf("template %q formats what it found in %q as %q, %v", text, name, back, err)
		}
	})
}
