//go:build unix

package boltstore

import (
	"errors"
	"os"
)

// syncFolder makes sure that a new name in a folder is on disk.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}

	return errors.Join(f.Sync(), f.Close())
}
