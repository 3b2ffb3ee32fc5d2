package contract

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Find looks for mqx.yaml in dir and the folders above it, nearest first. Without one, found is false.
func Find(dir string) (file string, found bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", false, err
	}
	for {
		file = filepath.Join(dir, FileName)
		_, err := os.Stat(file)
		switch {
		case err == nil:
			return file, true, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", false, err
		case filepath.Dir(dir) == dir:
			return "", false, nil
		}
		dir = filepath.Dir(dir)
	}
}

// Load reads a contract: see [Parse].
func Load(file string) (*Contract, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, text)
}
