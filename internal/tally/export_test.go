package tally

import "time"

// Scopes are the parts of the run that a Recorder counts, in words.
func (r *Recorder) Scopes() []string {
	var names []string
	for _, s := range r.scopes {
		names = append(names, s.String())
	}
	return names
}

// Brief is a duration in words.
func Brief(d time.Duration) string { return brief(d) }

// MostChanges bounds a Timeline.
const MostChanges = mostChanges

// Slots are the steps at which a Timeline changes.
func (t *Timeline) Slots() int { return len(t.changes) }
