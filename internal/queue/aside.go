package queue

import (
	"fmt"
	"path/filepath"

	"github.com/mqx-cli/mqx/internal/atomicfile"
	"github.com/mqx-cli/mqx/internal/message"
)

// SetAside puts a message that is in the way of all others into a file of its own in the folder, as one line of JSON, and
// notes that it has ended. It returns the name of the file. After a crash between the two the message is in both places, and
// the next SetAside of it writes the same file.
func (q *Queue) SetAside(e Entry) (string, error) {
	accepted := e.Accepted.UTC()
	name := filepath.Join(q.dir, fmt.Sprintf("set-aside-%s-%d.ndjson", accepted.Format("20060102T150405.000"), e.Number))
	m := e.Message
	m.Time = accepted
	if err := atomicfile.Write(name, 0o600, append(message.AppendJSON(nil, m), '\n')); err != nil {
		return "", fmt.Errorf("a message cannot be set aside: %w", err)
	}
	q.Done(e)
	return name, nil
}
