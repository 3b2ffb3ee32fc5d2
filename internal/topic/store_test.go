package topic_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/topic"
)

func TestStoreListsWhatAFilterMatchesInByteOrder(t *testing.T) {
	t.Parallel()
	var store topic.Store[int]
	for i, name := range []string{
		"sport", "sport-news", "sport/tennis", "sport/tennis/player1", "sport/tennis!/player1", "sport0", "sport/", "/finance",
		"$SYS/uptime", "$SYS", "%", "a//b", "#1",
	} {
		store.Set(name, i)
	}
	tests := map[string][]string{
		"#": {
			"#1", "%", "/finance", "a//b", "sport", "sport-news", "sport/", "sport/tennis", "sport/tennis!/player1",
			"sport/tennis/player1", "sport0",
		},
		"sport/#":              {"sport", "sport/", "sport/tennis", "sport/tennis!/player1", "sport/tennis/player1"},
		"sport/+":              {"sport/", "sport/tennis"},
		"sport/tennis":         {"sport/tennis"},
		"sport/ten":            nil,
		"+/tennis/#":           {"sport/tennis", "sport/tennis/player1"},
		"+/+/player1":          {"sport/tennis!/player1", "sport/tennis/player1"},
		"sport/tennis/+":       {"sport/tennis/player1"},
		"+":                    {"#1", "%", "sport", "sport-news", "sport0"},
		"$SYS/#":               {"$SYS", "$SYS/uptime"},
		"+/uptime":             nil,
		"/+":                   {"/finance"},
		"a/+/b":                {"a//b"},
		"z/#":                  nil,
		"sport/tennis/player1": {"sport/tennis/player1"},
		"":                     nil,
	}
	for filter, want := range tests {
		if diff := cmp.Diff(want, listing(&store, filter)); diff != "" {
			t.Errorf("Match(%q) (-want +got):\n%s", filter, diff)
		}
	}
}

func listing[V any](store *topic.Store[V], filter string) []string {
	var names []string
	store.Match(filter, func(name string, _ V) bool {
		names = append(names, name)

		return true
	})

	return names
}

func TestStoreAgreesWithOracleOnAllSmallWords(t *testing.T) {
	t.Parallel()
	names := words(4, "", "a", "a-", "b", "$")
	var store topic.Store[int]
	for i, n := range rand.New(rand.NewPCG(7, 8)).Perm(len(names)) {
		store.Set(names[n], i)
	}
	slices.Sort(names)
	for _, filter := range smallFilters(3) {
		want := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !naiveMatch(filter, name) })
		if got := listing(&store, filter); !slices.Equal(got, want) {
			t.Fatalf("Match(%q) visits %q, want %q", filter, got, want)
		}
	}
}

func TestStoreStopsWhenToldTo(t *testing.T) {
	t.Parallel()
	store := numbered(500, func(i int) string { return fmt.Sprintf("a/%03d", i) })
	for what, visit := range map[string]func(func(string, int) bool){
		"Match": func(fn func(string, int) bool) { store.Match("a/+", fn) },
		"Walk":  store.Walk,
	} {
		n := 0
		visit(func(string, int) bool { n++; return n < 7 })
		if n != 7 {
			t.Errorf("%s visits %d names after fn said to stop at 7", what, n)
		}
	}
}

func numbered(n int, name func(i int) string) *topic.Store[int] {
	var store topic.Store[int]
	for _, i := range rand.New(rand.NewPCG(9, 10)).Perm(n) {
		store.Set(name(i), i)
	}

	return &store
}

func TestStoreListingSurvivesChangesBetweenPortions(t *testing.T) {
	t.Parallel()
	const n = 3000
	name := func(i int) string { return fmt.Sprintf("dev%04d/status", i) }
	store := numbered(n, name)
	r := rand.New(rand.NewPCG(11, 12))
	seen := map[string]int{}
	for after, more := "", true; more; {
		after, more = store.MatchFrom("+/status", after, 50, func(name string, _ int) bool {
			seen[name]++

			return true
		})
		for range 60 { // odd devices come and go, new ones come in front, between and behind
			i := 1 + 2*r.IntN(n/2)
			if !store.Delete(name(i)) {
				store.Set(name(i), i)
			}
			store.Set(fmt.Sprintf("dev%04d/config/%d", i, r.IntN(9)), i)
		}
	}
	for i := range n {
		if got := seen[name(i)]; got > 1 || (i%2 == 0 && got != 1) {
			t.Errorf("%s was visited %d times", name(i), got)
		}
	}
}

