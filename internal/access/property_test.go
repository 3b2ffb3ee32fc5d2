package access_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/access"
	"github.com/mqx-cli/mqx/internal/topic"
)

// named is a filter of up to three levels in which names may stand for levels, whole or in part.
func named(r *rand.Rand, marks ...string) string {
	var levels []string
	for range 1 + r.IntN(3) {
		levels = append(levels, append([]string{"a", "b", "+", "$s"}, marks...)[r.IntN(4+len(marks))])
	}
	if r.IntN(4) == 0 {
		levels[len(levels)-1] = "#"
	}
	return strings.Join(levels, "/")
}

// allowedNaively is Mosquitto's decision, written down a second time: deny before allow, the own section before patterns.
func allowedNaively(lines []string, id access.Identity, write bool, name string) bool {
	section := ""
	answer := [2][2]bool{} // own or pattern; denied, allowed
	for _, line := range lines {
		words := strings.Fields(line)
		if words[0] == "user" {
			section = words[1]
			continue
		}
		filter, pattern := words[2], words[0] == "pattern"
		if pattern {
			if strings.Contains(filter, "%u") && id.Anonymous {
				continue
			}
			filter = strings.NewReplacer("%u", id.User, "%c", id.Client).Replace(filter)
		} else if section != id.User || id.Anonymous != (section == "") {
			continue
		}
		f, err := topic.ParseFilter(filter)
		if err != nil || !f.Match(name) {
			continue
		}
		kind := 0
		if pattern {
			kind = 1
		}
		switch {
		case words[1] == "deny":
			answer[kind][0] = true
		case words[1] == "readwrite", words[1] == "write" && write, words[1] == "read" && !write:
			answer[kind][1] = true
		}
	}
	for _, a := range answer {
		if a[0] || a[1] {
			return !a[0]
		}
	}
	return false
}

// Lists with names in patterns, denials and several sections decide as the naive reading does, for every short topic, and
// Reach finds a topic exactly when there is one.
func TestMosquittoListsAgreeWithANaiveReading(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	universe := names()
	for range 250 {
		var lines []string
		for range 1 + r.IntN(7) {
			if r.IntN(4) == 0 {
				lines = append(lines, "user "+[]string{"a", "dev"}[r.IntN(2)])
			}
			verb := []string{"read", "write", "readwrite", "deny"}[r.IntN(4)]
			if r.IntN(2) == 0 {
				lines = append(lines, "topic "+verb+" "+named(r))
			} else {
				lines = append(lines, "pattern "+verb+" "+named(r, "%u", "%c", "x%c"))
			}
		}
		p := access.ParseMosquitto(strings.Join(lines, "\n"))
		for _, id := range []access.Identity{
			{User: "a", Client: "b"}, {User: "dev", Client: "a"}, {Anonymous: true, Client: "z"},
		} {
			target, err := topic.ParseFilter(named(r))
			if err != nil {
				t.Fatal(err)
			}
			for _, write := range []bool{false, true} {
				action := access.Read
				if write {
					action = access.Write
				}
				rights := p.For(id, action)
				reached, _, ok := rights.Reach(target)
				for _, name := range universe {
					want := allowedNaively(lines, id, write, name)
					if got, _ := rights.Decide(name); got != want {
						t.Fatalf("%+v write %v %s: %v, want %v\n%s", id, write, name, got, want, strings.Join(lines, "\n"))
					}
					if want && !ok && target.Match(name) {
						t.Fatalf("Reach(%+v, write %v, %s) finds nothing, %s is allowed\n%s", id, write, target, name, strings.Join(lines, "\n"))
					}
				}
				if ok && (!target.Match(reached) || !allowedNaively(lines, id, write, reached)) {
					t.Fatalf("Reach(%+v, write %v, %s) = %q, which is not allowed\n%s", id, write, target, reached, strings.Join(lines, "\n"))
				}
			}
		}
	}
}

// The same for EMQX: the first rule that matches decides, and what no rule matches is allowed.
func TestEMQXListsAgreeWithANaiveReading(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	universe := names()
	for range 250 {
		type rule struct {
			allow          bool
			who, action, f string
		}
		var rules []rule
		var text strings.Builder
		for range 1 + r.IntN(6) {
			x := rule{
				r.IntN(2) == 0, []string{"all", `{username, "a"}`, `{clientid, "b"}`, `{username, {re, "^de"}}`}[r.IntN(4)],
				[]string{"publish", "subscribe", "all"}[r.IntN(3)], named(r, "${username}", "${clientid}"),
			}
			if r.IntN(6) == 0 {
				x.f = ""
			}
			verb := map[bool]string{true: "allow", false: "deny"}[x.allow]
			if x.f == "" {
				fmt.Fprintf(&text, "{%s, %s, %s}.\n", verb, x.who, x.action)
			} else {
				fmt.Fprintf(&text, "{%s, %s, %s, [\"%s\"]}.\n", verb, x.who, x.action, x.f)
			}
			rules = append(rules, x)
		}
		p := access.ParseEMQX(text.String())
		for _, id := range []access.Identity{{User: "a", Client: "b"}, {User: "dev", Client: "a"}} {
			naive := func(write bool, name string) bool {
				for _, x := range rules {
					applies := x.who == "all" || strings.Contains(x.who, `"a"`) && id.User == "a" ||
						strings.Contains(x.who, `"b"`) && id.Client == "b" || strings.Contains(x.who, "re") && id.User == "dev"
					if !applies || x.action == "publish" && !write || x.action == "subscribe" && write {
						continue
					}
					f, err := topic.ParseFilter(strings.NewReplacer("${username}", id.User, "${clientid}", id.Client).Replace(x.f))
					if x.f == "" || err == nil && f.Match(name) {
						return x.allow
					}
				}
				return true
			}
			target, err := topic.ParseFilter(named(r))
			if err != nil {
				t.Fatal(err)
			}
			for _, write := range []bool{false, true} {
				action := access.Read
				if write {
					action = access.Write
				}
				reached, _, ok := p.Reach(id, action, target)
				for _, name := range universe {
					want := naive(write, name)
					if got, _ := p.Decide(id, action, name); got != want {
						t.Fatalf("%+v write %v %s: %v, want %v\n%s", id, write, name, got, want, text.String())
					}
					if want && !ok && target.Match(name) {
						t.Fatalf("Reach(%+v, write %v, %s) finds nothing, %s is allowed\n%s", id, write, target, name, text.String())
					}
				}
				if ok && (!target.Match(reached) || !naive(write, reached)) {
					t.Fatalf("Reach(%+v, write %v, %s) = %q, which is not allowed\n%s", id, write, target, reached, text.String())
				}
			}
		}
	}
}
