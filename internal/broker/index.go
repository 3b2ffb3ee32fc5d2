package broker

import (
	"strings"
	"sync"

	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// index knows all subscriptions of all Sessions by Topic Filter.
type index struct {
	mu     sync.RWMutex
	tree   topic.Tree[*filterNode]
	n      int
	shared int // of n
}

// filterNode holds the subscriptions to one Topic Filter.
type filterNode struct {
	direct []*subscription
	shares map[string]*share // by ShareName
}

// subscription is one Session's subscription to one Topic Filter. It is replaced, never changed, apart from its slot,
// which is the index's.
type subscription struct {
	session           *session
	filter            topic.Filter
	share             *share   // nil for an ordinary subscription
	ids               []uint32 // the Subscription Identifier, if any
	since             uint64   // Retained Messages up to this one come from the store: see retained
	slot              int      // in the list that it is in
	qos               byte
	noLocal           bool
	retainAsPublished bool
}

func newSubscription(s *session, f topic.Filter, o wire.Subscription) *subscription {
	return &subscription{session: s, filter: f, qos: o.QoS, noLocal: o.NoLocal, retainAsPublished: o.RetainAsPublished}
}

// wants reports whether a live message is for the subscription.
func (sub *subscription) wants(m *message) bool {
	return !sub.isOwn(m) && (m.seq == 0 || m.seq > sub.since)
}

// isOwn reports whether No Local keeps m from the subscription.
func (sub *subscription) isOwn(m *message) bool {
	return sub.noLocal && m.from == sub.session.id
}

func (sub *subscription) delivery(m *message) delivery {
	return delivery{
		msg: m, ids: sub.ids, share: sub.share, qos: min(m.qos, sub.qos), retain: m.retain && sub.retainAsPublished,
	}
}

// len returns how many subscriptions there are, and how many of them are shared.
func (ix *index) len() (all, shared int) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()

	return ix.n, ix.shared
}

// full reports whether the Session has as many subscriptions, or bytes of filters, as it may have, and none to filter.
func (ix *index) full(s *session, filter string, cfg *Config) bool {
	ix.mu.RLock()
	defer ix.mu.RUnlock()

	return s.subs[filter] == nil && (len(s.subs) >= cfg.MaxSubscriptions || s.filters+int64(len(filter)) > cfg.MaxFilterBytes)
}

// add makes sub active. It replaces the Session's subscription to the same filter, if there is one, and tells begin
// whether there was. begin is called while nothing is looked up.
func (ix *index) add(sub *subscription, begin func(existed bool)) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	s, node := sub.session, ix.node(sub.filter)
	old := s.subs[sub.filter.String()]
	begin(old != nil)
	if old != nil {
		sub.slot, sub.share = old.slot, old.share
		(*sub.list(node))[sub.slot] = sub
		s.subs[sub.filter.String()] = sub

		return
	}
	if node == nil {
		node = &filterNode{}
		ix.tree.Set(strings.Clone(sub.filter.Bare()), node)
	}
	if sub.filter.IsShared() {
		sub.share = node.share(sub.filter)
		ix.shared++
	}
	list := sub.list(node)
	sub.slot = len(*list)
	*list = append(*list, sub)
	if s.subs == nil {
		s.subs = make(map[string]*subscription, 1)
	}
	s.subs[sub.filter.String()] = sub
	s.filters += int64(len(sub.filter.String()))
	ix.n++
}

func (ix *index) node(f topic.Filter) *filterNode {
	node, _ := ix.tree.Get(f.Bare())

	return node
}

// living returns what has the name and the filter of a Shared Subscription now, nil for nothing.
func (ix *index) living(sh *share) *share {
	node, _ := ix.tree.Get(sh.bare)
	if node == nil {
		return nil
	}

	return node.shares[sh.name]
}

// list is where the subscription stands in the node of its filter.
func (sub *subscription) list(node *filterNode) *[]*subscription {
	if sub.share != nil {
		return &sub.share.members
	}

	return &node.direct
}

// remove ends the Session's subscription to a filter and reports whether there was one.
func (ix *index) remove(s *session, filter string) bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()

	return ix.removeLocked(s, filter)
}

// removeAll ends all subscriptions of a Session.
func (ix *index) removeAll(s *session) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for filter := range s.subs {
		ix.removeLocked(s, filter)
	}
}

func (ix *index) removeLocked(s *session, filter string) bool {
	sub := s.subs[filter]
	if sub == nil {
		return false
	}
	delete(s.subs, filter)
	s.filters -= int64(len(filter))
	ix.n--
	node := ix.node(sub.filter)
	list := sub.list(node)
	last := len(*list) - 1
	moved := (*list)[last]
	(*list)[sub.slot], moved.slot = moved, sub.slot
	(*list)[last] = nil
	*list = (*list)[:last]
	if sub.share != nil {
		ix.shared--
	}
	if sub.share != nil && last == 0 {
		delete(node.shares, sub.share.name)
	}
	if len(node.direct) == 0 && len(node.shares) == 0 {
		ix.tree.Delete(sub.filter.Bare())
	}

	return true
}
