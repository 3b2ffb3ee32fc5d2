//go:build unix

package atomicfile

import (
	"errors"
	"os"
)

// SyncFolder makes sure that a new name in a folder is on disk.
func SyncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}

	return errors.Join(f.Sync(), f.Close())
}
