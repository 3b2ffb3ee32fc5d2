package topic

import (
	"slices"
	"strings"
)

// Tree keeps a value for each of many Topic Filters and finds those that match a name: the subscriptions of a broker, the
// rules of an access list. Filters are bare ones ([Filter.Bare]) and must be valid.
//
// The zero Tree is empty and ready. It is not safe for concurrent use: callers lock, and functions given to Match and Walk
// must not change the Tree. It keeps the filter strings that it is given.
//
// A node stands for as many levels as no other filter parts, so a filter costs at most two nodes however many levels it
// has, and recursion is no deeper than the number of filters that begin alike.
type Tree[V any] struct {
	root branch[V]
	n    int
}

// Len returns the number of filters.
func (t *Tree[V]) Len() int { return t.n }

// Get returns the value of filter itself, not of those that match it.
func (t *Tree[V]) Get(filter string) (V, bool) {
	if n := t.find(filter, nil); n != nil {
		return n.value, true
	}
	var none V

	return none, false
}

// Set gives filter the value v.
func (t *Tree[V]) Set(filter string, v V) {
	b, at := &t.root, 0
	for {
		kid := b.get(filter, at)
		if kid == nil {
			b.put(&node[V]{key: filter, from: at, to: len(filter), value: v})
			t.n++

			return
		}
		if common := commonLevels(kid.label(), filter[at:]); common < len(kid.label()) {
			kid = b.split(kid, common)
		}
		at += len(kid.label())
		if at == len(filter) {
			if !kid.isSet() {
				kid.key = filter
				t.n++
			}
			kid.value = v

			return
		}
		at++
		if kid.kids == nil {
			kid.kids = &branch[V]{}
		}
		b = kid.kids
	}
}

// Delete removes filter and reports whether it was there.
func (t *Tree[V]) Delete(filter string) bool {
	var above []*node[V]
	n := t.find(filter, &above)
	if n == nil {
		return false
	}
	t.n--
	var none V
	n.value = none
	switch {
	case n.kids != nil:
		n.unset()
	case len(above) > 0:
		above[len(above)-1].kids.remove(n)
	default:
		t.root.remove(n)
	}
	// Nodes above may have lost their second kid, and must not hold on to the text of a filter that is gone.
	for _, up := range slices.Backward(above) {
		switch {
		case up.kids.len() == 0:
			up.kids = nil
		case !up.isSet():
			up.unset()
		}
	}

	return true
}

// Match calls fn with the value of every filter that matches name, in no particular order. It allocates nothing.
func (t *Tree[V]) Match(name string, fn func(v V)) {
	if name == "" {
		return
	}
	if name[0] != '$' { // [MQTT-4.7.2-1]
		t.root.matchWild(name, 0, fn)
	}
	if kid := t.root.literal(name, 0); kid != nil {
		kid.match(name, 0, fn)
	}
}

// Walk calls fn with every filter and its value until fn returns false, in the order of their levels.
func (t *Tree[V]) Walk(fn func(filter string, v V) bool) {
	t.root.walk(fn)
}

// find returns the node that holds filter, or nil. It appends the nodes above that one to above when this is given.
func (t *Tree[V]) find(filter string, above *[]*node[V]) *node[V] {
	b, at := &t.root, 0
	for b != nil {
		kid := b.get(filter, at)
		if kid == nil || commonLevels(kid.label(), filter[at:]) < len(kid.label()) {
			return nil
		}
		at += len(kid.label())
		if at == len(filter) {
			if kid.isSet() {
				return kid
			}

			return nil
		}
		if above != nil {
			*above = append(*above, kid)
		}
		at++
		b = kid.kids
	}

	return nil
}

// node stands for the levels key[from:to] below its parent. A node with a value has its own filter as key; one without
// has two kids or more and the key of one of them, so key[:to] is always the filter up to here and no text is copied.
type node[V any] struct {
	key      string
	from, to int
	value    V
	kids     *branch[V]
}

func (n *node[V]) label() string { return n.key[n.from:n.to] }

func (n *node[V]) isSet() bool { return n.to == len(n.key) }

// unset makes n, which has kids but no value (any more), borrow the key of a kid, or become its only one.
func (n *node[V]) unset() {
	kid := n.kids.any()
	n.key = kid.key
	if n.kids.len() == 1 {
		n.to, n.value, n.kids = kid.to, kid.value, kid.kids
	}
}

// match visits n and what is below it for the levels of name from at.
func (n *node[V]) match(name string, at int, fn func(V)) {
	matched, ok := matchPrefix(n.label(), name[at:])
	if !ok {
		return
	}
	at += matched
	if at < len(name) {
		if n.kids != nil {
			n.kids.matchWild(name, at+1, fn)
			if kid := n.kids.literal(name, at+1); kid != nil {
				kid.match(name, at+1, fn)
			}
		}

		return
	}
	if n.isSet() {
		fn(n.value)
	}
	if n.kids != nil && n.kids.hash != nil && n.kids.hash.isSet() {
		fn(n.kids.hash.value) // a/# matches a
	}
}

