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

func TestTreeFindsEveryFilterThatMatches(t *testing.T) {
	t.Parallel()
	var tree topic.Tree[string]
	for _, f := range []string{
		"#", "+", "+/#", "/#", "/+", "sport", "sport/#", "sport/+", "sport/tennis/#", "sport/tennis/player1", "sport/+/player1",
		"$SYS/#", "$SYS/+", "+/tennis/#", "sport/", "//",
	} {
		tree.Set(f, f)
	}
	tests := map[string][]string{
		"sport":                {"#", "+", "+/#", "sport", "sport/#"},
		"sport/":               {"#", "+/#", "sport/", "sport/#", "sport/+"},
		"sport/tennis":         {"#", "+/#", "+/tennis/#", "sport/#", "sport/+", "sport/tennis/#"},
		"sport/tennis/player1": {"#", "+/#", "+/tennis/#", "sport/#", "sport/+/player1", "sport/tennis/#", "sport/tennis/player1"},
		"$SYS/uptime":          {"$SYS/#", "$SYS/+"},
		"$SYS":                 {"$SYS/#"},
		"/finance":             {"#", "+/#", "/#", "/+"},
		"//":                   {"#", "+/#", "/#", "//"},
		"":                     nil,
	}
	for name, want := range tests {
		var got []string
		tree.Match(name, func(f string) { got = append(got, f) })
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Match(%q) (-want +got):\n%s", name, diff)
		}
	}
}

