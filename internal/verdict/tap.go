package verdict

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/words"
)

// WriteTAP writes outcomes in the Test Anything Protocol, version 14.
func WriteTAP(w io.Writer, cases []Case) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "TAP version 14\n1..%d\n", len(cases))
	for i, c := range cases {
		status := "ok"
		if c.Verdict != Held {
			status = "not ok"
		}
		fmt.Fprintf(b, "%s %d - %s\n", status, i+1, tapEscape(words.Printable(c.Name)))
		if c.Verdict == Held {
			continue
		}
		fmt.Fprintf(b, "  ---\n  outcome: %s\n  problems:\n", c.Verdict)
		for _, line := range c.Lines {
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
