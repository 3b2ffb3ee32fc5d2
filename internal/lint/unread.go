package lint

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// unread reports an input that cannot be read, and the run goes on: one broken file among a hundred does not hide what is
// wrong with the others. The run is no success all the same, see [Report.Unread].
func (l *Linter) unread(kind Kind, file string, err error) {
	l.unreadable = append(l.unreadable, file)
	f := &finder{l: l, rule: l.engine["X005"]}
	if !f.rule.on {
		if text := err.Error(); strings.HasPrefix(text, file) {
			l.note("%s", text)
		} else {
			l.note("%s: %s", file, text)
		}
		return
	}
	f.subject = subject{kind: kind, place: Place{File: file}}
	if mistakes, ok := errors.AsType[*yamlfile.Error](err); ok {
		for _, p := range mistakes.Problems {
			f.place.Line, f.place.Column, f.place.Text = p.Line, p.Column, p.Source
			f.foundWith(p.Next, p.Msg, "%s", p.Msg)
		}
		return
	}
	if cause, ok := errors.AsType[*fs.PathError](err); ok {
		err = cause.Err
	}
	f.found("", "cannot be read: %s", err)
}

// unreadRules are about inputs that cannot be checked.
func unreadRules() []Rule {
	return []Rule{
		{
			Code: "X005", Name: "unreadable-input", Severity: Error, Profile: Minimal, byEngine: true,
			Summary: "a file cannot be read as what it is",
			Why: "A contract file with a mistake, or a file that this user may not open, was not checked: the report says so at its place " +
				"and goes on with the other files. Whatever else was found, the exit status is 2, because what was not checked is not clean.",
			Bad:  example(Contract, "version: mqx/v1\nrooot: acme\n"),
			Good: example(Contract, "version: mqx/v1\nroot: acme\n"),
		},
	}
}
