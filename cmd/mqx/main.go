// Command mqx is a toolkit for MQTT on the command line. See README.md, or run mqx --help.
package main

import (
	"os"

	"github.com/mqx-cli/mqx/commands"
)

func main() { os.Exit(commands.Main(os.Args)) }
