package access_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/access"
	"github.com/mqx-cli/mqx/internal/topic"
)

// names are all Topic Names of up to four levels over a small alphabet.
func names() []string {
	var all []string
	level := []string{"a", "b", "z", "$s"} // no filter of the test has z
	var grow func(prefix string, depth int)
	grow = func(prefix string, depth int) {
		for _, l := range level {
			name := l
			if prefix != "" {
				name = prefix + "/" + l
			}
			all = append(all, name)
			if depth < 4 {
				grow(name, depth+1)
			}
		}
	}
	grow("", 1)
	return all
}

func randomFilter(r *rand.Rand) topic.Filter {
	var levels []string
	for range 1 + r.IntN(3) {
		levels = append(levels, []string{"a", "b", "+", "+", "$s"}[r.IntN(5)])
	}
	if r.IntN(3) == 0 {
		levels[len(levels)-1] = "#"
	}
	f, err := topic.ParseFilter(strings.Join(levels, "/"))
	if err != nil {
		panic(err)
	}
	return f
}

// A brute force over all short names agrees with the symbolic check: filters have three levels at most, so that a name of
// four levels is one beyond all of them.
func TestRemainsAgreesWithBruteForce(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	universe := names()
	for range 20_000 {
		a, b := randomFilter(r), randomFilter(r)
		var minus []topic.Filter
		for range r.IntN(4) {
			minus = append(minus, randomFilter(r))
		}
		want := false
		for _, name := range universe {
			if a.Match(name) && b.Match(name) && !anyMatches(minus, name) {
				want = true
				break
			}
		}
		witness, got := access.Remains(a, b, minus)
		if got != want {
			t.Fatalf("Remains(%s, %s, %v) = %q, %v, want %v", a, b, minus, witness, got, want)
		}
		if got && (!a.Match(witness) || !b.Match(witness) || anyMatches(minus, witness)) {
			t.Fatalf("Remains(%s, %s, %v): %q is no witness", a, b, minus, witness)
		}
	}
}

func anyMatches(filters []topic.Filter, name string) bool {
	for _, f := range filters {
		if f.Match(name) {
			return true
		}
	}
	return false
}

// Reach finds a topic exactly when Decide allows one.
func TestReachAgreesWithDecide(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	universe := names()
	for range 3_000 {
		var text strings.Builder
		for range 1 + r.IntN(6) {
			verb := []string{"read", "write", "readwrite", "deny"}[r.IntN(4)]
			if r.IntN(3) == 0 {
				text.WriteString("user dev\n")
			}
			word := []string{"topic", "pattern"}[r.IntN(2)]
			text.WriteString(word + " " + verb + " " + randomFilter(r).String() + "\n")
		}
		p := access.ParseMosquitto(text.String())
		id := access.Identity{User: "dev", Client: "dev"}
		target := randomFilter(r)
		for _, action := range []access.Action{access.Read, access.Write} {
			want := false
			for _, name := range universe {
				if allow, _ := p.Decide(id, action, name); allow && target.Match(name) {
					want = true
					break
				}
			}
			name, rule, got := p.Reach(id, action, target)
			if got != want {
				t.Fatalf("Reach(%v, %s) = %q, %v, want %v\n%s", action, target, name, got, want, text.String())
			}
			if allow, by := p.Decide(id, action, name); got && (!allow || by == nil || rule == nil) {
				t.Fatalf("Reach(%v, %s): Decide denies %q\n%s", action, target, name, text.String())
			}
		}
	}
}

