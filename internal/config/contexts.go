package config

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/mqx-cli/mqx/internal/words"
)

// Contexts are the named connections of a user.
type Contexts struct {
	// Current is the name of the one that is used when none is asked for, empty for none.
	Current string
	// List holds them in the order of the file.
	List []Context
}

// Context is a named connection: values for connection flags.
type Context struct {
	Name string
	// Guard makes commands that destroy or weigh much ask first.
	Guard    bool
	Settings []Setting

	body string // as its user wrote it, without indentation; empty: Settings say it all
}

// Setting is what a context says for a flag.
type Setting struct {
	Flag   string   // its long name
	Values []string // one, or one for each time that the flag is given
}

// Key is a setting that a context may have.
type Key struct {
	Flag string
	// Repeated says that it takes a list.
	Repeated bool
	// Bare says that a value is a number or true or false.
	Bare bool
	// Check refuses a wrong value.
	Check func(value string) error
}

// yamlKey is the name of a flag in the file.
func yamlKey(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

// Find returns the context with a name.
func (c *Contexts) Find(name string) (Context, bool) {
	if i := c.index(name); i >= 0 {
		return c.List[i], true
	}
	return Context{}, false
}

func (c *Contexts) index(name string) int {
	return slices.IndexFunc(c.List, func(x Context) bool { return x.Name == name })
}

// Nearest returns the name that is closest to one that is not there, empty when none is close.
func (c *Contexts) Nearest(name string) string {
	best, least := "", 3 // further away is no slip
	for _, x := range c.List {
		if d := words.Distance(name, x.Name); d < least && (2*d < len(x.Name) || strings.HasPrefix(name, x.Name[:1])) {
			best, least = x.Name, d
		}
	}
	return best
}

// Put adds a context, or replaces the one with its name.
func (c *Contexts) Put(x Context) {
	c.List = slices.Clone(c.List)
	if i := c.index(x.Name); i >= 0 {
		c.List[i] = x
		return
	}
	c.List = append(c.List, x)
}

// Remove removes a context. When it was the current one, there is none after it.
func (c *Contexts) Remove(name string) {
	c.List = slices.DeleteFunc(slices.Clone(c.List), func(x Context) bool { return x.Name == name })
	if c.Current == name {
		c.Current = ""
	}
}

// Value returns what a context says for a flag, once; empty when it says nothing.
func (x Context) Value(flag string) string {
	for _, s := range x.Settings {
		if s.Flag == flag && len(s.Values) > 0 {
			return s.Values[0]
		}
	}
	return ""
}

// Same reports whether two contexts say the same.
func (x Context) Same(y Context) bool {
	return x.Name == y.Name && x.Guard == y.Guard && slices.EqualFunc(x.Settings, y.Settings, func(a, b Setting) bool {
		return a.Flag == b.Flag && slices.Equal(a.Values, b.Values)
	})
}

func (c *Contexts) equal(d Contexts) bool {
	return c.Current == d.Current && slices.EqualFunc(c.List, d.List, Context.Same)
}

// longestName bounds the name of a context, in bytes.
const longestName = 64

// CheckContextName refuses what cannot name a context: names are typed, completed, and shown in tables.
func CheckContextName(name string) error {
	if name == "" || len(name) > longestName {
		return fmt.Errorf("%q: a name has 1 to %d letters", name, longestName)
	}
	for i, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || i > 0 && strings.ContainsRune("-_.@", r) {
			continue
		}
		return fmt.Errorf("%q: a name is made of letters and digits, and - _ . @ within", name)
	}
	return nil
}

// ContextPath returns the file that contexts are kept in: $XDG_CONFIG_HOME/mqx/contexts.yaml, or in the platform's folder
// for configuration. It is empty when the environment names no such folder.
func ContextPath(getenv func(string) string) string {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mqx", "contexts.yaml")
	}
	base, below := getenv("HOME"), ".config"
	switch runtime.GOOS {
	case "windows":
		base, below = getenv("AppData"), ""
	case "darwin", "ios":
		below = filepath.Join("Library", "Application Support")
	}
	if base == "" {
		return ""
	}
	return filepath.Join(base, below, "mqx", "contexts.yaml")
}

// StateDir returns the folder for what mqx remembers between runs: $XDG_STATE_HOME/mqx, or the platform's. It is empty when
// the environment names no such folder.
func StateDir(getenv func(string) string) string {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mqx")
	}
	base, below := getenv("HOME"), filepath.Join(".local", "state")
	switch runtime.GOOS {
	case "windows":
		base, below = getenv("LocalAppData"), ""
	case "darwin", "ios":
		below = filepath.Join("Library", "Application Support")
	}
	if base == "" {
		return ""
	}
	return filepath.Join(base, below, "mqx")
}

// isPath tells the flags whose value is a file or a folder.
func isPath(flag string) bool {
	switch flag {
	case "cafile", "capath", "cert", "key", "key-password-file", "password-file", "tls-keylog", "unix", "will-file":
		return true
	default:
		return false
	}
}

// Anchored returns a value of a setting with its path, if it is one or refers to one, made absolute: a path that is not is
// below dir, and ~/ is the folder home.
func Anchored(flag, value, dir, home string) string {
	prefix := ""
	if kind, path, ok := reference(value); ok && mayRefer(flag) {
		if kind != "file" {
			return value
		}
		prefix, value = "file:", path
	} else if !isPath(flag) {
		return value
	}
	switch below, inHome := strings.CutPrefix(value, "~/"); {
	case inHome && home != "":
		value = filepath.Join(home, below)
	case inHome, value == "", filepath.IsAbs(value), dir == "":
	default:
		value = filepath.Join(dir, value)
	}
	return prefix + value
}

// Name is the name of the key in the file.
func (k Key) Name() string { return yamlKey(k.Flag) }
