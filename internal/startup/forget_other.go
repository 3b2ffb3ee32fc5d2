//go:build !linux

package startup

// Forget does nothing: only Linux is known to keep what the start has touched.
func Forget() error { return nil }
