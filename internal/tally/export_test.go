package tally

// Scopes are the parts of the run that a Recorder counts, in words.
func (r *Recorder) Scopes() []string {
	var names []string
	for _, s := range r.scopes {
		names = append(names, s.String())
	}
	return names
}

// MostChanges bounds a Timeline.
const MostChanges = mostChanges

// Slots are the steps at which a Timeline changes.
func (t *Timeline) Slots() int { return len(t.changes) }
