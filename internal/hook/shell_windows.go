package hook

import "os"

// shell is what runs a command line.
func shell() (name, flag string) { return "cmd", "/C" }

// interrupt ends a command: there is nothing milder here.
func interrupt(p *os.Process) error { return p.Kill() }
