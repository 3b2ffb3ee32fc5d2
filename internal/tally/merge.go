package tally

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Merge adds the summaries of the parts of one run. Names are what errors call them. It refuses those of different runs and
// parts that are there twice or missing. What was expected is judged anew.
func Merge(names []string, parts []*Summary) (*Summary, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("there is nothing to merge")
	}
	first := parts[0]
	from := map[int]string{} // which file has a part
	merged := *first
	merged.Shards, merged.Verdicts, merged.Cause = nil, nil, ""
	merged.Timeline = Timeline{Step: timelineStep}
	merged.Presence = map[string][]PresenceChange{}
	merged.Devices, merged.Gap = 0, 0
	merged.Scopes, merged.Faults = nil, slices.Clone(first.Faults)
	for i := range merged.Faults {
		merged.Faults[i].Begun = 0
	}
	for i := range first.Scopes {
		empty := first.Scopes[i]
		empty.Counts, empty.Times = Counts{}, map[string]*Histogram{}
		merged.Scopes = append(merged.Scopes, empty)
	}
	for i, part := range parts {
		if err := sameRun(names[0], first, names[i], part); err != nil {
			return nil, err
		}
		for _, shard := range part.Shards {
			if other, twice := from[shard]; twice {
				return nil, fmt.Errorf("part %d of %d is there twice: in %s and in %s", shard+1, part.ShardCount, other, names[i])
			}
			from[shard] = names[i]
		}
		merged.add(names[i], part)
	}
	if err := missing(from, first.ShardCount); err != nil {
		return nil, err
	}
	slices.Sort(merged.Shards)
	merged.countConnected()
	merged.Verdicts = Judge(&merged)
	return &merged, nil
}

// sameRun reports how a summary shows that it is of another run than the first one.
func sameRun(firstName string, first *Summary, name string, s *Summary) error {
	for _, d := range []struct {
		what       string
		one, other any
	}{
		{"profile", first.Profile, s.Profile},
		{"seed", first.Seed, s.Seed},
		{"run", first.Run, s.Run},
		{"number of parts", first.ShardCount, s.ShardCount},
		{"length", first.Planned, s.Planned},
		{"speed", first.Speed, s.Speed},
	} {
		if d.one != d.other {
			return fmt.Errorf("%s and %s are of different runs: the %s is %v and %v", firstName, name, d.what, d.one, d.other)
		}
	}
	if first.ProfileHash != s.ProfileHash {
		return fmt.Errorf("%s and %s are of different runs: the profile %s was changed in between", firstName, name, s.Profile)
	}
	same := func(a, b ScopeSummary) bool { return a.scope() == b.scope() }
	if !slices.EqualFunc(first.Scopes, s.Scopes, same) || !slices.Equal(first.Expect, s.Expect) || len(first.Faults) != len(s.Faults) {
		return fmt.Errorf("%s and %s are of different runs: they count different things", firstName, name)
	}
	return nil
}

// missing names the parts that nobody has.
func missing(from map[int]string, count int) error {
	var names []string
	n := 0
	for shard := range count {
		if _, there := from[shard]; !there {
			const enough = 10
			if n++; n <= enough {
				names = append(names, fmt.Sprint(shard+1))
			}
		}
	}
	switch {
	case n == 0:
		return nil
	case n == 1:
		return fmt.Errorf("part %s of %d is missing", names[0], count)
	case n > len(names):
		return fmt.Errorf("%d of %d parts are missing: %s and more", n, count, strings.Join(names, ", "))
	default:
		return fmt.Errorf("parts %s of %d are missing", strings.Join(names, ", "), count)
	}
}

// add adds a part of the same run.
func (s *Summary) add(name string, part *Summary) {
	s.Shards = append(s.Shards, part.Shards...)
	s.Devices += part.Devices
	s.Gap += part.Gap
	s.Timeline.Add(part.Timeline)
	s.Began, s.Ended = earlier(s.Began, part.Began), later(s.Ended, part.Ended)
	s.Ran, s.Took = min(s.Ran, part.Ran), max(s.Took, part.Took)
	s.Running = s.Running || part.Running
	s.Watched, s.Linted = s.Watched && part.Watched, s.Linted && part.Linted
	if part.Cause != "" && s.Cause == "" {
		s.Cause = fmt.Sprintf("%s: %s", name, part.Cause)
	}
	for path, changes := range part.Presence {
		s.Presence[path] = append(s.Presence[path], changes...)
	}
	for i := range s.Faults {
		s.Faults[i].Begun += part.Faults[i].Begun
	}
	for i := range s.Scopes {
		to, of := &s.Scopes[i], &part.Scopes[i]
		to.add(&of.Counts)
		for name, h := range of.Times {
			if to.Times[name] == nil {
				to.Times[name] = &Histogram{}
			}
			to.Times[name].Add(h)
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
