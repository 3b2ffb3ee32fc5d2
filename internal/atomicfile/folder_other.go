//go:build !unix

package atomicfile

// SyncFolder does nothing: here a folder cannot be synced.
func SyncFolder(string) error { return nil }
