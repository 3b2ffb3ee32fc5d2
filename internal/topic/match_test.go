package topic_test

import (
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/topic"
)

func TestMatchKeepsTheExamplesOfTheSpecification(t *testing.T) {
	t.Parallel()
	tests := []struct {
		filter, name string
		want         bool
	}{
		// 4.7.1.2
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/tennis/player1/#", "sport/tennis/player10", false},
		{"sport/#", "sport", true},
		{"#", "sport/tennis", true},
		{"#", "/", true},
		// 4.7.1.3
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player2", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/tennis/#", "sport/tennis", true},
		{"sport/+/player1", "sport/tennis/player1", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		// 4.7.2
		{"#", "$SYS/monitor/Clients", false},
		{"+/monitor/Clients", "$SYS/monitor/Clients", false},
		{"$SYS/#", "$SYS/monitor/Clients", true},
		{"$SYS/#", "$SYS", true},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
		{"+/$SYS", "a/$SYS", true},
		{"a/#", "a/$SYS", true},
		// 4.7.3
		{"ACCOUNTS", "Accounts", false},
		{"Accounts payable", "Accounts payable", true},
		{"/finance", "finance", false},
		{"finance", "/finance", false},
		{"a//b", "a//b", true},
		{"a/b", "a//b", false},
		{"a/+/b", "a//b", true},
		{"+/#", "a", true},
		{"+/+/#", "a", false},
		{"+/+/#", "a/", true},
		{"a/+", "a/b/", false},
		{"ab", "a", false},
		{"a", "ab", false},
		{"Å", "A\u030a", false}, // no normalisation [MQTT-4.7.3-4]
	}
	for _, test := range tests {
		if got := topic.Match(test.filter, test.name); got != test.want {
			t.Errorf("Match(%q, %q) = %t, want %t", test.filter, test.name, got, test.want)
		}
		if got := naiveMatch(test.filter, test.name); got != test.want {
			t.Errorf("the oracle says %t to Match(%q, %q), want %t", got, test.filter, test.name, test.want)
		}
	}
}

func TestSharedFilterMatchesByItsBareFilter(t *testing.T) {
	t.Parallel()
	// 4.8.2: the consumers of a share see what sport/tennis/+ matches.
	f := mustFilter(t, "$share/consumer1/sport/tennis/+")
	if !f.Match("sport/tennis/player1") || f.Match("sport/tennis") || f.Match("$share/consumer1/sport/tennis/x") {
		t.Errorf("%s does not match like sport/tennis/+", f)
	}
	if all := mustFilter(t, "$share/g/#"); all.Match("$SYS/x") || !all.Match("x") {
		t.Errorf("%s does not match like #", all)
	}
}

func TestMatchAgreesWithOracleOnAllSmallWords(t *testing.T) {
	t.Parallel()
	names := words(4, "", "a", "b", "$")
	for _, filter := range smallFilters(4) {
		for _, name := range names {
			if got, want := topic.Match(filter, name), naiveMatch(filter, name); got != want {
				t.Fatalf("Match(%q, %q) = %t, want %t", filter, name, got, want)
			}
		}
	}
}

func smallFilters(n int) []string {
	var filters []string
	for _, f := range words(n, "", "a", "$", "+", "#") {
		if naiveValidFilter(f) {
			filters = append(filters, f)
		}
	}

	return filters
}

func TestCoversAndOverlapAgreeWithBruteForce(t *testing.T) {
	t.Parallel()
	filters := smallFilters(3)
	// A level that no filter has, and one level more than any filter, stand for the infinitely many others.
	names := words(4, "", "a", "$", "x", "$x")
	matches := make([][]bool, len(filters))
	for i, filter := range filters {
		for _, name := range names {
			matches[i] = append(matches[i], naiveMatch(filter, name))
		}
	}
	for i, a := range filters {
		for j, b := range filters {
			covers, overlap := true, false
			for k, inA := range matches[i] {
				inB := matches[j][k]
				covers = covers && (inA || !inB)
				overlap = overlap || (inA && inB)
			}
			fa, fb := mustFilter(t, a), mustFilter(t, "$share/g/"+b)
			if got := topic.Covers(fa, fb); got != covers {
				t.Errorf("Covers(%q, %q) = %t, want %t", a, b, got, covers)
			}
			if got := topic.Overlap(fa, fb); got != overlap {
				t.Errorf("Overlap(%q, %q) = %t, want %t", a, b, got, overlap)
			}
		}
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	name := "acme/site-1/device-42/telemetry/größe"
	bytes := []byte(name)
	filter := mustFilter(t, "$share/g/acme/+/+/telemetry/#")
	other := mustFilter(t, "acme/#")
	sink := 0
	var tree topic.Tree[int]
	for i, f := range []string{"#", "acme/#", "+/+/+/+/+", "acme/+/device-42/#", name, "acme/site-1/#", "+/site-2/#"} {
		tree.Set(f, i)
	}
	var store topic.Store[int]
	store.Set(name, 1)
	template, err := topic.ParseTemplate("{root}/{site}/{device}/telemetry/{signal}")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(){
		"ValidName of a string": func() { topic.ValidName(name) },
		"ValidName of bytes":    func() { topic.ValidName(bytes) },
		"ParseFilter":           func() { _, _ = topic.ParseFilter("$share/g/a/+") },
		"Filter.Match":          func() { filter.Match(name) },
		"Covers":                func() { topic.Covers(filter, other) },
		"Overlap":               func() { topic.Overlap(filter, other) },
		"Tree.Get":              func() { tree.Get("acme/#") },
		"Tree.Match":            func() { tree.Match(name, func(v int) { sink += v }) },
		"Store.Get":             func() { store.Get(name) },
		"Store.Set":             func() { store.Set(name, 2) },
		"Template.Captures":     func() { template.Captures(name, func(_, value string) { sink += len(value) }) },
	}
	for what, fn := range tests {
		if n := testing.AllocsPerRun(100, fn); n != 0 {
			t.Errorf("%s allocates %v times", what, n)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{
		{"sport/#", "sport"},
		{"+/+", "/finance"},
		{"#", "$SYS/x"},
		{"a/+/c", "a/b/c"},
		{"+", ""},
		{strings.Repeat("+/", 50) + "#", strings.Repeat("/", 60)},
		{"a/#/b", "a/x"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, filter, name string) {
		got := topic.Match(filter, name) // must return, valid or not
		if !naiveValidName(name) {
			return
		}
		parsed, err := topic.ParseFilter(filter)
		if err != nil {
			return
		}
		if want := naiveMatch(parsed.Bare(), name); parsed.Match(name) != want {
			t.Errorf("filter %q matches %q: %t, want %t", filter, name, !want, want)
		}
		if !parsed.IsShared() && got != parsed.Match(name) {
			t.Errorf("Match(%q, %q) = %t, the method says otherwise", filter, name, got)
		}
		self, err := topic.ParseFilter("$share/g/" + name)
		if err != nil {
			return // too long
		}
		if topic.Covers(parsed, self) != parsed.Match(name) || topic.Overlap(parsed, self) != parsed.Match(name) {
			t.Errorf("Covers or Overlap of %q and %q is not what Match says", filter, name)
		}
	})
}
