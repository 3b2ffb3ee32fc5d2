package main_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	cli "github.com/mqx-cli/mqx/commands"
)

func TestMain(m *testing.M) {
	mqx := func() { os.Exit(cli.Main(os.Args)) }
	testscript.Main(m, map[string]func(){"mqx": mqx, "mosquitto_pub": mqx, "mosquitto_sub": mqx, "mosquitto_rr": mqx})
}

// TestScripts runs testdata/script: what a user may rely on, written as a user would. Every script has a broker of its
// own, see script_test.go for the commands beyond testscript's. MQX_UPDATE=1 rewrites the golden sections.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("MQX_UPDATE") != "",
		Setup:               startBroker,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status":          status,
			"start":           start,
			"feed":            feed,
			"signal":          signalProcess,
			"ends":            ends,
			"await-subscribe": awaitSubscribe,
			"await-file":      awaitFile,
			"env-from-file":   envFromFile,
			"cut":             cut,
		},
	})
}
