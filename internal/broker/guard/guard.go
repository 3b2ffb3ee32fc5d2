// Package guard lets clients into a broker by a password file and an access list, both in Mosquitto's formats.
//
// Files are read again on demand; what they say holds at once, for clients who are connected too.
package guard

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mqx-cli/mqx/internal/access"
	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/userfile"
	"github.com/mqx-cli/mqx/internal/users"
	"github.com/mqx-cli/mqx/internal/wire"
)

// maxFile bounds the files in bytes.
const maxFile = 64 << 20

// Options are where a Guard looks.
type Options struct {
	// Users is a password file, Mosquitto's password_file. Without one every name and password is let in.
	Users string
	// List is an access list, Mosquitto's acl_file. Without one everybody may do everything.
	List string
	// Anonymous lets clients in who give no user name, although there is a password file.
	Anonymous bool
}

// Guard is a [broker.Access]. A user name from a client certificate, which the listener has verified, needs no password.
type Guard struct {
	options Options
	now     atomic.Pointer[files]

	key    [32]byte // of this process
	mu     sync.Mutex
	proven map[string]proof // by user name
}

// proof spares a client who comes again the slow hash: it holds for one password and one state of the files.
type proof struct {
	sum   [sha256.Size]byte
	files *files
}

// files are the files as they were read last.
type files struct {
	users  *users.File
	policy *access.Policy
}

// New reads the files, until ctx ends. An error names the file and each line that is wrong.
func New(ctx context.Context, o Options) (*Guard, error) {
	g := &Guard{options: o, proven: make(map[string]proof)}
	_, _ = rand.Read(g.key[:]) // never fails
	f, err := o.read(ctx, userfile.Read)
	if err != nil {
		return nil, err
	}
	g.now.Store(f)

	return g, nil
}

// Reload reads the files again. After an error everything stays as it was. The function reports for a client whether it
// has to go: its user was removed or has another password.
func (g *Guard) Reload(ctx context.Context) (outdated func(broker.ClientInfo) bool, err error) {
	f, err := g.options.read(ctx, userfile.Again)
	if err != nil {
		return nil, err
	}
	old := g.now.Swap(f)
	g.mu.Lock()
	clear(g.proven)
	g.mu.Unlock()

	return func(c broker.ClientInfo) bool {
		return c.CommonName == "" && c.Username != "" && f.users != nil && !f.users.Same(old.users, c.Username)
	}, nil
}

// read reads the files by [userfile.Read] or [userfile.Again].
func (o Options) read(ctx context.Context, by func(ctx context.Context, name string, most int64) ([]byte, error)) (*files, error) {
	f := &files{}
	if o.Users != "" {
		text, err := by(ctx, o.Users, maxFile)
		if err != nil {
			return nil, &FileError{o.Users, bare(err)}
		}
		if f.users, err = users.Parse(text); err != nil {
			return nil, &FileError{o.Users, err}
		}
	}
	if o.List != "" {
		text, err := by(ctx, o.List, maxFile)
		if err != nil {
			return nil, &FileError{o.List, bare(err)}
		}
		f.policy = access.ParseMosquitto(string(text))
		if err := faults(f.policy); err != nil {
			return nil, &FileError{o.List, err}
		}
	}

	return f, nil
}

// bare is an error without the name of the file in it.
func bare(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}

	return err
}

// FileError is a file that cannot be used.
type FileError struct {
	File string
	Err  error // joins an error for each line that is wrong
}

// maxSaid is how many lines that are wrong an error speaks of.
const maxSaid = 3

// Error names the file, and the first lines that are wrong.
func (e *FileError) Error() string {
	all := []error{e.Err}
	if joined, ok := e.Err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	var b strings.Builder
	b.WriteString(e.File + ": ")
	for i, err := range all[:min(len(all), maxSaid)] {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	if more := len(all) - maxSaid; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}

	return b.String()
}