func TestMosquittoRulesDecideInItsOrder(t *testing.T) {
	t.Parallel()
	p := access.ParseMosquitto(`
# anonymous
topic read public/#

user cr-001
topic write a/#
topic deny a/secret/#

pattern readwrite acme/+/%u/#
pattern deny acme/+/+/desired
pattern read acme/%c/in
`)
	if len(p.Faults) > 0 {
		t.Fatalf("faults: %v", p.Faults)
	}
	device := access.Identity{User: "cr-001", Client: "c-1"}
	nobody := access.Identity{Anonymous: true, Client: "c-2"}
	tests := []struct {
		id     access.Identity
		action access.Action
		name   string
		want   bool
	}{
		{nobody, access.Read, "public/x", true},
		{nobody, access.Write, "public/x", false},
		{device, access.Read, "public/x", false}, // rules before the first user are for anonymous clients only
		{device, access.Write, "a/x", true},
		{device, access.Read, "a/x", false},
		{device, access.Write, "a/secret/x", false},
		{device, access.Write, "acme/lyon/cr-001/status", true},
		{device, access.Write, "acme/lyon/cr-002/status", false},
		{device, access.Write, "acme/lyon/cr-001/desired", false},
		{nobody, access.Write, "acme/lyon//status", false}, // no user name, no pattern with %u
		{nobody, access.Read, "acme/c-2/in", true},
		{access.Identity{User: "%c", Client: "cr-001"}, access.Write, "acme/lyon/cr-001/status", false}, // a name is no pattern
		{access.Identity{User: "%c", Client: "cr-001"}, access.Write, "acme/lyon/%c/status", true},
		{access.Identity{User: "+"}, access.Write, "acme/lyon/x/status", false},
	}
	for _, tt := range tests {
		if got, _ := p.Decide(tt.id, tt.action, tt.name); got != tt.want {
			t.Errorf("Decide(%+v, %v, %s) = %v, want %v", tt.id, tt.action, tt.name, got, tt.want)
		}
	}
}

func TestMosquittoFaultsNameTheLine(t *testing.T) {
	t.Parallel()
	p := access.ParseMosquitto("user\ntopics read a\ntopic read\ntopic read \n")
	if len(p.Faults) != 2 || p.Faults[0].Line != 1 || p.Faults[1].Line != 2 {
		t.Errorf("got %v, want faults in lines 1 and 2", p.Faults)
	}
}

func TestEMQXFirstMatchWins(t *testing.T) {
	t.Parallel()
	p := access.ParseEMQX(`
%% who may what
{allow, {username, {re, "^dash"}}, subscribe, ["$SYS/#"]}.
{allow, {ipaddr, "127.0.0.1"}, all, ["$SYS/#", "#"]}.
{deny, all, subscribe, ["$SYS/#", {eq, "#"}]}.
{allow, {'and', [{clientid, "c1"}, {username, "u1"}]}, publish, ["a/${clientid}/#",
  "b/%u"]}.
{allow, all, {subscribe, [{qos, 1}]}, ["open/#"]}.
{deny, all}.
`)
	if len(p.Faults) > 0 {
		t.Fatalf("faults: %v", p.Faults)
	}
	u1 := access.Identity{User: "u1", Client: "c1"}
	tests := []struct {
		id     access.Identity
		action access.Action
		name   string
		want   bool
	}{
		{access.Identity{User: "dashboard"}, access.Read, "$SYS/x", true},
		{u1, access.Read, "$SYS/x", false},
		{u1, access.Write, "a/c1/x", true},
		{u1, access.Write, "a/c2/x", false},
		{u1, access.Write, "b/u1", true},
		{access.Identity{User: "u1", Client: "c2"}, access.Write, "a/c2/x", false},
		{u1, access.Read, "open/x", true},
		{u1, access.Write, "open/x", false},
	}
	for _, tt := range tests {
		if got, _ := p.Decide(tt.id, tt.action, tt.name); got != tt.want {
			t.Errorf("Decide(%+v, %v, %s) = %v, want %v", tt.id, tt.action, tt.name, got, tt.want)
		}
	}
}

func FuzzParseEMQX(f *testing.F) {
	f.Add(`{allow, all}. {deny, {username, "x"}, publish, ["a/#", {eq, "b"}]}.`)
	f.Add(`{{{[[['`)
	f.Fuzz(func(_ *testing.T, text string) {
		p := access.ParseEMQX(text)
		p.Decide(access.Identity{User: "u", Client: "c"}, access.Write, "a/b")
	})
}

func FuzzParseMosquitto(f *testing.F) {
	f.Add("user a\ntopic deny x/#\npattern read %u/%c\n")
	f.Fuzz(func(_ *testing.T, text string) {
		p := access.ParseMosquitto(text)
		p.Decide(access.Identity{User: "u", Client: "c"}, access.Write, "a/b")
	})
}

func TestTopicWithASpaceNeedsAnAccessWord(t *testing.T) {
	p := access.ParseMosquitto("topic readwrite with space/x\ntopic with space/x\n")
	if len(p.Rules) != 1 || p.Rules[0].Filter != "with space/x" {
		t.Errorf("rules %v", p.Rules)
	}
	if len(p.Faults) != 1 || p.Faults[0].Line != 2 {
		t.Errorf("faults %v", p.Faults)
	}
}
