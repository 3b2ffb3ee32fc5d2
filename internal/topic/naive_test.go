package topic_test

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The oracle: what section 4.7 of MQTT 5.0 says, written down sentence by sentence, with no thought of speed.

func naiveMatch(filter, name string) bool {
	if strings.HasPrefix(name, "$") && (strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#")) {
		return false // 4.7.2
	}

	return naiveLevels(strings.Split(filter, "/"), strings.Split(name, "/"))
}

func naiveLevels(filter, name []string) bool {
	switch {
	case len(filter) == 1 && filter[0] == "#":
		return true // 4.7.1.2: the parent and any number of child levels
	case len(filter) == 0 || len(name) == 0:
		return len(filter) == len(name)
	case filter[0] == "+" || filter[0] == name[0]:
		return naiveLevels(filter[1:], name[1:])
	default:
		return false
	}
}

func naiveValidText(s string) bool {
	return s != "" && len(s) <= 65535 && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

func naiveValidName(s string) bool {
	return naiveValidText(s) && !strings.ContainsAny(s, "+#")
}

func naiveValidFilter(s string) bool {
	if !naiveValidText(s) {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "$share/"); ok {
		share, bare, ok := strings.Cut(rest, "/")
		if !ok || share == "" || strings.ContainsAny(share, "+#") || bare == "" {
			return false
		}
		s = bare
	}
	levels := strings.Split(s, "/")
	for i, level := range levels {
		if strings.Contains(level, "+") && level != "+" {
			return false
		}
		if strings.Contains(level, "#") && (level != "#" || i != len(levels)-1) {
			return false
		}
	}

	return true
}

// words returns all strings of up to n levels made of the given ones, without the empty string.
func words(n int, levels ...string) []string {
	all := [][]string{{}}
	var out []string
	for range n {
		var next [][]string
		for _, word := range all {
			for _, level := range levels {
				next = append(next, append(slices.Clone(word), level))
			}
		}
		for _, word := range next {
			if s := strings.Join(word, "/"); s != "" {
				out = append(out, s)
			}
		}
		all = next
	}

	return out
}

// list is a sorted slice: the oracle for Tree and Store.
type list []pair

type pair struct {
	key   string
	value int
}

func (l *list) set(key string, value int) {
	i, ok := slices.BinarySearchFunc(*l, key, func(p pair, key string) int { return cmp.Compare(p.key, key) })
	if ok {
		(*l)[i].value = value
	} else {
		*l = slices.Insert(*l, i, pair{key, value})
	}
}

func (l *list) remove(key string) bool {
	n := len(*l)
	*l = slices.DeleteFunc(*l, func(p pair) bool { return p.key == key })

	return len(*l) < n
}

func (l *list) get(key string) (int, bool) {
	for _, p := range *l {
		if p.key == key {
			return p.value, true
		}
	}

	return 0, false
}