func TestTreeWalksInOrderUntilToldToStop(t *testing.T) {
	t.Parallel()
	var tree topic.Tree[int]
	want := []string{"#", "+/b", "a", "a/#", "a/b", "a/b/c", "a-b"}
	for i := range 30 { // more kids than are searched one by one
		want = append(want, fmt.Sprintf("b%02d/x", i))
	}
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(len(want)) {
		tree.Set(want[i], i)
	}
	var got []string
	tree.Walk(func(f string, v int) bool {
		if want[v] != f {
			t.Errorf("filter %q has the value of %q", f, want[v])
		}
		got = append(got, f)

		return true
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Walk (-want +got):\n%s", diff)
	}
	n := 0
	tree.Walk(func(string, int) bool { n++; return n < 5 })
	if n != 5 {
		t.Errorf("Walk visits %d filters after fn said to stop at 5", n)
	}
}

func TestTreeKeepsNothingOfDeletedFilters(t *testing.T) {
	t.Parallel()
	var tree topic.Tree[int]
	r := rand.New(rand.NewPCG(3, 4))
	filters := smallFilters(4)
	for i := range 40 {
		filters = append(filters, fmt.Sprintf("a/many/%d/x", i))
	}
	for _, i := range r.Perm(len(filters)) {
		tree.Set(strings.Clone(filters[i]), i)
		checkNodes(t, &tree)
	}
	for n, i := range r.Perm(len(filters)) {
		if !tree.Delete(filters[i]) || tree.Delete(filters[i]) {
			t.Fatalf("Delete(%q) does not report it once", filters[i])
		}
		if tree.Len() != len(filters)-n-1 {
			t.Fatalf("Len() = %d, want %d", tree.Len(), len(filters)-n-1)
		}
		checkNodes(t, &tree)
	}
	if n := topic.Nodes(&tree, func(string, bool) {}); n != 0 {
		t.Errorf("the empty tree has %d nodes", n)
	}
}

// checkNodes checks that a tree has no node that serves nothing, nor the text of a filter that it does not hold.
func checkNodes(t *testing.T, tree *topic.Tree[int]) {
	t.Helper()
	n := topic.Nodes(tree, func(key string, _ bool) {
		if _, ok := tree.Get(key); !ok {
			t.Errorf("a node keeps the text of %q, which is not in the tree", key)
		}
	})
	if n > 2*tree.Len() {
		t.Errorf("%d filters have %d nodes", tree.Len(), n)
	}
}

func TestTreeStandsDeepHostileFilters(t *testing.T) {
	t.Parallel()
	slashes := strings.Repeat("/", topic.MaxLen)
	pluses := strings.Repeat("+/", topic.MaxLen/2) + "+"
	filters := []string{
		slashes, slashes[:len(slashes)-1] + "a", slashes[:len(slashes)-1] + "#", pluses, pluses[:len(pluses)-1] + "#", "#",
		"+/" + slashes[:60000], "/+" + slashes[:60000],
	}
	for i := range 300 {
		filters = append(filters, strings.Repeat("/", i)+"#", strings.Repeat("+/", i)+"a")
	}
	var tree topic.Tree[string]
	for _, f := range filters {
		tree.Set(f, f)
	}
	if n := topic.Nodes(&tree, func(string, bool) {}); n > 2*tree.Len() {
		t.Errorf("%d filters have %d nodes", tree.Len(), n)
	}
	for _, name := range []string{slashes, slashes[:60001], slashes[:32767], slashes[:500], strings.Repeat("a", topic.MaxLen)} {
		want, got := 0, 0
		seen := map[string]bool{}
		for _, f := range filters {
			if !seen[f] && topic.Match(f, name) {
				want++
			}
			seen[f] = true
		}
		tree.Match(name, func(string) { got++ })
		if got != want {
			t.Errorf("%d filters match a name of %d bytes, want %d", got, len(name), want)
		}
	}
	for _, f := range filters {
		tree.Delete(f)
	}
	if n := topic.Nodes(&tree, func(string, bool) {}); tree.Len() != 0 || n != 0 {
		t.Errorf("after all deletions there are %d filters in %d nodes", tree.Len(), n)
	}
}

func TestTreeAndStoreAgreeWithListsInLongRuns(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 5 {
		ops := make([]byte, 3000)
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		runModel(t, ops)
	}
}

// FuzzTree runs random operations on a Tree, a Store and two plain lists.
func FuzzTree(f *testing.F) {
	f.Add([]byte("\x00a\x01b\x02c"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xff, 0xfe, 0x80, 0x40, 3, 1, 4, 1, 5, 9, 2, 6})
	f.Add([]byte{0, 2, 1, 4, 1, 0, 2, 1, 7, 4, 0, 0, 1, 3, 2, 1, 4, 1, 5, 2, 1, 2, 2, 6, 0, 7, 0x0f, 1, 4, 4})
	f.Fuzz(func(t *testing.T, ops []byte) {
		runModel(t, ops[:min(len(ops), 400)]) // long runs are slow, and no other
	})
}

func runModel(t *testing.T, ops []byte) {
	t.Helper()
	var m model
	for i := 0; len(ops) >= 3; i++ {
		op := ops[0]
		var filter string
		filter, ops = decodeFilter(ops[1:])
		m.step(t, op, filter, i)
	}
	m.check(t)
}

// decodeFilter makes a valid filter of a few bytes.
func decodeFilter(ops []byte) (string, []byte) {
	n := 1 + int(ops[0]%5)
	ops = ops[1:]
	var levels []string
	for len(ops) > 0 && len(levels) < n {
		level := []string{"", "a", "b", "a-", "+", "$", "ab", "#"}[ops[0]%8]
		if ops[0] >= 0xc0 {
			level = fmt.Sprintf("a%02x", ops[0]) // many kids
		}
		levels, ops = append(levels, level), ops[1:]
		if level == "#" {
			break
		}
	}
	if filter := strings.Join(levels, "/"); filter != "" {
		return filter, ops
	}

	return "a", ops
}

// model is a Tree and a Store beside lists that should hold the same.
type model struct {
	tree           topic.Tree[int]
	store          topic.Store[int]
	filters, names list
}

func (m *model) step(t *testing.T, op byte, filter string, i int) {
	t.Helper()
	name := strings.NewReplacer("+", "b", "#", "a").Replace(filter)
	switch op % 8 {
	case 0, 1, 2:
		m.tree.Set(filter, i)
		m.filters.set(filter, i)
		m.store.Set(name, i)
		m.names.set(name, i)
	case 3, 4:
		if got, want := m.tree.Delete(filter), m.filters.remove(filter); got != want {
			t.Fatalf("Tree.Delete(%q) = %t, want %t", filter, got, want)
		}
		if got, want := m.store.Delete(name), m.names.remove(name); got != want {
			t.Fatalf("Store.Delete(%q) = %t, want %t", name, got, want)
		}
	case 5:
		m.checkMatch(t, name)
	case 6:
		m.checkList(t, filter)
	default:
		m.checkPortions(t, filter, 1+int(op>>3))
	}
}

func (m *model) checkMatch(t *testing.T, name string) {
	t.Helper()
	var got, want []int
	m.tree.Match(name, func(v int) { got = append(got, v) })
	for _, p := range m.filters {
		if naiveMatch(p.key, name) {
			want = append(want, p.value)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("Tree.Match(%q) visits %v, want %v", name, got, want)
	}
}

func (m *model) matching(filter string) list {
	var want list
	for _, p := range m.names {
		if naiveMatch(filter, p.key) {
			want = append(want, p)
		}
	}

	return want
}

func (m *model) checkList(t *testing.T, filter string) {
	t.Helper()
	var got list
	m.store.Match(filter, func(name string, v int) bool {
		got = append(got, pair{name, v})

		return true
	})
	if want := m.matching(filter); !slices.Equal(got, want) {
		t.Fatalf("Store.Match(%q) visits %v, want %v", filter, got, want)
	}
}

func (m *model) checkPortions(t *testing.T, filter string, limit int) {
	t.Helper()
	var got list
	for after, more := "", true; more; {
		n, from := 0, after
		after, more = m.store.MatchFrom(filter, after, limit, func(name string, v int) bool {
			n++
			got = append(got, pair{name, v})

			return n != 2
		})
		if n > limit || (more && after <= from) {
			t.Fatalf("MatchFrom(%q, %q, %d) visits %d and goes on from %q", filter, from, limit, n, after)
		}
	}
	if want := m.matching(filter); !slices.Equal(got, want) {
		t.Fatalf("MatchFrom(%q) in portions of %d visits %v, want %v", filter, limit, got, want)
	}
}

// check compares all that is left, then that nothing of it stays behind.
func (m *model) check(t *testing.T) {
	t.Helper()
	checkNodes(t, &m.tree)
	if m.tree.Len() != len(m.filters) || m.store.Len() != len(m.names) {
		t.Errorf("Tree.Len() = %d, Store.Len() = %d, want %d and %d", m.tree.Len(), m.store.Len(), len(m.filters), len(m.names))
	}
	var walked list
	m.store.Walk(func(name string, v int) bool {
		walked = append(walked, pair{name, v})

		return true
	})
	if !slices.Equal(walked, m.names) {
		t.Errorf("Store.Walk visits %v, want %v", walked, m.names)
	}
	walked = nil
	m.tree.Walk(func(filter string, v int) bool {
		walked.set(filter, v)

		return true
	})
	if !slices.Equal(walked, m.filters) {
		t.Errorf("Tree.Walk visits %v, want %v", walked, m.filters)
	}
	for _, p := range m.names {
		if v, ok := m.store.Get(p.key); !ok || v != p.value {
			t.Errorf("Store.Get(%q) = %d, %t, want %d", p.key, v, ok, p.value)
		}
		_, want := m.filters.get(p.key)
		if _, ok := m.tree.Get(p.key); ok != want {
			t.Errorf("Tree.Get(%q) = %t, want %t", p.key, ok, want)
		}
		m.checkMatch(t, p.key)
		m.store.Delete(p.key)
	}
	for _, p := range m.filters {
		if v, ok := m.tree.Get(p.key); !ok || v != p.value {
			t.Errorf("Tree.Get(%q) = %d, %t, want %d", p.key, v, ok, p.value)
		}
		m.tree.Delete(p.key)
	}
	if n := topic.Nodes(&m.tree, func(string, bool) {}); n != 0 || topic.Blocks(&m.store) != 0 {
		t.Errorf("all deleted, %d nodes and %d blocks are left", n, topic.Blocks(&m.store))
	}
}