// fewKids is how many literal kids are looked through before a map pays.
const fewKids = 12

// branch holds the kids of a node by their first level.
type branch[V any] struct {
	plus, hash *node[V]
	few        []*node[V]
	many       map[string]*node[V] // instead of few
}

func (b *branch[V]) len() int {
	n := len(b.few) + len(b.many)
	if b.plus != nil {
		n++
	}
	if b.hash != nil {
		n++
	}

	return n
}

func (b *branch[V]) any() *node[V] {
	switch {
	case b.plus != nil:
		return b.plus
	case b.hash != nil:
		return b.hash
	case len(b.few) > 0:
		return b.few[0]
	}
	for _, kid := range b.many {
		return kid
	}

	return nil
}

// get returns the kid whose first level has the text of the level of filter at an offset, wildcard or not.
func (b *branch[V]) get(filter string, at int) *node[V] {
	switch filter[at:levelEnd(filter, at)] {
	case "+":
		return b.plus
	case "#":
		return b.hash
	default:
		return b.literal(filter, at)
	}
}

// literal returns the kid whose first level is the literal level of s at an offset.
func (b *branch[V]) literal(s string, at int) *node[V] {
	level := s[at:levelEnd(s, at)]
	if b.many != nil {
		return b.many[level]
	}
	for _, kid := range b.few {
		if label := kid.label(); strings.HasPrefix(label, level) && levelEnd(label, 0) == len(level) {
			return kid
		}
	}

	return nil
}

// put adds a kid, or replaces the one with the same first level.
func (b *branch[V]) put(kid *node[V]) {
	label := kid.label()
	level := label[:levelEnd(label, 0)]
	switch level {
	case "+":
		b.plus = kid

		return
	case "#":
		b.hash = kid

		return
	}
	if b.many == nil && len(b.few) == fewKids {
		b.many = make(map[string]*node[V], 2*fewKids)
		for _, k := range b.few {
			l := k.label()
			b.many[strings.Clone(l[:levelEnd(l, 0)])] = k
		}
		b.few = nil
	}
	if b.many != nil {
		b.many[strings.Clone(level)] = kid // a key of its own: the filter may go before the kid does

		return
	}
	b.few = append(b.few, kid)
}

func (b *branch[V]) remove(kid *node[V]) {
	label := kid.label()
	switch {
	case b.plus == kid:
		b.plus = nil
	case b.hash == kid:
		b.hash = nil
	case b.many != nil:
		delete(b.many, label[:levelEnd(label, 0)])
		if len(b.many) == 0 {
			b.many = nil
		}
	default:
		i := slices.Index(b.few, kid)
		b.few = slices.Delete(b.few, i, i+1)
	}
}

// split puts a node for the first bytes of kid's label between b and kid, and returns it.
func (b *branch[V]) split(kid *node[V], common int) *node[V] {
	upper := &node[V]{key: kid.key, from: kid.from, to: kid.from + common, kids: &branch[V]{}}
	if i := slices.Index(b.few, kid); i >= 0 {
		b.few[i] = upper
	} else {
		b.put(upper)
	}
	kid.from += common + 1
	upper.kids.put(kid)

	return upper
}

// matchWild visits the kids that begin with a wildcard.
func (b *branch[V]) matchWild(name string, at int, fn func(V)) {
	if b.hash != nil && b.hash.isSet() {
		fn(b.hash.value)
	}
	if b.plus != nil {
		b.plus.match(name, at, fn)
	}
}

func (b *branch[V]) walk(fn func(filter string, v V) bool) bool {
	kids := slices.Clone(b.few)
	for _, kid := range b.many {
		kids = append(kids, kid)
	}
	if b.plus != nil {
		kids = append(kids, b.plus)
	}
	if b.hash != nil {
		kids = append(kids, b.hash)
	}
	slices.SortFunc(kids, func(x, y *node[V]) int {
		return strings.Compare(x.label()[:levelEnd(x.label(), 0)], y.label()[:levelEnd(y.label(), 0)])
	})
	for _, kid := range kids {
		if kid.isSet() && !fn(kid.key, kid.value) {
			return false
		}
		if kid.kids != nil && !kid.kids.walk(fn) {
			return false
		}
	}

	return true
}

// commonLevels returns the length of the levels that a and b both begin with; their first levels must be the same.
func commonLevels(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if (i == len(a) || a[i] == '/') && (i == len(b) || b[i] == '/') {
		return i
	}

	return strings.LastIndexByte(a[:i], '/')
}
