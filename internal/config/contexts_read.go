package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// The keys of the file that are no flags.
const (
	keyCurrent  = "current"
	keyContexts = "contexts"
	keyGuard    = "guard"
)

// ContextFile is the file that contexts are kept in.
type ContextFile struct {
	Path string
	// Keys are the settings that a context may have.
	Keys []Key
}

// ErrExposed says that others can read a secret.
var ErrExposed = errors.New("it holds a password, and others can read it")

var errNotRegular = errors.New("not a regular file")

// Read reads the file. One that is not there holds no contexts. Mistakes are a [*yamlfile.Error]; a file that others can
// read is refused with [ErrExposed] when a secret stands in it.
func (f ContextFile) Read() (Contexts, error) {
	_, c, err := f.read()
	return c, err
}

// Text returns the file as it is, with what it means.
func (f ContextFile) Text() ([]byte, Contexts, error) { return f.read() }

func (f ContextFile) read() ([]byte, Contexts, error) {
	// before it is opened: that of a pipe waits for a writer, and nothing can interrupt it
	if info, err := os.Stat(f.Path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, Contexts{}, &fs.PathError{Op: "open", Path: f.Path, Err: errNotRegular}
	}
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // HOME=/dev/null is a habit
		return nil, Contexts{}, nil
	}
	if err != nil {
		return nil, Contexts{}, err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return nil, Contexts{}, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, Contexts{}, err
	}
	c, err := f.Parse(f.Path, text)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 && c.holdsSecret() {
		err = fmt.Errorf("%w (mode %04o)", ErrExposed, info.Mode().Perm())
	}
	return text, c, err
}

func (c *Contexts) holdsSecret() bool {
	return slices.ContainsFunc(c.List, func(x Context) bool {
		return slices.ContainsFunc(x.Settings, Setting.IsSecret)
	})
}

// Parse reads the text of a file of contexts. Name is what mistakes are reported for.
func (f ContextFile) Parse(name string, text []byte) (Contexts, error) {
	d := yamlfile.Parse(name, text)
	c := f.reader(d).contexts()
	return c, withoutSecrets(d.Err())
}

// ParseContext reads the text of a single context, without its name, as [ContextFile.Body] returns it.
func (f ContextFile) ParseContext(file, name string, text []byte) (Context, error) {
	d := yamlfile.Parse(file, text)
	x := f.reader(d).context(yamlfile.Pair{Name: name, Value: d.Body()})
	x.body = string(text)
	return x, withoutSecrets(d.Err())
}

// withoutSecrets masks the secrets in the lines that an error shows. A mistake may be in the line of a password, or make
// one of something else.
func withoutSecrets(err error) error {
	mistakes, ok := errors.AsType[*yamlfile.Error](err)
	if !ok {
		return err
	}
	for i := range mistakes.Problems {
		p := &mistakes.Problems[i]
		p.Source = maskedLine(p.Source)
	}
	return mistakes
}

type contextReader struct {
	*yamlfile.Document

	keys  map[string]Key
	names []string
}

func (f ContextFile) reader(d *yamlfile.Document) *contextReader {
	r := &contextReader{Document: d, keys: map[string]Key{}, names: []string{keyGuard}}
	for _, k := range f.Keys {
		r.keys[yamlKey(k.Flag)] = k
		r.names = append(r.names, yamlKey(k.Flag))
	}
	return r
}

func (r *contextReader) contexts() Contexts {
	var c Contexts
	if r.Body() == nil {
		return c
	}
	pairs, ok := r.Pairs(r.Body())
	if !ok {
		r.Problem(r.Body().GetToken(), "a mapping is expected", "current: NAME and contexts:")
		return c
	}
	var current yamlfile.Pair
	for _, pair := range pairs {
		switch pair.Name {
		case keyCurrent:
			current = pair
		case keyContexts:
			c.List = r.list(pair)
		default:
			r.unknown(pair, []string{keyCurrent, keyContexts})
		}
	}
	if current.Value != nil && !r.isNull(current.Value) {
		c.Current = r.current(current, c)
	}
	return c
}

