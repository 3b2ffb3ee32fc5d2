package startup_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/startup"
)

func TestThePagesOfTheProgramFileAreGivenBack(t *testing.T) {
	before := fileMemory(t)
	if err := startup.Forget(); err != nil {
		t.Fatal(err)
	}
	if after := fileMemory(t); after >= before {
		t.Errorf("%d KiB of files in memory before, %d after", before, after)
	}
}

func TestTheProgramGoesOnWithItsData(t *testing.T) {
	data := strings.Repeat("what was written stays ", 1000)
	if err := startup.Forget(); err != nil {
		t.Fatal(err)
	}
	if strings.Count(data, "stays") != 1000 || len(os.Args) == 0 {
		t.Error("the data of the program have changed")
	}
}

// fileMemory is how much of files is mapped into memory, in KiB.
func fileMemory(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(status), "RssFile:")
	if !found {
		t.Skip("this kernel does not tell RssFile")
	}
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}
