package commands

import (
	"fmt"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/link"
)

// outageReport tells on stderr how an outage goes on. A failure that repeats is told once.
type outageReport struct {
	env    *env
	target link.Target
	told   string
}

// note tells what is new.
func (r *outageReport) note(o client.Outage) {
	switch {
	case !o.BackAt.IsZero() && o.LostAt.IsZero():
		r.env.note("connected to %s, attempt %d", r.target, o.Attempts)
	case !o.BackAt.IsZero():
		r.told = ""
		r.env.note("%s", r.back(o))
	case o.Err != nil:
		r.tell("cannot connect to %s: %s; trying again", r.target, withoutPrefix(o.Err))
	default:
		r.tell("connection to %s lost: %s; reconnecting", r.target, withoutPrefix(o.Cause))
	}
}

func (r *outageReport) tell(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != r.told {
		r.told = text
		r.env.note("%s", text)
	}
}

// withoutPrefix is why a connection was lost, in words that can follow "lost".
func withoutPrefix(err error) string {
	return strings.TrimPrefix(problem(err).Error(), client.ErrConnectionLost.Error()+": ")
}

// back says how long the gap was and what it means.
func (r *outageReport) back(o client.Outage) string {
	const clock = "2006-01-02 15:04:05"
	text := fmt.Sprintf("reconnected to %s after %s (lost %s, back %s, %s): ", r.target,
		o.BackAt.Sub(o.LostAt).Round(100*time.Millisecond), o.LostAt.Format(clock), o.BackAt.Format(clock), attempts(o.Attempts))
	switch {
	case o.SessionPresent:
		text += "the broker has kept the session"
	case o.SubscribedAgain > 0:
		text += "subscribed again, messages of the time between may have been missed"
	default:
		text += "a new session"
	}
	if o.SentAgain > 0 {
		text += "; " + messages(o.SentAgain) + " sent again"
		if !o.SessionPresent {
			text += ", which may arrive twice"
		}
	}
	return text
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}