func (r *contextReader) current(pair yamlfile.Pair, c Contexts) string {
	name, err := r.Text(pair.Value)
	if err != nil {
		r.Problem(pair.Place(), keyCurrent+": the name of a context is expected", "")
	} else if _, ok := c.Find(name); !ok && r.Problems() == 0 {
		r.Problem(pair.Place(), fmt.Sprintf("there is no context %q", name), didYouMean(c.Nearest(name)))
	}
	return name
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", name)
}

func (r *contextReader) isNull(n ast.Node) bool {
	_, null := r.Resolve(n).(*ast.NullNode)
	return null
}

func (r *contextReader) list(pair yamlfile.Pair) []Context {
	if r.isNull(pair.Value) {
		return nil
	}
	pairs, ok := r.Pairs(pair.Value)
	if !ok {
		r.Problem(pair.Place(), "contexts: names with their settings are expected", "")
	}
	var list []Context
	for _, p := range pairs {
		if err := CheckContextName(p.Name); err != nil {
			r.Problem(p.Key, err.Error(), "")
		}
		list = append(list, r.context(p))
	}
	return list
}

func (r *contextReader) context(named yamlfile.Pair) Context {
	x := Context{Name: named.Name}
	if named.Value == nil || r.isNull(named.Value) {
		return x
	}
	pairs, ok := r.Pairs(named.Value)
	if !ok {
		at := named.Key
		if at == nil {
			at = named.Value.GetToken()
		}
		r.Problem(at, "settings are expected, like url: mqtt://host", "")
		return x
	}
	for _, pair := range pairs {
		name := yamlKey(pair.Name)
		key, known := r.keys[name]
		switch {
		case name == keyGuard:
			x.Guard = r.guard(pair)
		case !known:
			r.unknown(pair, r.names)
		case slices.ContainsFunc(x.Settings, func(s Setting) bool { return s.Flag == key.Flag }):
			r.Problem(pair.Key, fmt.Sprintf("%s is there twice", name), "")
		default:
			if values := r.values(pair, key); len(values) > 0 {
				x.Settings = append(x.Settings, Setting{Flag: key.Flag, Values: values})
			}
		}
	}
	return x
}

func (r *contextReader) unknown(pair yamlfile.Pair, known []string) {
	r.Problem(pair.Key, fmt.Sprintf("unknown key %q", pair.Name), yamlfile.DidYouMean(pair.Name, known))
}

func (r *contextReader) guard(pair yamlfile.Pair) bool {
	s, err := r.Scalar(pair.Value)
	on, isBool := s.Value.(bool)
	if err != nil || !isBool {
		r.Problem(pair.Place(), "guard: true or false is expected", "")
	}
	return on
}

func (r *contextReader) values(pair yamlfile.Pair, key Key) []string {
	nodes := []ast.Node{pair.Value}
	if items, ok := r.Items(pair.Value); ok && key.Repeated {
		nodes = items
	}
	var values []string
	for _, n := range nodes {
		at := pair.Place()
		if len(nodes) > 1 {
			at = n.GetToken()
		}
		values = append(values, r.value(n, at, key))
	}
	return values
}

func (r *contextReader) value(n ast.Node, at *token.Token, key Key) string {
	s, err := r.Scalar(n)
	if err == nil {
		err = key.check(s.Text)
	}
	if err != nil {
		r.Problem(at, yamlKey(key.Flag)+": "+strings.TrimPrefix(err.Error(), key.Flag+": "), "")
	}
	return s.Text
}

// check refuses a wrong value. What a reference refers to is looked at when it is needed.
func (k Key) check(value string) error {
	if kind, what, ok := reference(value); ok && mayRefer(k.Flag) {
		if what == "" {
			return fmt.Errorf("%s: what stands after the colon is missing", strconv.Quote(kind+":"))
		}
		return nil
	}
	if k.Check == nil {
		return nil
	}
	return k.Check(value)
}
