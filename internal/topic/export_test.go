package topic

// Nodes calls fn with the key of every node of t and returns how many there are.
func Nodes[V any](t *Tree[V], fn func(key string, set bool)) int {
	return t.root.nodes(fn)
}

func (b *branch[V]) nodes(fn func(key string, set bool)) int {
	kids := append([]*node[V]{}, b.few...)
	for _, kid := range b.many {
		kids = append(kids, kid)
	}
	for _, kid := range []*node[V]{b.plus, b.hash} {
		if kid != nil {
			kids = append(kids, kid)
		}
	}
	n := len(kids)
	for _, kid := range kids {
		fn(kid.key, kid.isSet())
		if kid.kids != nil {
			n += kid.kids.nodes(fn)
		}
	}

	return n
}

// Blocks returns the number of blocks of s.
func Blocks[V any](s *Store[V]) int { return len(s.blocks) }
