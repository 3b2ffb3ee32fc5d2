package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/verdict"
)

// write reports what the comparison came to.
func (o *verifyOptions) write(e *env, v *simulate.Verdict, took time.Duration) error {
	out := output.NewLines(e.streams)
	var report bytes.Buffer
	switch o.format {
	case "json":
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		out.JSON(text)
	case "junit":
		if err := verdict.WriteJUnit(&report, o.cases(v), "mqx simulate verify", took); err != nil {
			return err
		}
		out.Text(report.String())
	case "tap":
		if err := verdict.WriteTAP(&report, o.cases(v)); err != nil {
			return err
		}
		out.Text(report.String())
	default:
		writeVerdict(out, v)
	}
	return out.Flush()
}

// cases are the outcomes by QoS, around each fault, and outside of faults.
func (o *verifyOptions) cases(v *simulate.Verdict) []verdict.Case {
	var cases []verdict.Case
	add := func(name string, all, unexplained *simulate.Counts, belongs func(*simulate.Example) bool) {
		c := verdict.Case{Name: name, Verdict: verdict.Held}
		if judged := o.judged(all, unexplained); judged.Damage() > 0 {
			c.Verdict = verdict.Failed
			c.Lines = append(c.Lines, damageText(judged))
			for i := range v.Examples {
				if belongs(&v.Examples[i]) {
					c.Lines = append(c.Lines, " "+escaped(exampleText(&v.Examples[i])))
				}
			}
		}
		cases = append(cases, c)
	}
	for i := range v.QoS {
		q := &v.QoS[i]
		add(fmt.Sprintf("QoS %d", q.QoS), &q.Counts, &q.Unexplained, func(x *simulate.Example) bool { return x.QoS == q.QoS })
	}
	for i := range v.Faults {
		f := &v.Faults[i]
		add("fault "+f.Fault, &f.Counts, &f.Unexplained, func(x *simulate.Example) bool {
			return slices.Contains(x.Faults, f.Fault)
		})
	}
	if len(v.Faults) > 0 {
		add("outside of faults", &v.Outside, &v.OutsideUnexplained, func(x *simulate.Example) bool { return len(x.Faults) == 0 })
	}
	return cases
}

// damageText says in words what became of messages.
func damageText(c *simulate.Counts) string {
	var words []string
	for _, one := range []struct {
		n    int
		what string
	}{
		{c.Lost, "lost"},
		{c.Duplicated, "duplicated"},
		{c.Reordered, "reordered"},
		{c.Late, "late"},
		{c.Altered, "altered"},
		{c.Misplaced, "misplaced"},
	} {
		if one.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", one.n, one.what))
		}
	}
	return fmt.Sprintf("of %s: %s", messages(c.Sent), strings.Join(words, ", "))
}

// exampleText is a message that something became of.
func exampleText(x *simulate.Example) string {
	during := ""
	if len(x.Faults) > 0 {
		during = " during " + strings.Join(x.Faults, ", ")
	}
	return fmt.Sprintf("%s: %s, QoS %d, due %s%s", x.What, x.Topic, x.QoS, x.Due.UTC().Format(time.RFC3339Nano), during)
}

// writeVerdict writes a table and examples for people.
func writeVerdict(out *output.Lines, v *simulate.Verdict) {
	out.Text(fmt.Sprintf("%-32s %9s %9s %9s %9s %9s %9s %9s %9s\n",
		"", "sent", "received", "lost", "duplicate", "reordered", "late", "altered", "misplaced"))
	row := func(title string, c *simulate.Counts) {
		out.Text(fmt.Sprintf("%-32s %9d %9d %9d %9d %9d %9d %9d %9d\n",
			title, c.Sent, c.Received, c.Lost, c.Duplicated, c.Reordered, c.Late, c.Altered, c.Misplaced))
	}
	row("all", &v.Counts)
	for i := range v.QoS {
		row(fmt.Sprintf("QoS %d", v.QoS[i].QoS), &v.QoS[i].Counts)
	}
	for i := range v.Faults {
		f := &v.Faults[i]
		row(fmt.Sprintf("fault %.24s", escaped(f.Fault)), &f.Counts)
	}
	if len(v.Faults) > 0 {
		row("outside of faults", &v.Outside)
		row("not done on purpose", &v.Unexplained)
	}
	for i := range v.Examples {
		out.Escaped(exampleText(&v.Examples[i]))
	}
}
