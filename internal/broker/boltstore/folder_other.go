//go:build !unix

package boltstore

// syncFolder does nothing: here a folder cannot be synced.
func syncFolder(string) error { return nil }
