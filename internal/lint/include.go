package lint

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// includeFault is what is wrong with an include_dir.
type includeFault struct {
	line     confLine
	severity Severity
	msg      string
}

// include reads the files of an include_dir where the option stands, as Mosquitto does: those that end in .conf, in the
// order of their names.
func (c *confCheck) include(line confLine) {
	fault := func(s Severity, msg string) { c.faults = append(c.faults, includeFault{line, s, msg}) }
	dir := c.path(line.value)
	names, err := includedFiles(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.unseen = true
		fault(Info, line.value+" is not there: Mosquitto does not start without it, and what stands in its files was not checked")
		return
	case err != nil:
		c.unseen = true
		c.l.unread(Conf, dir, err)
		return
	}
	own, _ := os.Stat(c.file)
	for _, name := range names {
		file := filepath.Join(dir, name)
		info, err := os.Stat(file)
		switch {
		case err == nil && info.IsDir():
			fault(Error, file+" is a folder: Mosquitto does not start")
		case err == nil && own != nil && os.SameFile(info, own):
			fault(Error, "the main file is in its own include_dir, and is read twice: listeners and bridges are there twice")
		default:
			c.includeFile(file, info, err)
		}
	}
}

func (c *confCheck) includeFile(file string, info fs.FileInfo, err error) {
	var text []byte
	if err == nil {
		if !info.Mode().IsRegular() {
			err = errors.New("not a file")
		} else {
			text, err = c.l.ReadWhole(file)
		}
	}
	if err != nil {
		c.unseen = true
		c.l.unread(Conf, file, err)
		return
	}
	c.read(file, string(text), true)
}

// includedFiles are the names of the files that an include_dir reads, in Mosquitto's order.
func includedFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".conf") && len(name) > len(".conf") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, compareIncluded)
	return names, nil
}

// compareIncluded orders names by letters, and upper case before lower case of the same letter: A, a, B, b.
func compareIncluded(a, b string) int {
	for i := range min(len(a), len(b)) {
		upperA, upperB := unicode.ToUpper(rune(a[i])), unicode.ToUpper(rune(b[i]))
		if order := cmp.Or(cmp.Compare(upperA, upperB), cmp.Compare(a[i], b[i])); order != 0 {
			return order
		}
	}
	return cmp.Compare(len(a), len(b))
}

// includedBy are the files that a mosquitto.conf includes, whatever their names.
func includedBy(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var files []string
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key != "include_dir" {
			continue
		}
		dir := besideConf(file, strings.TrimSpace(value))
		names, _ := includedFiles(dir) // the rules say what is wrong with it
		for _, name := range names {
			files = append(files, filepath.Join(dir, name))
		}
	}
	return files
}

// includeRules are about configurations in several files.
func includeRules() []Rule {
	return []Rule{
		{
			Code: "B020", Name: "include-dir", Severity: Error, Profile: Guide,
			Summary: "an include_dir is not read as it was meant",
			Why: "Mosquitto reads every file of the folder that ends in .conf, in the order of their names, at the place where the option " +
				"stands, and only for an include_dir in the main file: one in an included file is passed over without a word. It does " +
				"not start when the folder is missing or a folder is called x.conf, and reads the main file twice when that is in it. A " +
				"path that is not absolute is taken from the folder of the file here, and from the working directory by Mosquitto.",
			Bad:  conf(goodConf + "include_dir included\n"),
			Good: conf(goodConf + "include_dir more\n"),
			conf: func(c *confCheck) {
				for i := range c.faults {
					f := &c.faults[i]
					c.at(&f.line)
					c.foundAs(f.severity, f.msg, "%s", f.msg)
				}
			},
		},
	}
}
