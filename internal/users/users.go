// Package users reads and writes password files in the format of Mosquitto: a line `name:$7$iterations$salt$hash` a user,
// with PBKDF2-HMAC-SHA512.
//
// SCRAM-SHA-256 cannot be served from such a hash, so a user may have a second record for it. It stands in a line that
// Mosquitto takes for a comment: `#mqx-scram-sha-256 name:iterations:salt:stored-key:server-key`. One file serves both.
package users

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	scramPrefix = "#mqx-scram-sha-256 "
	// maxName is what the user name in CONNECT can have, in bytes.
	maxName = 65535
)

// LineError is a line of a password file that cannot be used.
type LineError struct {
	Line int // from 1
	Msg  string
}

// Error returns the line and the message.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// File is a password file. Lines that are not changed are kept as they are, comments too. The zero value is an empty file.
// A File may be read from several goroutines while nobody changes it.
type File struct {
	lines []line
	index map[string]*user
}

// line is a line of the file.
type line struct {
	text  string
	name  string // "" for a comment
	scram bool
}

// user is what the file has about one name.
type user struct {
	hash  hash
	scram *Scram
}

// Parse reads a password file. The error joins a [LineError] for each line that is wrong: a user who is left out silently
// is a riddle for who sets a server up.
func Parse(data []byte) (*File, error) {
	f := &File{}
	var faults []error
	number := 0
	for text := range strings.Lines(string(data)) {
		number++
		if msg := f.read(strings.TrimRight(text, "\r\n")); msg != "" {
			faults = append(faults, &LineError{number, msg})
		}
	}
	for i, l := range f.lines {
		if l.scram && !f.has(l.name) {
			faults = append(faults, &LineError{i + 1, "SCRAM record of " + quoted(l.name) + ", who has no password"})
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}

	return f, nil
}

// read takes in a line and returns what is wrong with it.
func (f *File) read(text string) string {
	record, isScram := strings.CutPrefix(text, scramPrefix)
	if !isScram && (strings.TrimSpace(text) == "" || text[0] == '#') {
		f.lines = append(f.lines, line{text: text})

		return ""
	}
	name, secret, ok := strings.Cut(record, ":")
	if !ok {
		return "name:hash is expected"
	}
	f.lines = append(f.lines, line{text, name, isScram})
	if err := CheckName(name); err != nil {
		return err.Error()
	}
	u := f.user(name)
	var err error
	switch {
	case isScram && u.scram != nil, !isScram && u.hash.key != nil:
		err = errors.New("a second line of " + quoted(name))
	case isScram:
		u.scram, err = parseScram(secret)
	default:
		u.hash, err = parseHash(secret)
	}
	if err != nil {
		return err.Error()
	}

	return ""
}

func (f *File) user(name string) *user {
	u := f.index[name]
	if u == nil {
		if f.index == nil {
			f.index = make(map[string]*user)
		}
		u = &user{}
		f.index[name] = u
	}

	return u
}

func (f *File) has(name string) bool {
	u := f.index[name]

	return u != nil && u.hash.key != nil
}

// CheckName returns an error when a password file cannot have that user.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("the user name is empty")
	case len(name) > maxName:
		return fmt.Errorf("the user name has %d bytes, %d are possible", len(name), maxName)
	case !utf8.ValidString(name) || strings.ContainsAny(name, ":\r\n\x00"):
		return errors.New("a user name cannot have a colon, a line break or invalid UTF-8: " + quoted(name))
	case name[0] == '#':
		return errors.New("a user name cannot begin with #, which makes a comment: " + quoted(name))
	}

	return nil
}

// quoted is a name for an error; what stands in a file may be long.
func quoted(name string) string {
	const most = 40
	if len(name) > most {
		name = name[:most] + "..."
	}

	return fmt.Sprintf("%q", name)
}

// Names returns the users in the order of the file.
func (f *File) Names() []string {
	var names []string
	for _, l := range f.lines {
		if l.name != "" && !l.scram {
			names = append(names, l.name)
		}
	}

	return names
}

// Verify reports whether the file has that user with that password. It takes as long for a user who is not there.
func (f *File) Verify(name string, password []byte) bool {
	if !f.has(name) {
		absent().matches(password)

		return false
	}

	return f.index[name].hash.matches(password)
}

// Same reports whether other has the same password record for a user as f.
func (f *File) Same(other *File, name string) bool {
	return f.has(name) && other.has(name) && f.index[name].hash.equal(other.index[name].hash)
}

// Scram returns the SCRAM-SHA-256 record of a user.
func (f *File) Scram(name string) (Scram, bool) {
	if u := f.index[name]; u != nil && u.scram != nil {
		return *u.scram, true
	}

	return Scram{}, false
}

// Set gives a user a password, and a record for SCRAM-SHA-256 if withScram. A user who is new goes to the end.
func (f *File) Set(name, password string, withScram bool) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if password == "" {
		return errors.New("the password is empty")
	}
	u := f.user(name)
	u.hash = newHash(password)
	f.put(line{name + ":" + u.hash.String(), name, false})
	u.scram = nil
	if !withScram {
		f.remove(name, true)

		return nil
	}
	record, err := newScram(password)
	if err != nil {
		return err
	}
	u.scram = &record
	f.put(line{scramPrefix + name + ":" + record.String(), name, true})

	return nil
}

// put replaces the line of the same user and kind, or adds it.
func (f *File) put(l line) {
	for i, old := range f.lines {
		if old.name == l.name && old.scram == l.scram {
			f.lines[i] = l

			return
		}
	}
	f.lines = append(f.lines, l)
}

func (f *File) remove(name string, scram bool) {
	f.lines = slices.DeleteFunc(f.lines, func(l line) bool { return l.name == name && l.scram == scram })
}

// Delete removes a user and reports whether there was one.
func (f *File) Delete(name string) bool {
	if !f.has(name) {
		return false
	}
	delete(f.index, name)
	f.remove(name, false)
	f.remove(name, true)

	return true
}

// Bytes returns the file as it is to be written.
func (f *File) Bytes() []byte {
	var b bytes.Buffer
	for _, l := range f.lines {
		b.WriteString(l.text)
		b.WriteByte('\n')
	}

	return b.Bytes()
}
