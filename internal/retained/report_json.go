package retained

import (
	"bufio"
	"encoding/json"
	"io"
)

type outcomeJSON struct {
	Name         string        `json:"name,omitempty"`
	Topic        string        `json:"topic,omitempty"`
	Filter       string        `json:"filter,omitempty"`
	Expected     string        `json:"expected"`
	Outcome      Verdict       `json:"outcome"`
	Observed     int           `json:"observed"`
	Line         int           `json:"line,omitempty"`
	Problems     []problemJSON `json:"problems,omitempty"`
	MoreProblems int           `json:"more_problems,omitempty"`
}

type problemJSON struct {
	Topic       string            `json:"topic,omitempty"`
	Check       string            `json:"check"`
	Reason      string            `json:"reason"`
	Want        string            `json:"want,omitempty"`
	Got         string            `json:"got,omitempty"`
	Changes     []json.RawMessage `json:"changes,omitempty"`
	MoreChanges int               `json:"more_changes,omitempty"`
	BadData     bool              `json:"bad_data,omitempty"`
}

// WriteJSON writes outcomes as one JSON object a line.
func WriteJSON(w io.Writer, outcomes []Outcome) error {
	b := bufio.NewWriter(w)
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	for _, o := range outcomes {
		x := o.Expectation
		line := outcomeJSON{
			Name: x.spec.Name, Topic: x.spec.Topic, Filter: x.spec.Filter, Expected: x.Condition(), Outcome: o.Verdict,
			Observed: o.Observed, Line: x.line, MoreProblems: o.More,
		}
		for _, p := range o.Problems {
			problem := problemJSON{
				Topic: p.Topic, Check: p.Check, Reason: p.Reason, Want: p.Want, Got: p.Got,
				MoreChanges: p.MoreChanges, BadData: p.BadData,
			}
			for _, c := range p.Changes {
				problem.Changes = append(problem.Changes, appendChange(nil, c))
			}
			line.Problems = append(line.Problems, problem)
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return b.Flush()
}
