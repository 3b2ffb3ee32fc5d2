// Package userfile reads small files that a user names, whatever they turn out to be: a pipe that nobody writes to holds up
// nothing that is to end, and a device that never ends fills no memory.
package userfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// errNotRegular is for what yields its content once, as a pipe does.
var errNotRegular = errors.New("it is no regular file, and is needed more than once")

// Read returns the content of a file of at most so many bytes. Pipes are as good as files, so that <(COMMAND) works in a
// shell. When ctx ends first, its cause is the error, and what was begun to be read is left to the end of the process. Errors
// are of the type [*fs.PathError].
func Read(ctx context.Context, name string, most int64) ([]byte, error) {
	type result struct {
		content []byte
		err     error
	}
	done := make(chan result, 1)
	go func() {
		content, err := read(name, most)
		done <- result{content, err}
	}()
	select {
	case r := <-done:
		return r.content, r.err
	case <-ctx.Done():
		return nil, &fs.PathError{Op: "read", Path: name, Err: context.Cause(ctx)}
	}
}

// Again is [Read] for a file that was read before.
func Again(ctx context.Context, name string, most int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errNotRegular}
	}

	return Read(ctx, name, most)
}

func read(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(content)) > most {
		err = &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("larger than %d bytes", most)}
	}
	if err != nil {
		return nil, err
	}

	return content, nil
}
