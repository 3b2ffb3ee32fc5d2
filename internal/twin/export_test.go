package twin

// Apply is Change.apply.
func Apply(c Change, s State) (State, []Edit, error) { return c.apply(s) }
