package faults_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker/faults"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestParseSaysWhereARuleIsWrong(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"explode":                          `fault rule 1: "explode": no such fault; there are delay, drop, duplicate, disconnect, refuse, truncate, blackhole and bandwidth`,
		"drop; delay":                      `fault rule 2: delay wants by=DURATION`,
		"drop pubak":                       `fault rule 1: "pubak": no such packet`,
		"drop puback every":                `fault rule 1: "every": KEY=VALUE is expected`,
		"drop every=":                      `fault rule 1: "every=": KEY=VALUE is expected`,
		"drop every=0":                     `fault rule 1: "every=0": not a whole number above 0`,
		"drop every=2 every=3":             `fault rule 1: "every=3": it is given twice`,
		"drop p=1.5":                       `fault rule 1: "p=1.5": not a probability from 0 to 1 or from 0% to 100%`,
		"drop p=NaN":                       `fault rule 1: "p=NaN": not a probability from 0 to 1 or from 0% to 100%`,
		"drop topic=a/#/b":                 `fault rule 1: "topic=a/#/b": `,
		"drop topic=$share/g/a":            `fault rule 1: "topic=$share/g/a": a shared filter matches no topic`,
		"drop then=reconnect":              `fault rule 1: "then=reconnect": then can only be disconnect`,
		"truncate then=disconnect":         `fault rule 1: "then=disconnect": truncate takes client, topic, p, every, after and count`,
		"delay by=fast":                    `fault rule 1: "by=fast": not a duration up to 1h0m0s, such as 200ms`,
		"delay by=-1s":                     `fault rule 1: "by=-1s": not a duration`,
		"refuse":                           `fault rule 1: refuse wants one of connect, subscribe and publish`,
		"refuse puback":                    `fault rule 1: only connect, subscribe and publish can be refused`,
		"refuse connect code=0x8D":         `fault rule 1: CONNACK has no Reason Code 0x8D`,
		"refuse publish code=1":            `fault rule 1: "code=1": not a Reason Code from 0x80 to 0xFF`,
		"refuse connect topic=a":           `fault rule 1: connect has no topic`,
		"bandwidth":                        `fault rule 1: bandwidth wants rate=BYTES`,
		"bandwidth rate=fast":              `fault rule 1: "rate=fast": not a rate such as 500, 10KB or 1MB, in bytes a second`,
		"bandwidth publish rate=5":         `fault rule 1: bandwidth is for all packets`,
		"duplicate puback":                 `fault rule 1: only publish can be duplicated`,
		strings.Repeat("drop;", 1001):      `fault rule 1001: there are more than 1000 rules`,
		strings.Repeat(" ", 64<<10) + "x":  `fault rule 1: the rules have 65537 bytes, the most is 65536`,
		"# nothing\ndrop puback every=ten": `fault rule 1: "every=ten": not a whole number above 0`,
	} {
		_, err := faults.Parse(spec, 0)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %s", spec, err, want)
		}
	}
}

func TestNoRulesAreAPlanWithoutFaults(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"", " ; ;\n", "# drop"} {
		p, err := faults.Parse(spec, 0)
		if err != nil || !p.Empty() || p.Spec() != spec {
			t.Errorf("%q: %+v, %v", spec, p, err)
		}
	}
	var none *faults.Plan
	if !none.Empty() || none.Seed() != 0 {
		t.Error("nil is not empty")
	}
}

func plan(tb testing.TB, spec string, seed uint64) *faults.Plan {
	tb.Helper()
	p, err := faults.Parse(spec, seed)
	if err != nil {
		tb.Fatal(err)
	}

	return p
}

func out(t wire.Type, topic string) faults.Packet {
	return faults.Packet{Out: true, Type: t, Topic: topic, QoS: 1}
}

// struck returns at which of n packets something strikes.
func struck(c *faults.Conn, p faults.Packet, n int) string {
	var b strings.Builder
	for range n {
		if len(c.Look(p)) > 0 {
			b.WriteByte('x')
		} else {
			b.WriteByte('.')
		}
	}

	return b.String()
}

func TestRulesStrikeWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	publish, puback := out(wire.PUBLISH, "a/b"), out(wire.PUBACK, "a/b")
	in := faults.Packet{Type: wire.PUBLISH, Topic: "a/b"}
	for _, tt := range []struct {
		spec   string
		packet faults.Packet
		want   string
	}{
		{"drop", publish, "xxxx"},
		{"drop", in, "...."},
		{"drop puback", publish, "...."},
		{"drop PUBACK,publish", puback, "xxxx"},
		{"drop topic=a/+", puback, "xxxx"},
		{"drop topic=b", puback, "...."},
		{"drop topic=#", out(wire.PINGRESP, ""), "...."},
		{"drop client=dev-*", publish, "xxxx"},
		{"drop client=d?v-1", publish, "xxxx"},
		{"drop client=dev", publish, "...."},
		{"drop client=*x*", publish, "...."},
		{"drop every=3", publish, "..x..x..x"},
		{"drop after=2", publish, "..xx"},
		{"drop after=2 every=2", publish, "...x.x"},
		{"drop count=2", publish, "xx.."},
		{"drop every=2 count=1", publish, ".x...."},
		{"drop p=0", publish, "...."},
		{"drop p=100%", publish, "xxxx"},
		{"disconnect after=1", in, ".x"},
		{"blackhole", in, "x"},
		{"duplicate", publish, "x"},
		{"duplicate", puback, "."},
		{"duplicate", faults.Packet{Out: true, Type: wire.PUBLISH}, "."},
		{"bandwidth rate=10", publish, "."},
		{"refuse publish", in, "."},
	} {
		if got := struck(plan(t, tt.spec, 0).Connect("dev-1"), tt.packet, len(tt.want)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.spec, got, tt.want)
		}
	}
}

func TestRefusalsAreAskedForByThemselves(t *testing.T) {
	t.Parallel()
	c := plan(t, "drop; refuse publish code=0x97 topic=a; refuse subscribe", 0).Connect("c")
	if s, ok := c.Refuse(faults.Packet{Type: wire.PUBLISH, Topic: "a"}); !ok || s.Code != wire.QuotaExceeded || s.Rule != 2 {
		t.Errorf("got %+v, %t", s, ok)
	}
	if s, ok := c.Refuse(faults.Packet{Type: wire.SUBSCRIBE, Topic: "a/#"}); !ok || s.Code != wire.NotAuthorized || s.Rule != 3 {
		t.Errorf("got %+v, %t", s, ok)
	}
	if s, ok := c.Refuse(faults.Packet{Type: wire.PUBLISH, Topic: "b"}); ok {
		t.Errorf("got %+v", s)
	}
}

func TestTheSameTrafficMeetsTheSameFaults(t *testing.T) {
	t.Parallel()
	const spec, n = "drop p=0.3", 2000
	run := func(seed uint64, client string) string {
		p := plan(t, spec, seed)
		// Over several connections, and with another client in between.
		var b strings.Builder
		for range n / 100 {
			b.WriteString(struck(p.Connect(client), out(wire.PUBLISH, ""), 100))
			struck(p.Connect("other"), out(wire.PUBLISH, ""), 7)
		}

		return b.String()
	}
	a := run(1, "c")
	if run(1, "c") != a {
		t.Error("the same seed gave other faults")
	}
	if run(2, "c") == a || run(1, "d") == a {
		t.Error("another seed or client gave the same faults")
	}
	if hits := strings.Count(a, "x"); hits < n*25/100 || hits > n*35/100 {
		t.Errorf("%d of %d struck at p=0.3", hits, n)
	}
}

func TestJitterGoesBothWays(t *testing.T) {
	t.Parallel()
	c := plan(t, "delay by=100ms jitter=50ms", 1).Connect("c")
	least, most := time.Hour, time.Duration(0)
	for range 1000 {
		d := c.Look(out(wire.PUBLISH, ""))[0].After
		least, most = min(least, d), max(most, d)
	}
	if least < 50*time.Millisecond || least > 60*time.Millisecond || most > 150*time.Millisecond || most < 140*time.Millisecond {
		t.Errorf("from %v to %v", least, most)
	}
}

func TestTheLowestRateHolds(t *testing.T) {
	t.Parallel()
	p := plan(t, "bandwidth rate=10KB client=slow; bandwidth rate=1MB/s; bandwidth rate=2m", 0)
	if got := fmt.Sprint(p.Connect("slow").Rate(), p.Connect("c").Rate()); got != "10000 1000000" {
		t.Errorf("got %s", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, spec := range []string{
		"delay by=200ms jitter=50ms", "drop puback every=10 then=disconnect client=dev-*", "duplicate p=10%",
		"disconnect after=100", "refuse connect code=0x88", "truncate publish every=50", "blackhole after=10 for=5s",
		"bandwidth rate=10KB/s", "# comment\ndrop topic=plant/#;;",
	} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		p, err := faults.Parse(spec, 1)
		if err != nil {
			if p != nil || len(err.Error()) > 1000 {
				t.Fatalf("plan %v, error %v", p, err)
			}

			return
		}
		c := p.Connect("client")
		for _, packet := range []faults.Packet{out(wire.PUBLISH, "a/b"), {Type: wire.CONNECT}, out(wire.PINGRESP, "")} {
			for _, s := range c.Look(packet) {
				if s.After < 0 || s.After > 2*time.Hour || s.Rule < 1 {
					t.Fatalf("got %+v", s)
				}
			}
			c.Refuse(packet)
		}
	})
}
