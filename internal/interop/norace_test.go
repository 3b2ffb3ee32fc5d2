//go:build unix && !race

package interop_test

// buildFlags make the mqx under test like the test itself: without the race detector.
func buildFlags() []string { return nil }
