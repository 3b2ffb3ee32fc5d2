package profile

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// reader reads one file into a profile.
type reader struct {
	*yamlfile.Document
	file string
	p    *Profile

	fleet  []yamlfile.Pair // read when the types are known
	faults []yamlfile.Pair // read when the fleet is known
	expect []ast.Node
	seen   map[string]bool // the keys of the file
	checks []func()        // what can be looked at when everything is read
	// incomplete says that something is missing, perhaps because its key is misspelt: then that is said, and no more.
	incomplete bool
	parts      int // members and items of values
}

// field is a key with what reads its value.
type field struct {
	key string
	set func(yamlfile.Pair) error
}

// mapping reads a mapping of certain keys, and returns those that are there.
func (r *reader) mapping(parent yamlfile.Pair, fields ...field) map[string]yamlfile.Pair {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	found := map[string]yamlfile.Pair{}
	r.Mapping(parent, keys, func(p yamlfile.Pair) {
		found[p.Name] = p
		if err := fields[slices.Index(keys, p.Name)].set(p); err != nil {
			r.Fault(p, err)
		}
	})
	return found
}

// each reads a mapping whose keys are names.
func (r *reader) each(parent yamlfile.Pair, set func(yamlfile.Pair) error) {
	r.Mapping(parent, nil, func(p yamlfile.Pair) {
		if err := set(p); err != nil {
			r.Fault(p, err)
		}
	})
}

// place is where a token stands.
func (r *reader) place(at *token.Token) contract.Position {
	if at == nil || at.Position == nil {
		return contract.Position{File: r.file}
	}
	return contract.Position{File: r.file, Line: max(1, at.Position.Line), Column: max(1, at.Position.Column)}
}

// required notes the keys that are missing in a mapping in which nothing else is wrong.
func (r *reader) required(parent yamlfile.Pair, found map[string]yamlfile.Pair, keys ...string) {
	for _, key := range keys {
		if _, ok := found[key]; !ok {
			r.Problem(parent.Key, parent.Name+": "+key+" is missing", "")
		}
	}
}

// relative makes a path of the file one of the working directory.
func (r *reader) relative(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.file), path)
}

func (r *reader) text(dst *string) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) (err error) {
		*dst, err = r.Text(p.Value)
		return err
	}
}

// path reads the name of a file beside the profile.
func (r *reader) path(dst *string) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		text, err := r.Text(p.Value)
		*dst = r.relative(text)
		return err
	}
}

// word reads one of some words.
func word[T ~string](r *reader, dst *T, words ...T) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		text, err := r.Text(p.Value)
		if err == nil && !slices.Contains(words, T(text)) {
			known := make([]string, len(words))
			for i, w := range words {
				known[i] = string(w)
			}
			err = yamlfile.Mistakef(yamlfile.DidYouMean(text, known), "%q is not known", text)
		}
		*dst = T(text)
		return err
	}
}

// parsed reads a text that parse understands.
func parsed[T any](r *reader, dst *T, parse func(string) (T, error)) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		text, err := r.Text(p.Value)
		if err != nil {
			return err
		}
		*dst, err = parse(text)
		return err
	}
}

func (r *reader) duration(dst *time.Duration) func(yamlfile.Pair) error {
	return parsed(r, dst, duration.Parse)
}

func (r *reader) interval(dst *Interval) func(yamlfile.Pair) error {
	return parsed(r, dst, ParseInterval)
}

func (r *reader) rate(dst *float64) func(yamlfile.Pair) error { return parsed(r, dst, parseRate) }

func (r *reader) chance(dst *float64) func(yamlfile.Pair) error { return parsed(r, dst, parseChance) }

// number reads a number. Texts that look like one are none.
func (r *reader) number(dst *float64) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		s, err := r.Scalar(p.Value)
		if err != nil {
			return errors.New("a number is expected")
		}
		literal, ok := s.Value.(json.Number)
		if !ok {
			return yamlfile.Mistakef("", "%q is not a number", s.Text)
		}
		*dst, err = parseNumber(string(literal))
		return err
	}
}

// optional reads a number that may be missing.
func (r *reader) optional(dst **float64) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		n := 0.0
		err := r.number(&n)(p)
		*dst = &n
		return err
	}
}

// amount reads a number that is not negative.
func (r *reader) amount(dst *float64) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		err := r.number(dst)(p)
		if err == nil && *dst < 0 {
			err = yamlfile.Mistakef("", "%v is below 0", *dst)
		}
		return err
	}
}

func (r *reader) integer(dst *int, low, high int) func(yamlfile.Pair) error {
	return parsed(r, dst, func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < low || n > high {
			return 0, yamlfile.Mistakef("", "%s is not a whole number from %d to %d", text, low, high)
		}
		return n, nil
	})
}

func (r *reader) boolean(dst *bool) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		s, err := r.Scalar(p.Value)
		v, ok := s.Value.(bool)
		if err != nil || !ok {
			return errors.New("true or false is expected")
		}
		*dst = v
		return nil
	}
}

// scalar reads a number, a text or true and false: float64, [json.Number], string or bool.
func (r *reader) scalar(n ast.Node) (any, error) {
	s, err := r.Scalar(n)
	if err != nil {
		return nil, err
	}
	if literal, ok := s.Value.(json.Number); ok {
		return exact(string(literal))
	}
	return s.Value, nil
}

func (r *reader) any(dst *any) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) (err error) {
		*dst, err = r.scalar(p.Value)
		return err
	}
}

// texts reads a list of texts, or one.
func (r *reader) texts(dst *[]string) func(yamlfile.Pair) error {
	return func(p yamlfile.Pair) error {
		items, ok := r.Items(p.Value)
		if !ok {
			items = []ast.Node{p.Value}
		}
		for _, item := range items {
			text, err := r.Text(item)
			if err != nil {
				return errors.New("a list of texts is expected")
			}
			*dst = append(*dst, text)
		}
		return nil
	}
}

// size reads a number of bytes: 512, 8KiB, 1MiB.
func parseSize(text string) (int, error) {
	digits, factor := text, 1
	for _, unit := range []struct {
		suffix string
		factor int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"kB", 1000}, {"MB", 1_000_000}, {"B", 1}} {
		if before, ok := strings.CutSuffix(text, unit.suffix); ok {
			digits, factor = strings.TrimSpace(before), unit.factor
			break
		}
	}
	const most = 268_435_455 // what the protocol can say (MQTT 5, 1.5.5)
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > most/factor {
		return 0, yamlfile.Mistakef("like 512, 8KiB or 1MiB", "%q is not a number of bytes", text)
	}
	return n * factor, nil
}

// name reads a word that is a value of its own in what is published. YAML 1.1 takes some words for true and false, so
// that other programs would read another profile.
func (r *reader) name(at *token.Token, text string) error {
	quoted := at != nil && (at.Type == token.SingleQuoteType || at.Type == token.DoubleQuoteType)
	if quoted {
		return nil
	}
	switch strings.ToLower(text) {
	case "on", "off", "yes", "no", "true", "false", "y", "n", "null", "~", "":
		return yamlfile.Mistakef(`quote it: "`+text+`"`, "%s is a boolean for many readers of YAML, and no text", text)
	}
	return nil
}