func TestStorePortionIsBoundedEvenWhenNothingMatches(t *testing.T) {
	t.Parallel()
	store := numbered(10000, func(i int) string { return fmt.Sprintf("dev%04d", i) })
	calls := 0
	for after, more := "", true; more; calls++ {
		after, more = store.MatchFrom("+/nothing", after, 100, func(name string, _ int) bool {
			t.Errorf("%q is visited", name)

			return true
		})
	}
	if calls < 100 {
		t.Errorf("10000 names are looked at in %d portions of at most 100", calls)
	}
	if after, more := store.MatchFrom("#", "", 0, func(string, int) bool { return true }); after != "dev0000" || !more {
		t.Errorf("a limit of 0 ends at %q, %t, want one step", after, more)
	}
}

func TestStoreKeepsTheFirstStringOfAName(t *testing.T) {
	t.Parallel()
	var store topic.Store[int]
	store.Set("a/b", 1)
	packet := strings.Repeat("x", 1000) + "a/b"
	store.Set(packet[1000:], 2)
	if v, ok := store.Get("a/b"); !ok || v != 2 || store.Len() != 1 {
		t.Errorf("Get = %d, %t with %d names, want the second value of one name", v, ok, store.Len())
	}
}

func TestStoreStandsDeepHostileNames(t *testing.T) {
	t.Parallel()
	slashes := strings.Repeat("/", topic.MaxLen)
	var store topic.Store[int]
	for i := range 20 {
		store.Set(slashes[:topic.MaxLen-i], i)
		store.Set(slashes[:topic.MaxLen-i-1]+"a", i)
	}
	for filter, want := range map[string]int{
		"#":    40,
		"/#":   40,
		"+":    0,
		"//+":  0,
		"+/+/": 0,
		strings.Repeat("+/", topic.MaxLen/2) + "#": 40,
		strings.Repeat("+/", topic.MaxLen/2) + "a": 0,
		slashes:                         1,
		slashes[:topic.MaxLen-15] + "#": 32, // with the name one slash shorter
		slashes[:topic.MaxLen-15] + "+": 2,
	} {
		if got := len(listing(&store, filter)); got != want {
			t.Errorf("%d names match a filter of %d bytes, want %d", got, len(filter), want)
		}
	}
}

func TestStoreGivesBlocksBack(t *testing.T) {
	t.Parallel()
	const n = 20000
	name := func(i int) string { return fmt.Sprintf("a/%05d", i) }
	store := numbered(n, name)
	if got := topic.Blocks(store); got > n/60 {
		t.Errorf("%d names are in %d blocks", n, got)
	}
	for _, i := range rand.New(rand.NewPCG(13, 14)).Perm(n)[:n*9/10] {
		store.Delete(name(i))
	}
	if got := topic.Blocks(store); got > n/10/20 {
		t.Errorf("the %d names left are in %d blocks", store.Len(), got)
	}
}

func TestStoreLeapsOverManyNamesBelowOne(t *testing.T) {
	t.Parallel()
	store := numbered(3000, func(i int) string { return fmt.Sprintf("acme/d%02d/telemetry/s%02d", i/60, i%60) })
	store.Set("acme/d07/status", 0)
	for _, filter := range []string{"acme/+/status", "acme/+/telemetry/s59", "+/+/telemetry/s00", "acme/+", "+/d07/#", "+/+/+", "acme/+/telemetry"} {
		var want []string
		store.Walk(func(name string, _ int) bool {
			if naiveMatch(filter, name) {
				want = append(want, name)
			}

			return true
		})
		if diff := cmp.Diff(want, listing(store, filter)); diff != "" {
			t.Errorf("Match(%q) (-want +got):\n%s", filter, diff)
		}
	}
}

func TestStorePortionMayBeginBeforeTheNamesOfItsFilter(t *testing.T) {
	t.Parallel()
	store := numbered(9, func(i int) string { return fmt.Sprintf("d%d/status", i) })
	var got []string
	after, more := store.MatchFrom("d7/#", "d1/status", 100, func(name string, _ int) bool {
		got = append(got, name)

		return true
	})
	if !slices.Equal(got, []string{"d7/status"}) || more {
		t.Errorf("MatchFrom visits %q and ends at %q, %t, want d7/status alone", got, after, more)
	}
}
