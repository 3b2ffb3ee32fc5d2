package commands

import (
	"context"
	"strconv"

	"github.com/mqx-cli/mqx/internal/hook"
	"github.com/mqx-cli/mqx/internal/presence"
)

// presenceHooks run the command of --exec for changes.
type presenceHooks struct {
	runner *hook.Runner // nil without a command
	listed bool         // the first changes, which are the listing, have been seen
}

// hooks prepares to run the command of --exec. What it prints goes to standard error.
func (o *presenceWatchOptions) hooks(ctx context.Context, e *env) *presenceHooks {
	if o.exec == "" {
		return &presenceHooks{}
	}
	return &presenceHooks{runner: hook.New(ctx, hook.Options{
		Command: o.exec, AtOnce: o.atOnce, Output: e.streams.Err,
		Failed: func(event hook.Event, err error) { e.note("warning: --exec for %s: %v", event.Subject, err) },
	})}
}

// run runs the command for changes. The first call is with the listing, for which none is run.
func (h *presenceHooks) run(ctx context.Context, changes []presence.Change) error {
	if h.runner == nil || !h.listed {
		h.listed = true
		return nil
	}
	for _, c := range changes {
		if err := h.runner.Run(ctx, hook.Event{Subject: c.Device.Name, Env: changeEnv(c), Input: append(changeJSON(c), '\n')}); err != nil {
			return err
		}
	}
	return nil
}

// close waits for commands that run.
func (h *presenceHooks) close() {
	if h.runner != nil {
		h.runner.Close()
	}
}

// changeEnv is a change as variables of the environment.
func changeEnv(c presence.Change) []string {
	d := &c.Device
	return []string{
		"MQX_DEVICE=" + d.Name, "MQX_STATE=" + string(d.State), "MQX_PREVIOUS=" + string(c.Previous),
		"MQX_ONLINE=" + strconv.FormatBool(d.Online), "MQX_TIME=" + timeText(c.Time), "MQX_SINCE=" + timeText(d.Since),
		"MQX_LAST_SEEN=" + timeText(d.LastSeen), "MQX_FLAPS=" + strconv.Itoa(d.Flaps), "MQX_WILL=" + string(d.Will),
		"MQX_SESSION=" + d.Session, "MQX_REASON=" + d.Reason,
	}
}
