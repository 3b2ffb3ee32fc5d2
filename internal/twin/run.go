package twin

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mqx-cli/mqx/internal/payload"
)

// Run is a change that goes to many devices, as a file keeps it: the first line says which change it is, each other one what
// became of a device. A run that was stopped goes on where it was.
type Run struct {
	ID string
	// Change is a fingerprint: a file of another change is not gone on with.
	Change string
	done   map[string]bool
}

// runHead is the first line of the file.
type runHead struct {
	Run    string `json:"run"`
	Change string `json:"change"`
}

// runLine is what became of a device.
type runLine struct {
	Device  string  `json:"device"`
	Outcome Outcome `json:"outcome"`
	Rev     uint64  `json:"rev,omitempty"`
	ID      string  `json:"id,omitempty"`
	Why     string  `json:"why,omitempty"`
}

// errNoRun says that a file was written by nobody like us.
var errNoRun = errors.New("not the file of a run")

// NewRun begins a run of a change.
func NewRun(id string, c Change) *Run {
	return &Run{ID: id, Change: c.fingerprint(), done: map[string]bool{}}
}

// ReadRun reads the file of a run that shall go on.
func ReadRun(file io.Reader) (*Run, error) {
	lines := bufio.NewReader(file)
	var head runHead
	line, err := lines.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &head) != nil || head.Run == "" {
		return nil, errNoRun
	}
	run := &Run{ID: head.Run, Change: head.Change, done: map[string]bool{}}
	for {
		line, err := lines.ReadBytes('\n')
		var l runLine
		if len(bytes.TrimSpace(line)) > 0 && json.Unmarshal(line, &l) == nil { // the last line may be cut off
			run.done[l.Device] = l.Outcome.Done() && l.Outcome != Skipped
		}
		switch {
		case errors.Is(err, io.EOF):
			return run, nil
		case err != nil:
			return nil, err
		}
	}
}

// Head is the first line of the file.
func (r *Run) Head() []byte { return jsonLine(runHead{r.ID, r.Change}) }

// Line is what became of a device, for the file.
func (r *Run) Line(result Result) []byte {
	l := runLine{Device: result.Device, Outcome: result.Outcome, Rev: result.Rev, ID: result.ID}
	if result.Why != nil {
		l.Why = result.Why.Error()
	}
	return jsonLine(l)
}

func jsonLine(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // cannot happen: strings and a number
		return nil
	}
	return append(text, '\n')
}

// Is reports whether c is the change of the run.
func (r *Run) Is(c Change) bool { return r.Change == c.fingerprint() }

// Rest are the devices that the run has not done yet, and how many it has.
func (r *Run) Rest(twins []*Twin) (rest []*Twin, done int) {
	for _, t := range twins {
		if r.done[t.Device] {
			done++
			continue
		}
		rest = append(rest, t)
	}
	return rest, done
}

// fingerprint tells changes apart.
func (c Change) fingerprint() string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%d %s", c.kind, payload.AppendValue(nil, c.state))
	for _, o := range c.ops {
		hash.Write(o.text)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}
