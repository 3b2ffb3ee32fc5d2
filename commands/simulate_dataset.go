package commands

import (
	"context"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

// defaultLength is how long a data set is whose profile does not say.
const defaultLength = time.Hour

// generate plays the fleet on a virtual clock, without a broker.
func (o *fleetOptions) generate(ctx context.Context, e *env, p *profile.Profile) error {
	run, err := o.prepare(e, p, simulate.DefaultStart(), simulate.Plays)
	if err != nil {
		return err
	}
	length := p.Duration
	if length == 0 {
		length = defaultLength
		e.note("the profile has no duration: playing %s (--duration)", length)
	}
	o.tellIdleFaults(e, p)
	ledger, err := createLedger(e, o.ledger, p.Output.Ledger)
	if err != nil {
		return err
	}
	sink := &dataSet{lines: output.NewLines(e.streams), ledger: ledger}
	err = run.Generate(ctx, o.shard, length, sink.message)
	if flushed := sink.lines.Flush(); err == nil {
		err = flushed
	}
	if closed := ledger.Close(); err == nil && closed != nil {
		err = exit.Wrap(exit.Usage, "--ledger", "", closed)
	}
	if err == nil {
		e.note("%d messages, %d of them dropped on the way", sink.made, sink.dropped)
	}
	return err
}

// tellIdleFaults names the faults that show on a connection only.
func (o *fleetOptions) tellIdleFaults(e *env, p *profile.Profile) {
	var idle []string
	for _, f := range p.Faults {
		if !o.noFaults && !simulate.Plays(f) {
			idle = append(idle, f.Name)
		}
	}
	if len(idle) > 0 {
		e.note("not played, because they need a connection: %s", strings.Join(idle, ", "))
	}
}

// dataSet prints messages and writes the ledger.
type dataSet struct {
	lines         *output.Lines
	ledger        *ledgerFile
	text          []byte
	made, dropped int
}

func (s *dataSet) message(m *simulate.Made) error {
	s.made++
	if err := s.ledger.write(m); err != nil {
		return exit.Wrap(exit.Usage, "--ledger", "", err)
	}
	if m.Is(simulate.Dropped) {
		s.dropped++
		return nil
	}
	s.text = message.AppendJSON(s.text[:0], m.Message)
	for range 1 + m.Copies {
		s.lines.JSON(s.text)
	}
	if s.lines.Buffered() < flushAt {
		return nil
	}
	return s.lines.Flush()
}
