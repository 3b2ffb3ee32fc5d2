//go:build !windows

package hook

import "os"

// shell is what runs a command line.
func shell() (name, flag string) { return "/bin/sh", "-c" }

// interrupt asks a command to end.
func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }
