package mosquitto

import (
	"os"
	"path/filepath"
	"strings"
)

// Environment is what a command line can depend on beside its words.
type Environment struct {
	// Getenv looks up HOME, XDG_CONFIG_HOME and USERPROFILE.
	Getenv func(name string) string
	// Windows says that the configuration file is where Windows has it.
	Windows bool
	// Version is that of mqx.
	Version string
}

// file is the path of the configuration file of a program, empty for none.
func (e Environment) file(t Tool) string {
	if e.Windows {
		if home := e.Getenv("USERPROFILE"); home != "" {
			return filepath.Join(home, t.String()+".conf")
		}
		return ""
	}
	if dir := e.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, t.String())
	}
	if home := e.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", t.String())
	}
	return ""
}

// readFile reads the options of the configuration file: the one that -o names, or that of the program. One that is not there
// is none.
func (p *parser) readFile(args []string) *End {
	name, end := p.fileNamed(args)
	if end != nil {
		return end
	}
	if name == "" {
		name = p.env.file(p.tool)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil // as mosquitto does
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if words := fileWords(line); len(words) > 0 {
			if end := p.line(words); end != nil {
				return end
			}
		}
	}
	return nil
}

// fileWords takes a line apart: an option, and its value up to the end of the line. A # makes a comment in the first column
// only.
func fileWords(line string) []string {
	line = strings.TrimRight(line, "\r")
	if strings.HasPrefix(line, "#") {
		return nil
	}
	line = strings.TrimLeft(line, " ")
	if line == "" {
		return nil
	}
	name, value, _ := strings.Cut(line, " ")
	if value == "" {
		return []string{name}
	}
	return []string{name, value}
}

// fileNamed finds -o among the words, where it is an option and no value.
func (p *parser) fileNamed(args []string) (string, *End) {
	name := ""
	for i := 0; i < len(args); i++ {
		o, known := find(p.tool, args[i])
		if !known || i+1 >= len(args) {
			continue // the mistake is reported in its turn
		}
		if args[i] == "-o" {
			if name != "" {
				return "", p.usage("Error: Duplicate -o argument given.\n\n")
			}
			name = args[i+1]
		}
		switch {
		case o.words != nil:
			i += o.words(args[i+1:])
		case o.missing != "":
			i++
		}
	}
	return name, nil
}
