// Package atomicfile replaces files in one step: who reads meanwhile finds the old content or the new one, and a crash
// leaves one of them.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write makes data the content of a file. The folder must exist. A file that is there keeps its mode and owner, a new one
// gets mode; a symbolic link stays one. It fails, and changes nothing, where there is something else than a file, or where it
// would have to give the file to another owner.
func Write(name string, mode fs.FileMode, data []byte) error {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		info = nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return &os.PathError{Op: "replace", Path: name, Err: errors.New("not a regular file")}
	default:
		mode = info.Mode()
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	if err := fill(f, data, mode, info); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}

	return nil
}

// fill writes a temporary file, so that it can take the place of the one that info is about, if there is one.
func fill(f *os.File, data []byte, mode fs.FileMode, info fs.FileInfo) error {
	_, err := f.Write(data)
	if err == nil && info != nil {
		err = keepOwner(f, info)
	}
	if err == nil {
		err = f.Chmod(mode) // after the owner, whose change clears bits
	}
	if err == nil {
		err = f.Sync()
	}

	return errors.Join(err, f.Close())
}
