package headroom

// Percent is by how much a heap may grow.
func Percent(live uint64) int { return percent(live) }
