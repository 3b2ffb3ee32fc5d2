package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/mqx-cli/mqx/internal/atomicfile"
)

// ErrContextsChanged says that somebody else has written the file since it was read.
var ErrContextsChanged = errors.New("the contexts were changed by somebody else meanwhile")

// Update reads the file, has change change what it holds, and writes it with mode 0600, all of it or nothing. Updates of
// several processes wait for each other. Comments of the user stay where they are.
func (f ContextFile) Update(change func(*Contexts) error) error {
	return f.locked(func() error {
		text, before, err := f.read()
		if err != nil {
			return err
		}
		after := before
		if err := change(&after); err != nil {
			return err
		}
		if after.equal(before) && !after.hasBody() {
			return nil
		}
		return f.write(f.rewrite(text, before, after))
	})
}

// Replace writes a text in the place of one that was read before. It fails with [ErrContextsChanged] when the file holds
// something else by now.
func (f ContextFile) Replace(before, after []byte) error {
	return f.locked(func() error {
		now, err := os.ReadFile(f.Path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !bytes.Equal(now, before) {
			return ErrContextsChanged
		}
		return f.write(after)
	})
}

// Body returns the settings of a context as they stand in the file, without its name and indentation.
func (f ContextFile) Body(text []byte, x Context) []byte {
	if b, ok := blocksOf(f.Path, text).find(x.Name); ok {
		lines := splitLines(text)[b.from+1 : b.to]
		body := []byte(strings.Join(unindented(lines), ""))
		if again, err := f.ParseContext(f.Path, x.Name, body); err == nil && again.Same(x) {
			return body
		}
	}
	x.body = ""
	return []byte(strings.Join(unindented(splitLines([]byte(f.render(x, 0)))[1:]), ""))
}

// Render returns a context as it stands in a file, with its secrets masked.
func (f ContextFile) Render(x Context) string {
	masked := Context{Name: x.Name, Guard: x.Guard}
	for _, s := range x.Settings {
		values := slices.Clone(s.Values)
		for i, v := range values {
			values[i] = Masked(s.Flag, v)
		}
		masked.Settings = append(masked.Settings, Setting{Flag: s.Flag, Values: values})
	}
	return f.render(masked, 0)
}

// locked keeps other processes from updating the file.
func (f ContextFile) locked(do func() error) error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return err
	}
	unlock, err := lockedfile.MutexAt(f.Path + ".lock").Lock()
	if err != nil {
		return err
	}
	defer unlock()
	return do()
}

// write replaces the file, or what it links to, in one step. Others may not read it afterwards.
func (f ContextFile) write(text []byte) error {
	if err := os.Chmod(f.Path, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return atomicfile.Write(f.Path, 0o600, text)
}

func (c *Contexts) hasBody() bool {
	return slices.ContainsFunc(c.List, func(x Context) bool { return x.body != "" })
}

// rewrite changes the lines of a text that must change. A text in a form that this does not know (flow style, anchors) is
// written anew.
func (f ContextFile) rewrite(text []byte, before, after Contexts) []byte {
	changed := f.splice(text, before, after)
	if c, err := f.Parse(f.Path, changed); err == nil && c.equal(after) {
		return changed
	}
	var b strings.Builder
	if after.Current != "" {
		fmt.Fprintf(&b, "%s: %s\n", keyCurrent, after.Current)
	}
	fmt.Fprintf(&b, "%s:\n", keyContexts)
	for _, x := range after.List {
		x.body = ""
		b.WriteString(f.render(x, 2))
	}
	return []byte(b.String())
}

// render returns a context as the value of its name, at an indentation.
func (f ContextFile) render(x Context, indent int) string {
	margin := strings.Repeat(" ", indent)
	inner := margin + "  "
	if x.body != "" {
		return margin + x.Name + ":\n" + indented(x.body, inner)
	}
	if !x.Guard && len(x.Settings) == 0 {
		return margin + x.Name + ": {}\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s:\n", margin, x.Name)
	for _, s := range x.Settings {
		key := f.key(s.Flag)
		if !key.Repeated {
			fmt.Fprintf(&b, "%s%s: %s\n", inner, yamlKey(s.Flag), scalar(s.Values[0]))
			continue
		}
		fmt.Fprintf(&b, "%s%s:\n", inner, yamlKey(s.Flag))
		for _, v := range s.Values {
			fmt.Fprintf(&b, "%s  - %s\n", inner, scalar(v))
		}
	}
	if x.Guard {
		fmt.Fprintf(&b, "%s%s: true\n", inner, keyGuard)
	}
	return b.String()
}

func (f ContextFile) key(flag string) Key {
	if i := slices.IndexFunc(f.Keys, func(k Key) bool { return k.Flag == flag }); i >= 0 {
		return f.Keys[i]
	}
	return Key{Flag: flag}
}

// scalar writes a value so that YAML reads the same one: plain where nobody can doubt it, else in quotes.
func scalar(value string) string {
	plain := regexp.MustCompile(`^[A-Za-z0-9/][A-Za-z0-9_./:@%+=-]*$`)
	if plain.MatchString(value) && !strings.HasSuffix(value, ":") && !strings.EqualFold(value, "null") {
		return value
	}
	var quoted bytes.Buffer // a string of JSON is one of YAML
	enc := json.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // a string has a form in JSON
	return strings.TrimSuffix(quoted.String(), "\n")
}
