package commands

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/atomicfile"
	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/tally"
	"github.com/mqx-cli/mqx/internal/verdict"
)

// printSummary prints what came of a run: as text, one JSON object, or the verdicts as JUnit or TAP.
func (e *env) printSummary(s *tally.Summary, format reportFormat, suite string) error {
	out := output.NewLines(e.streams)
	if e.json || format == "json" {
		text, err := s.JSON()
		if err != nil {
			return err
		}
		out.JSON(bytes.TrimSpace(text))
		return out.Flush()
	}
	var report bytes.Buffer
	var err error
	switch format {
	case "junit":
		err = verdict.WriteJUnit(&report, tally.Cases(s.Verdicts), suite, tookOf(s))
	case "tap":
		err = verdict.WriteTAP(&report, tally.Cases(s.Verdicts))
	default:
		writeSummary(&report, s)
		err = verdict.WriteText(&report, tally.Cases(s.Verdicts), reportStyle(e))
	}
	if err != nil {
		return err
	}
	out.Text(report.String())
	return out.Flush()
}

func tookOf(s *tally.Summary) time.Duration { return time.Duration(s.Took * float64(time.Second)) }

// writeSummary writes the numbers for people.
func writeSummary(w *bytes.Buffer, s *tally.Summary) {
	all := s.All()
	fmt.Fprintf(w, "%s: %s, %d connected at most", s.Run, count(s.Devices, "device"), s.Most)
	for _, part := range []struct {
		n    int64
		what string
	}{
		{all.Reconnects, "reconnects"},
		{all.Takeovers, "takeovers"},
		{all.Failures, "failed connects"},
		{all.LintErrors, "errors of the linter"},
		{all.Presence, "presence changes"},
	} {
		if part.n > 0 {
			fmt.Fprintf(w, ", %d %s", part.n, part.what)
		}
	}
	fmt.Fprintf(w, ", %s\n", duration.Text(time.Duration(s.Ran*float64(time.Second)).Round(10*time.Millisecond)))
	writeMessages(w, s)
	writeTimes(w, all)
	if !s.Whole() && len(s.Expect) > 0 {
		fmt.Fprintf(w, "part %d of %d: what is expected is judged by mqx simulate merge\n", s.Shards[0]+1, s.ShardCount)
	}
}

// writeMessages writes a line for each QoS and each fault that messages were near. What only a watch sees is left out where
// there was none.
func writeMessages(w *bytes.Buffer, s *tally.Summary) {
	fmt.Fprintf(w, "%-24s %9s %9s %9s %9s", "", "sent", "acked", "refused", "dropped")
	if s.Watched {
		fmt.Fprintf(w, " %9s %9s %9s %9s %9s", "arrived", "lost", "duplicate", "reordered", "late")
	}
	fmt.Fprintln(w)
	row := func(title string, c tally.QoSCounts) {
		if c == (tally.QoSCounts{}) {
			return
		}
		fmt.Fprintf(w, "%-24s %9d %9d %9d %9d", title, c.Sent, c.Acknowledged, c.Refused, c.Dropped)
		if s.Watched {
			fmt.Fprintf(w, " %9d %9d %9d %9d %9d", c.Arrived, c.Lost, c.Duplicated, c.Reordered, c.Late)
		}
		fmt.Fprintln(w)
	}
	for q, c := range s.All().QoS {
		row(fmt.Sprintf("QoS %d", q), c)
	}
	for i := range s.Scopes {
		if part := &s.Scopes[i]; part.During != "" {
			row(fmt.Sprintf("fault %.18s", string(output.AppendEscaped(nil, []byte(part.During)))), part.All())
		}
	}
}

// writeTimes writes how long things took.
func writeTimes(w *bytes.Buffer, all *tally.ScopeSummary) {
	row := func(title string, h *tally.Histogram) {
		if h.Count() == 0 {
			return
		}
		fmt.Fprintf(w, "%-24s %9d times, p50 %s, p95 %s, p99 %s, at most %s\n", title, h.Count(),
			tally.Brief(h.Quantile(0.5)), tally.Brief(h.Quantile(0.95)), tally.Brief(h.Quantile(0.99)), tally.Brief(h.Max()))
	}
	row("connect", all.Times[tally.Connect])
	row("schedule lag", all.Times[tally.ScheduleLag])
	for _, name := range all.Names() {
		if rest, ok := strings.CutPrefix(name, tally.PublishAck+":"); ok {
			row("acknowledged at QoS "+rest, all.Times[name])
		}
		if rest, ok := strings.CutPrefix(name, tally.Converge); ok {
			row("converged: "+string(output.AppendEscaped(nil, []byte(rest))), all.Times[name])
		}
	}
}

// unmet is the error of expectations that are not met; they have been printed.
func (*env) unmet(s *tally.Summary) error {
	if sum := verdict.Summarize(tally.Cases(s.Verdicts)); sum.Failed+sum.BadData > 0 {
		return &exit.SilentError{Code: exit.Negative}
	}
	return nil
}

// writeJUnitFile writes the verdicts as JUnit.
func writeJUnitFile(name string, s *tally.Summary) error {
	var report bytes.Buffer
	if err := verdict.WriteJUnit(&report, tally.Cases(s.Verdicts), s.Run, tookOf(s)); err != nil {
		return err
	}
	const everybody = 0o644
	return atomicfile.Write(name, everybody, report.Bytes())
}
