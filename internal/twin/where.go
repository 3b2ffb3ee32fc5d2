package twin

import (
	"math"
	"strings"

	"github.com/mqx-cli/mqx/internal/payload"
	"github.com/mqx-cli/mqx/internal/sift"
)

// Where is a condition on devices in the language of expr-lang. It knows device (the base topic), levels (of it), desired
// and reported (the settings; nil for no document), rev (of what is desired, 0 for nothing) and status: online or offline,
// and empty when the device does not say.
type Where struct{ condition *sift.Condition[view] }

// view is what a condition sees of a device.
type view struct {
	Device   string         `expr:"device"`
	Levels   []string       `expr:"levels"`
	Desired  map[string]any `expr:"desired"`
	Reported map[string]any `expr:"reported"`
	Rev      int            `expr:"rev"`
	Status   string         `expr:"status"`
}

// NewWhere compiles a condition.
func NewWhere(text string) (*Where, error) {
	condition, err := sift.NewCondition[view](text)
	if err != nil {
		return nil, err
	}
	return &Where{condition}, nil
}

// Failed is for how many devices the condition made no sense, and why for the first of them.
func (w *Where) Failed() (int, error) { return w.condition.Failed() }

// needs adds what the condition looks at; a nil one looks at nothing.
func (w *Where) needs(n Needs) Needs {
	if w != nil {
		n.Reported, n.Status = true, true
	}
	return n
}

// holds reports whether the condition holds for a device as it is known now. A nil condition always does.
func (w *Where) holds(t *Twin) bool {
	if w == nil {
		return true
	}
	v := view{Device: t.Device, Levels: strings.Split(t.Device, "/"), Status: t.presence.word()}
	if t.Desired != nil && t.Desired.Doc != nil {
		v.Desired, v.Rev = nativeState(t.Desired.Doc.State), int(min(t.Desired.Doc.Rev, math.MaxInt))
	}
	if t.Reported != nil {
		v.Reported = nativeState(t.told.State)
	}
	return w.condition.Holds(v)
}

// sift finds out again which devices Options.Where leaves out.
func (g *Group) sift() {
	for _, t := range g.twins {
		t.unfit = !g.options.Where.holds(t)
	}
}

// nativeState is a copy of a state with numbers to calculate with.
func nativeState(s State) map[string]any {
	members, _ := payload.Native(payload.AppendValue(nil, any(s))).(map[string]any) // it is an object
	return members
}
