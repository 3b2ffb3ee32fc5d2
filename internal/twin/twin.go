// Package twin is about what devices shall be like and what they are like: the desired and the reported document of each.
//
// A [Group] are the devices that somebody means. [Group.Read] reads their documents, [Group.Set] changes what is desired and
// proves that it is stored, [Group.Wait] waits until the devices have converged. [Send] sends a command.
//
// The Server keeps one retained document a topic and knows nothing of its content. MQTT has neither a partial update nor a
// condition, so that a writer reads, changes and publishes the whole: the package finds out afterwards, by a fresh
// subscription, what became of it. On a Server that offers compare-and-set ([docs/decisions/0009]) no update is lost; on any
// other one, each that was is reported to one of its writers.
//
// [docs/decisions/0009]: https://github.com/mqx-cli/mqx/blob/main/docs/decisions/0009-compare-and-set.md
package twin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/retained"
	"github.com/mqx-cli/mqx/internal/wire"
)

// Session is what the package needs of a client.Session.
type Session interface {
	retained.Session
	// Drain waits until every publish has ended.
	Drain(ctx context.Context) error
	Caps() client.Caps
}

// Outcome is what became of the work on one device.
type Outcome string

// The outcomes.
const (
	// Stored is a document that the Server was seen to retain.
	Stored Outcome = "stored"
	// Unchanged needed no publish: what shall be desired is.
	Unchanged Outcome = "unchanged"
	// Planned would be stored: it was a dry run.
	Planned Outcome = "planned"
	// Converged is a device that has applied what is desired.
	Converged Outcome = "converged"
	// Cleared has nothing desired any more.
	Cleared Outcome = "cleared"
	// Skipped is an offline device that was not waited for.
	Skipped Outcome = "skipped"
	// NotStarted was not worked on: the run had ended before.
	NotStarted Outcome = "not started"
	// Refused was refused by the Server, aloud or silently.
	Refused Outcome = "refused"
	// BadData is a document that cannot be read.
	BadData Outcome = "bad data"
	// Invalid is a state that the contract, or mqx, does not take.
	Invalid Outcome = "invalid"
	// Conflicted was overtaken by another writer.
	Conflicted Outcome = "conflict"
	// Superseded asks for something else by now.
	Superseded Outcome = "superseded"
	// Rejected was rejected by the device.
	Rejected Outcome = "rejected"
	// Offline is a device that is not there.
	Offline Outcome = "offline"
	// TimedOut is a device that is there and has not converged in time, or a Server that has not answered.
	TimedOut Outcome = "timeout"
	// Unknown was published, and the connection was lost before anybody could look.
	Unknown Outcome = "unknown"
	// Missing has nothing desired to wait for.
	Missing Outcome = "missing"
)

// Done reports whether the outcome is what was asked for.
func (o Outcome) Done() bool {
	switch o {
	case Stored, Unchanged, Planned, Converged, Cleared, Skipped:
		return true
	default:
		return false
	}
}

// Result is what became of one device.
type Result struct {
	Device  string
	Topic   string // of the desired document
	Outcome Outcome
	// Why says more about an Outcome that is not Done; it may be nil.
	Why error
	// Rev and ID are those of the document that is desired now; Before is the revision that was.
	Rev, Before uint64
	ID          string
	// Edits are what the change has touched, From and To the states before and after.
	Edits    []Edit
	From, To State
	// Payload is the document that was published, or would be.
	Payload []byte
	// Evidence is why the device is taken to have answered this document.
	Evidence Evidence
	// Leaves are the settings that do not match, of a device that has not converged.
	Leaves []Leaf
	// Warnings tell what went well and is worth a look.
	Warnings []string
	// Attempts is how often the document was published.
	Attempts int
	// Took is the time from the first publish, or from the beginning of the wait.
	Took time.Duration
}

// ErrIncomplete says that a read was not complete at the deadline.
var ErrIncomplete = errors.New("not all retained documents had arrived in time")

// Options say how a Group works.
type Options struct {
	// By is the writer, in the documents.
	By string
	// NoPublish goes without sentinels, see [retained.Options].
	NoPublish bool
	// Deadline bounds everything; zero is none.
	Deadline time.Time
	// Settle is the pause between a publish and the look at what is retained, for the message of another writer to arrive.
	Settle time.Duration
	// Tolerance is by how much numbers may differ.
	Tolerance Tolerance
	// Where leaves out devices for which it does not hold; nil leaves out none.
	Where *Where
	// Publish and Subscribe are properties of the packets, besides those that the package needs; they may be nil.
	Publish, Subscribe *wire.Properties
	// Note, when set, is told what users should know and is no result.
	Note func(text string)
	// Progress, when set, is told how far long work has come.
	Progress func(what string, done, all int)
	// Ready, when set, is called once when the subscriptions stand.
	Ready func() error
}

func (o *Options) note(format string, args ...any) {
	if o.Note != nil {
		o.Note(fmt.Sprintf(format, args...))
	}
}

func (o *Options) progress(what string, done, all int) {
	if o.Progress != nil {
		o.Progress(what, done, all)
	}
}
