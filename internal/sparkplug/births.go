package sparkplug

// maxRemembered bounds what is remembered of births, in bytes.
const maxRemembered = 64 << 20

// told is what a birth tells about a metric.
type told struct {
	name     string
	dataType dataType
}

// table is what the birth of an Edge Node or a device tells.
type table struct {
	aliases map[uint64]told
	types   map[string]dataType
	size    int
}

func newTable() *table { return &table{aliases: map[uint64]told{}, types: map[string]dataType{}} }

// entrySize is what a metric takes besides its name.
const entrySize = 96

// add remembers a metric, unless the birth is larger than everything that may be remembered.
func (t *table) add(m metric) {
	if m.name == "" || t.size > maxRemembered/2 {
		return
	}
	t.size += entrySize + len(m.name)
	t.types[m.name] = m.dataType
	if m.hasAlias {
		t.aliases[m.alias] = told{m.name, m.dataType}
	}
}

// node is what the births of an Edge Node and its devices tell.
type node struct {
	own     *table
	devices map[string]*table
	size    int
}

// births remembers nodes in two generations: when the young one is full it becomes the old one, and what was old is
// forgotten. A node that is asked for becomes young.
type births struct {
	limit      int // of a generation, in bytes
	young, old map[string]*node
	size       int // of the young
}

func newBirths(limit int) births {
	return births{limit: limit / 2, young: map[string]*node{}, old: map[string]*node{}}
}

// find returns a node, nil when its birth was not seen or was forgotten.
func (b *births) find(name string) *node {
	if n := b.young[name]; n != nil {
		return n
	}
	n := b.old[name]
	if n != nil {
		delete(b.old, name)
		b.put(name, n)
	}
	return n
}

func (b *births) put(name string, n *node) {
	if b.size > 0 && b.size+n.size > b.limit {
		b.old, b.young, b.size = b.young, map[string]*node{}, 0
	}
	b.young[name] = n
	b.size += n.size
}

// learn takes what a birth tells. That of an Edge Node ends what is known about it and its devices (section 6.4.19).
func (b *births) learn(at place, t *table) {
	n := b.find(at.node)
	if n != nil {
		delete(b.young, at.node)
		b.size -= n.size
	}
	if n == nil || at.kind == "NBIRTH" {
		n = &node{own: newTable(), devices: map[string]*table{}, size: entrySize + len(at.node)}
	}
	if at.kind == "NBIRTH" {
		n.own = t
	} else {
		if before := n.devices[at.device]; before != nil {
			n.size -= before.size + entrySize + len(at.device)
		}
		if n.size > b.limit { // devices without end
			n.devices, n.size = map[string]*table{}, n.own.size
		}
		n.devices[at.device] = t
		n.size += entrySize + len(at.device)
	}
	n.size += t.size
	b.put(at.node, n)
}

// known is what the births tell about the metrics of a message: those of its device, then those of the Edge Node, whose
// aliases are unique across its devices.
type known struct{ tables [2]*table }

func (b *births) of(at place) *known {
	n := b.find(at.node)
	if n == nil {
		return &known{}
	}
	return &known{[2]*table{n.devices[at.device], n.own}}
}

func (k *known) alias(alias uint64) (told, bool) {
	for _, t := range k.tables {
		if t != nil {
			if found, ok := t.aliases[alias]; ok {
				return found, true
			}
		}
	}
	return told{}, false
}

func (k *known) typeOf(name string) dataType {
	for _, t := range k.tables {
		if t != nil {
			if found, ok := t.types[name]; ok {
				return found
			}
		}
	}
	return 0
}
