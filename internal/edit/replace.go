package edit

import (
	"errors"
	"os"
	"path/filepath"
)

// ReplaceFile gives a file another content in one step: whoever reads it sees the old one or the new one, also when the
// machine stops in between. Mode and owner stay, and a symbolic link stays one. It fails, and changes nothing, where it
// would have to give the file to another owner.
func ReplaceFile(name string, content []byte) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &os.PathError{Op: "replace", Path: name, Err: errors.New("not a regular file")}
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	if err := fill(f, content, info); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// fill writes a temporary file, so that it can take the place of the one that info is about.
func fill(f *os.File, content []byte, info os.FileInfo) error {
	_, err := f.Write(content)
	if err == nil {
		err = keepOwner(f, info)
	}
	if err == nil {
		err = f.Chmod(info.Mode()) // after the owner, whose change clears bits
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
