package tally_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/tally"
	"github.com/mqx-cli/mqx/internal/verdict"
	"github.com/mqx-cli/mqx/internal/wire"
)

// part is a part of a run in which each device connected and sent a message.
func part(p *profile.Profile, shard simulate.Shard) *tally.Summary {
	r := fixedRun(p, 5*time.Minute, shard)
	for i := range 4 {
		if !shard.Has(i) {
			continue
		}
		r.Connected(fmt.Sprintf("lyon/cr-%d", i+1), time.Duration(i+1)*time.Millisecond, false)
		m := made(i, "acme/x", "y", 1, time.Minute)
		_ = r.Sent(m)
		r.Acknowledged(m, time.Duration(100*(i+1))*time.Millisecond, wire.Success)
	}
	r.Leaving("")
	return r.Summary()
}

func TestPartsAddUpToTheWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, addUpParts) // all parts begin and end at the same time
}

func addUpParts(t *testing.T) {
	p := aProfile(t, "connected >= 4", "sent == 4", "publish_ack p50 < 250ms", "publish_ack p99 < 350ms")
	parts := []*tally.Summary{part(p, simulate.Shard{Index: 2, Count: 3}), part(p, simulate.Shard{Index: 0, Count: 3}), part(p, simulate.Shard{Index: 1, Count: 3})}
	for i, s := range parts { // through their files
		text, err := s.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if parts[i], err = tally.Parse(text); err != nil {
			t.Fatal(err)
		}
	}
	merged, err := tally.Merge([]string{"c", "a", "b"}, parts)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range merged.Verdicts {
		got = append(got, fmt.Sprintf("%s %s %q", v.Expect, v.Verdict, v.Reasons))
	}
	if d := cmp.Diff([]string{
		"connected >= 4 held []", "sent == 4 held []", "publish_ack p50 < 250ms held []",
		`publish_ack p99 < 350ms failed ["the p99 is 400ms of 4 times" " the median is 200.06ms, the longest 400ms"]`,
	}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int{0, 1, 2}, merged.Shards); d != "" || merged.Devices != 4 || merged.Connected != 4 {
		t.Errorf("got %v, %d devices, %d connected", merged.Shards, merged.Devices, merged.Connected)
	}
	again, err := tally.Merge([]string{"merged"}, []*tally.Summary{merged})
	if err != nil || again.All().QoS != merged.All().QoS {
		t.Errorf("what was merged is another thing when it is merged: %v", err)
	}
	if parts[0].Devices != 1 || parts[0].All().Connects != 1 {
		t.Error("merging has changed a part")
	}
}

func TestPartsThatDoNotBelongTogetherAreRefused(t *testing.T) {
	t.Parallel()
	p := aProfile(t)
	one, two := part(p, simulate.Shard{Index: 0, Count: 2}), part(p, simulate.Shard{Index: 1, Count: 2})
	changed := func(change func(*tally.Summary)) *tally.Summary {
		s := *two
		change(&s)
		return &s
	}
	for _, test := range []struct {
		parts []*tally.Summary
		want  string
	}{
		{nil, "there is nothing to merge"},
		{[]*tally.Summary{one}, "part 2 of 2 is missing"},
		{[]*tally.Summary{one, two, one}, "part 1 of 2 is there twice: in a and in c"},
		{[]*tally.Summary{one, changed(func(s *tally.Summary) { s.Seed = 7 })}, "a and b are of different runs: the seed is 42 and 7"},
		{[]*tally.Summary{one, changed(func(s *tally.Summary) { s.Run = "x" })}, "a and b are of different runs: the run is rooms-1 and x"},
		{[]*tally.Summary{one, changed(func(s *tally.Summary) { s.Profile = "x" })}, "a and b are of different runs: the profile is rooms and x"},
		{
			[]*tally.Summary{one, changed(func(s *tally.Summary) { s.ProfileHash = "x" })},
			"a and b are of different runs: the profile rooms was changed in between",
		},
		{
			[]*tally.Summary{one, changed(func(s *tally.Summary) { s.Expect = []string{"sent > 0"} })},
			"a and b are of different runs: they count different things",
		},
		{[]*tally.Summary{one, part(p, simulate.Shard{Index: 1, Count: 3})}, "a and b are of different runs: the number of parts is 2 and 3"},
		{[]*tally.Summary{part(p, simulate.Shard{Index: 1, Count: 4})}, "parts 1, 3, 4 of 4 are missing"},
		{[]*tally.Summary{part(p, simulate.Shard{Index: 1, Count: 40})}, "39 of 40 parts are missing: 1, 3, 4, 5, 6, 7, 8, 9, 10, 11 and more"},
	} {
		_, err := tally.Merge([]string{"a", "b", "c"}, test.parts)
		if err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestAPartThatEndedEarlyIsMentioned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, mentionAnEarlyEnd)
}

func mentionAnEarlyEnd(t *testing.T) {
	p := aProfile(t, "connected >= 9 within 8m")
	one := part(p, simulate.Shard{Index: 0, Count: 2})
	r := fixedRun(p, time.Minute, simulate.Shard{Index: 1, Count: 2})
	r.Leaving("interrupted")
	merged, err := tally.Merge([]string{"a", "b"}, []*tally.Summary{one, r.Summary()})
	if err != nil {
		t.Fatal(err)
	}
	v := merged.Verdicts[0]
	if v.Verdict != verdict.Failed || v.Reasons[len(v.Reasons)-1] != " the run ended after 1m (b: interrupted)" {
		t.Errorf("got %+v", v)
	}
}

func FuzzParseSummary(f *testing.F) {
	p, err := profile.Parse("x", []byte("version: mqx/sim/v1\nname: x\nfleet: [{ use: d, site: s }]\ndevices: { d: { telemetry: { t: { every: 1s, value: 1 } } } }\n"+
		"expect: [ 'connected >= 1 within 1m', 'converge(x) p95 < 1s', 'presence(d-001) == online', 'lost == 0' ]\n"))
	if err != nil {
		f.Fatal(err)
	}
	r := fixedRun(p, time.Minute, simulate.Shard{})
	r.Connected("s/d-001", time.Second, false)
	r.Leaving("")
	text, err := r.Summary().JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":"mqx/summary/v1"}`))
	f.Add([]byte(`{"version":"mqx/summary/v2"}`))
	f.Add([]byte(`{"version":"mqx/summary/v1","shards":[0],"shard_count":1,"connected_over_time":{"step_ms":100,"changes":[[1,2]]},"scopes":[{"times":{"x":null}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := tally.Parse(text)
		if err != nil {
			return
		}
		_ = tally.Judge(s)
		if merged, err := tally.Merge([]string{"a"}, []*tally.Summary{s}); err == nil {
			if _, err := merged.JSON(); err != nil {
				t.Errorf("what was read cannot be written: %s", err)
			}
		}
	})
}
