package faults

import (
	"hash/fnv"
	"sync"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// maxRecords bounds the clients that a rule counts for by themselves. Beyond, clients share a count.
const maxRecords = 100_000

// Plan is a list of rules with what they have done so far. It is safe for concurrent use.
type Plan struct {
	spec  string
	seed  uint64
	rules []*planned
}

type planned struct {
	Rule

	mu     sync.Mutex
	struck map[string]*record // by Client Identifier
}

// record is what a rule has done to a client.
type record struct {
	looked  uint64 // at so many packets
	strikes int
}

// Spec is the text that the plan was read from.
func (p *Plan) Spec() string { return p.spec }

// Seed is what the decisions depend on. It is safe on nil.
func (p *Plan) Seed() uint64 {
	if p == nil {
		return 0
	}

	return p.seed
}

// Empty reports whether there is nothing that could go wrong. It is safe on nil.
func (p *Plan) Empty() bool { return p == nil || len(p.rules) == 0 }

// Conn applies a plan to one connection. It is for one goroutine at a time.
type Conn struct {
	seed   uint64
	client string
	rules  []connRule
	rate   int64
}

// connRule is a rule that is about the client of a connection.
type connRule struct {
	number int
	*planned

	passed int // packets that went by before After was reached
}

// Connect returns how the plan is applied to a connection of a client.
func (p *Plan) Connect(client string) *Conn {
	c := &Conn{seed: p.seed, client: client}
	for i := range p.rules {
		r := p.rules[i]
		if r.Client != "" && !glob(r.Client, client) {
			continue
		}
		if r.Action == Bandwidth && (c.rate == 0 || r.Rate < c.rate) {
			c.rate = r.Rate
		}
		c.rules = append(c.rules, connRule{number: i + 1, planned: r})
	}

	return c
}

// Rate is how many bytes a second may go through in each direction, 0 for no limit.
func (c *Conn) Rate() int64 { return c.rate }

// Strike is a rule that strikes a packet.
type Strike struct {
	Rule   int // its number in the plan, from 1
	Action Action
	After  time.Duration   // this has to pass first
	For    time.Duration   // of a Blackhole, 0 for ever
	Code   wire.ReasonCode // of a Refuse
	Then   bool            // the connection is closed afterwards
}

// Look returns what strikes a packet, in the order of the rules, apart from refusals.
func (c *Conn) Look(p Packet) []Strike {
	return c.look(p, func(a Action) bool { return a != Refuse })
}

// Refuse returns the first refusal that strikes a packet from the client.
func (c *Conn) Refuse(p Packet) (Strike, bool) {
	strikes := c.look(p, func(a Action) bool { return a == Refuse })
	if len(strikes) == 0 {
		return Strike{}, false
	}

	return strikes[0], true
}

func (c *Conn) look(p Packet, among func(Action) bool) []Strike {
	var strikes []Strike
	for i := range c.rules {
		r := &c.rules[i]
		if !among(r.Action) || !r.looksAt(p) {
			continue
		}
		if r.passed < r.After {
			r.passed++

			continue
		}
		if n, ok := r.strikes(c.seed, r.number, c.client); ok {
			strikes = append(strikes, Strike{
				Rule: r.number, Action: r.Action, After: r.by(c.seed, r.number, c.client, n), For: r.For, Code: r.Code, Then: r.Then,
			})
		}
	}

	return strikes
}

// strikes decides about the next packet of a client, and returns which one it is.
func (r *planned) strikes(seed uint64, number int, client string) (n uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.struck[client]
	if rec == nil && len(r.struck) >= maxRecords {
		client = ""
		rec = r.struck[client]
	}
	if rec == nil {
		rec = &record{}
		r.struck[client] = rec
	}
	rec.looked++
	switch {
	case r.Count > 0 && rec.strikes >= r.Count,
		r.Every > 0 && rec.looked%uint64(r.Every) != 0,
		r.Probability < 1 && draw(seed, number, client, 2*rec.looked) >= r.Probability:
		return rec.looked, false
	}
	rec.strikes++

	return rec.looked, true
}

// by is the time that a strike takes: By, and evenly up to Jitter more or less.
func (r *planned) by(seed uint64, number int, client string, n uint64) time.Duration {
	if r.Jitter == 0 {
		return r.By
	}
	d := r.By + time.Duration((2*draw(seed, number, client, 2*n+1)-1)*float64(r.Jitter))

	return max(0, d)
}

// draw returns a number from 0 up to 1 that depends on its arguments only.
func draw(seed uint64, number int, client string, n uint64) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(client)) // never fails
	x := h.Sum64() ^ mix(seed) ^ mix(uint64(number)<<32+n)

	return float64(mix(x)>>11) / (1 << 53)
}

// mix spreads the bits of x (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB

	return x ^ x>>31
}
