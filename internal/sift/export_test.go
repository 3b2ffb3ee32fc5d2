package sift

// Remembered is how many ids are in memory.
func Remembered(s *Sieve) int { return len(s.ids.now) + len(s.ids.old) }
