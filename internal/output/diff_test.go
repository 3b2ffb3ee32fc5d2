package output_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/output"
)

func TestDiffReachesAPipeAsItIsAndATerminalHarmless(t *testing.T) {
	t.Parallel()
	const diff = "--- a\n+++ a\n@@ -1,2 +1,2 @@\n-\x1b[2Jold\r\n+new\tx\n same\n"
	var pipe bytes.Buffer
	if err := output.WriteDiff(output.Streams{Out: &pipe}, output.ColorAuto, []byte(diff)); err != nil || pipe.String() != diff {
		t.Errorf("a pipe got %q, %v", pipe.String(), err)
	}
	var screen bytes.Buffer
	if err := output.WriteDiff(output.Streams{Out: &screen, OutTTY: true}, output.ColorAuto, []byte(diff)); err != nil {
		t.Fatal(err)
	}
	if got := screen.String(); strings.Contains(got, "\x1b[2J") || !strings.Contains(got, "\x1b[") || !strings.Contains(got, `\x1b[2Jold\r`) {
		t.Errorf("a terminal got %q", got)
	}
}
