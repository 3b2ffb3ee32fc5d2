package main_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// Every start of mqx pays for what packages do before main: a script calls it a hundred times. What they allocate is the
// measure that does not depend on how busy the machine is.
func TestNothingExpensiveHappensBeforeMain(t *testing.T) {
	t.Parallel()
	const (
		schema   = "github.com/santhosh-tekuri/jsonschema/v6" // compiles the schemas of all drafts
		mostEach = 256 << 10
		mostAll  = 3 << 20
	)
	cmd := exec.Command(os.Args[0], "version")
	cmd.Args[0] = "mqx"
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("this test binary does not run as mqx: %v", err)
	}
	lines := regexp.MustCompile(`(?m)^init (\S+) .* (\d+) bytes, \d+ allocs$`).FindAllSubmatch(trace, -1)
	if len(lines) < 10 {
		t.Fatalf("no trace: %s", trace)
	}
	all := 0
	for _, line := range lines {
		bytes, err := strconv.Atoi(string(line[2]))
		if err != nil {
			t.Fatal(err)
		}
		if all += bytes; bytes > mostEach && string(line[1]) != schema {
			t.Errorf("%s allocates %d bytes before main", line[1], bytes)
		}
	}
	if all > mostAll {
		t.Errorf("packages allocate %d bytes before main, and %d are fine", all, mostAll)
	}
}
