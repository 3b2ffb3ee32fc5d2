// Package mosquitto is the command lines of mosquitto_pub, mosquitto_sub and mosquitto_rr 2.1: which options they have, what
// they refuse and in which words, what they print and which exit status they end with. What the options ask for is done by
// the packages that do it for mqx itself; this one only says what was asked, and what came of it in mosquitto's words.
//
// Start with [ToolNamed] and [Parse]. The package neither connects nor prints.
package mosquitto

import (
	"strings"
)

// Tool is one of the three programs.
type Tool int

// The programs.
const (
	Pub Tool = iota + 1 // mosquitto_pub
	Sub                 // mosquitto_sub
	RR                  // mosquitto_rr
)

// Tools returns the programs.
func Tools() []Tool { return []Tool{Pub, Sub, RR} }

// String returns the name of the program.
func (t Tool) String() string {
	switch t {
	case Pub:
		return "mosquitto_pub"
	case Sub:
		return "mosquitto_sub"
	default:
		return "mosquitto_rr"
	}
}

// ToolNamed returns the program that is called by a name: that of a command, or the path of a file with or without .exe.
func ToolNamed(name string) (Tool, bool) {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	if n := len(name) - len(".exe"); n > 0 && strings.EqualFold(name[n:], ".exe") {
		name = name[:n]
	}
	for _, t := range Tools() {
		if name == t.String() {
			return t, true
		}
	}
	return 0, false
}

// End is a program that ends before it has connected: what it prints, and its exit status.
type End struct {
	// Out and Err are written to standard output and standard error, with their line feeds.
	Out, Err string
	// Status is the exit status.
	Status int
}

// usageEnd is a mistake on the command line. text has its line feeds: how many is a matter of the option.
func usageEnd(t Tool, text string) *End {
	return &End{Err: text + "\nUse '" + t.String() + " --help' to see usage.\n", Status: statusUsage}
}

// plainEnd is a mistake that mosquitto does not point to its help for.
func plainEnd(text string) *End { return &End{Err: text, Status: statusUsage} }
