package simulate

import (
	"bufio"
	"bytes"
	"io"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/message"
)

// readCapture gives the messages of a capture to take, with the times when they were received. A line that is no message
// loses nothing but itself: bad counts it.
func readCapture(r io.Reader, take func(message.Message), bad func()) error {
	const longest = 1 << 30
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), longest)
	for lines.Scan() {
		line := lines.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		m, err := message.ParseJSON(line)
		if err != nil {
			bad()
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, gjson.GetBytes(line, "time").Str); err == nil {
			m.Time = at
		}
		take(m)
	}
	return lines.Err()
}
