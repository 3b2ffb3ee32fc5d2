package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// asyncKeys are the keys of an object of AsyncAPI.
type asyncKeys struct {
	used   []string // are read
	silent []string // are for people, or say nothing about MQTT
	left   []string // mean something, which is lost here and therefore told
}

func documentation() []string {
	return []string{"title", "summary", "description", "tags", "externalDocs", "examples", "name"}
}

// object reads an object, or the one that its $ref leads to.
func (a *asyncReader) object(parent yamlfile.Pair, path []string, keys asyncKeys, set setFunc) {
	parent.Value = a.follow(parent)
	if parent.Value == nil {
		return
	}
	known := slices.Concat(keys.used, keys.silent, keys.left, documentation())
	a.everyKey(parent, path, func(p yamlfile.Pair, path []string) error {
		switch {
		case slices.Contains(keys.used, p.Name):
			return set(p, path)
		case slices.Contains(keys.left, p.Name):
			a.left(p.Key, "%s is left out: it has no meaning for mqx", p.Name)
		case !slices.Contains(known, p.Name) && !strings.HasPrefix(p.Name, "x-"):
			a.Problem(p.Key, fmt.Sprintf("unknown key %q", p.Name), yamlfile.DidYouMean(p.Name, known))
		}
		return nil
	})
}

// everyKey is mapping for documents in which x- means something.
func (a *asyncReader) everyKey(parent yamlfile.Pair, path []string, set setFunc) {
	pairs, ok := a.Pairs(parent.Value)
	if !ok {
		a.Problem(parent.Place(), parent.Name+": a mapping is expected", "")
		return
	}
	for _, p := range pairs {
		here := slices.Concat(path, []string{p.Name})
		a.c.positions[joinPath(here)] = a.place(p.Key)
		if err := set(p, here); err != nil {
			a.fault(p.Place(), p.Name, err)
		}
	}
}

// each reads every entry of a mapping with the same function.
func (a *asyncReader) each(read setFunc) setFunc {
	return func(p yamlfile.Pair, path []string) error {
		a.everyKey(p, path, func(p yamlfile.Pair, path []string) error {
			if strings.HasPrefix(p.Name, "x-") {
				return nil
			}
			return read(p, path)
		})
		return nil
	}
}

// left notes what is left out.
func (a *asyncReader) left(at *token.Token, format string, args ...any) {
	a.c.Notes = append(a.c.Notes, Note{a.place(at), fmt.Sprintf(format, args...)})
}

// maxRefs bounds a chain of references.
const maxRefs = 20

// ref returns where the $ref of a node leads, if it has one.
func (a *asyncReader) ref(n ast.Node) (text string, at *token.Token, ok bool) {
	pairs, isMapping := a.Pairs(n)
	if !isMapping {
		return "", nil, false
	}
	for _, p := range pairs {
		if p.Name == "$ref" {
			text, err := a.Text(p.Value)
			return text, p.Place(), err == nil
		}
	}
	return "", nil, false
}

// follow follows the $ref of a value within the document. What leads elsewhere is a problem, and nil.
func (a *asyncReader) follow(p yamlfile.Pair) ast.Node {
	n := p.Value
	for range maxRefs {
		text, at, isRef := a.ref(n)
		if !isRef {
			return n
		}
		pointer, local := strings.CutPrefix(text, "#")
		if !local {
			a.Problem(at, fmt.Sprintf("$ref: %q leads out of the document", text), "only #/… is followed")
			return nil
		}
		if n = a.lookup(pointer); n == nil {
			a.Problem(at, fmt.Sprintf("$ref: there is no %s", text), "")
			return nil
		}
	}
	a.Problem(p.Place(), "$ref: leads round in a circle", "")
	return nil
}

// lookup returns the node at a JSON Pointer (RFC 6901).
func (a *asyncReader) lookup(pointer string) ast.Node {
	n := a.body
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		pairs, _ := a.Pairs(n)
		i := slices.IndexFunc(pairs, func(p yamlfile.Pair) bool { return p.Name == step })
		if i < 0 {
			return nil
		}
		n = pairs[i].Value
	}
	return n
}

// pointerTo makes a JSON Pointer.
func pointerTo(path ...string) string {
	var b strings.Builder
	for _, step := range path {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
	}
	return b.String()
}