// Unwrap returns what is wrong.
func (e *FileError) Unwrap() error { return e.Err }

// faults returns what is wrong with an access list, in the order of its lines, also rules whose filter matches nothing.
func faults(p *access.Policy) error {
	all := slices.Clone(p.Faults)
	for _, r := range p.Rules {
		if _, err := topic.ParseFilter(r.Filter); err != nil {
			all = append(all, access.FaultError{Line: r.Line, Msg: err.Error()})
		}
	}
	slices.SortStableFunc(all, func(a, b access.FaultError) int { return a.Line - b.Line })
	var errs []error
	for i := range all {
		errs = append(errs, &all[i])
	}

	return errors.Join(errs...)
}

// Authenticate checks user name and password, unless the client has proved its name in another way.
func (g *Guard) Authenticate(c broker.ClientInfo, p *wire.Connect) (broker.Rights, wire.ReasonCode) {
	id := access.Identity{User: c.Username, Client: c.ID, Anonymous: !p.HasUsername}
	f := g.now.Load()
	switch {
	case c.Method != "":
		id.Anonymous = false // proved by enhanced authentication
	case c.CommonName != "":
		id.User, id.Anonymous = c.CommonName, false
	case f.users == nil:
	case id.Anonymous && !g.options.Anonymous:
		return nil, wire.NotAuthorized
	case !id.Anonymous && !g.verify(f, c.Username, p.Password):
		return nil, wire.BadUserNameOrPassword
	}
	if g.options.List == "" {
		return nil, wire.Success
	}

	return &rights{guard: g, id: id}, wire.Success
}

// verify checks a password, the second time without the slow hash.
func (g *Guard) verify(f *files, name string, password []byte) bool {
	h := hmac.New(sha256.New, g.key[:])
	h.Write(password)
	p := proof{files: f}
	h.Sum(p.sum[:0])
	g.mu.Lock()
	known := g.proven[name]
	g.mu.Unlock()
	if known.files == f && hmac.Equal(known.sum[:], p.sum[:]) {
		return true
	}
	if !f.users.Verify(name, password) {
		return false
	}
	g.mu.Lock()
	g.proven[name] = p
	g.mu.Unlock()

	return true
}

// Empty reports whether there is a password file with nobody in it, so that nobody gets in by it.
func (g *Guard) Empty() bool {
	f := g.now.Load()

	return f.users != nil && len(f.users.Names()) == 0
}

// Scram returns what the password file keeps of a user for SCRAM-SHA-256.
func (g *Guard) Scram(user string) (users.Scram, bool) {
	f := g.now.Load()
	if f.users == nil {
		return users.Scram{}, false
	}

	return f.users.Scram(user)
}

// rights are what the access list gives to one client.
type rights struct {
	guard *Guard
	id    access.Identity
	now   atomic.Pointer[grants]
}

// grants are rights under one state of the files.
type grants struct {
	files       *files
	read, write *access.Grant
}

func (r *rights) grants() *grants {
	f := r.guard.now.Load()
	g := r.now.Load()
	if g == nil || g.files != f {
		g = &grants{f, f.policy.For(r.id, access.Read), f.policy.For(r.id, access.Write)}
		r.now.Store(g)
	}

	return g
}

// MayPublish reports whether the list lets the client write to a topic.
func (r *rights) MayPublish(name string) bool {
	ok, _ := r.grants().write.Decide(name)

	return ok
}

// MayReceive reports whether the list lets the client read a topic.
func (r *rights) MayReceive(name string) bool {
	ok, _ := r.grants().read.Decide(name)

	return ok
}

// MaySubscribe reports whether there is a topic that the filter matches and the client may read.
func (r *rights) MaySubscribe(f topic.Filter) bool {
	if f.IsShared() {
		bare, err := topic.ParseFilter(f.Bare())
		if err != nil {
			return false
		}
		f = bare
	}
	_, _, ok := r.grants().read.Reach(f)

	return ok
}
