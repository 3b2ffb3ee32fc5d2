package retained

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/words"
)

// WriteTAP writes outcomes in the Test Anything Protocol, version 14.
func WriteTAP(w io.Writer, outcomes []Outcome) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "TAP version 14\n1..%d\n", len(outcomes))
	for i, o := range outcomes {
		status := "ok"
		if o.Verdict != Held {
			status = "not ok"
		}
		fmt.Fprintf(b, "%s %d - %s\n", status, i+1, tapEscape(words.Printable(o.Expectation.String())))
		if o.Verdict == Held {
			continue
		}
		fmt.Fprintf(b, "  ---\n  outcome: %s\n  problems:\n", o.Verdict)
		for _, line := range problemLines(o) {
			fmt.Fprintf(b, "    - %s\n", message.AppendJSONString(nil, line)) // a JSON string is a YAML one
		}
		fmt.Fprint(b, "  ...\n")
	}
	return b.Flush()
}

// tapEscape keeps a description from ending in a directive: # TODO, # SKIP.
func tapEscape(text string) string {
	return strings.NewReplacer(`\`, `\\`, `#`, `\#`).Replace(text)
}
