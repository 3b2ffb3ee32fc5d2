package profile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/duration"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// Expectation is a condition that makes a run a test:
//
//	METRIC[(ARGUMENT)] [p95] OPERATOR VALUE [where qos >= 1] [within 3m] [of fault "…"] [outside fault "…"]
type Expectation struct {
	Text     string
	Metric   string
	Argument string  // presence(cr-007): cr-007
	Quantile float64 // 0.95 for p95; 0 for none
	Operator string  // ==, !=, <, <=, >, >=
	// Number is what it is compared with; a duration is in seconds. Word is, for presence, online or offline.
	Number float64
	Word   string
	// WhereOperator and WhereQoS select messages by their QoS; the operator is empty for all.
	WhereOperator string
	WhereQoS      int
	// Within is how long it may take until it holds, 0 for at the end; OfFault is the fault from whose start that counts.
	Within  time.Duration
	OfFault string
	// OutsideFault leaves out what happened within a fault.
	OutsideFault string
	At           contract.Position
}

// Metrics are what can be expected, with whether each takes an argument.
func metrics() []string {
	return []string{
		"connected", "devices", "sent", "lost", "duplicated", "reordered", "late", "altered", "presence", "converge", "publish_ack",
		"publish_ack_p50", "publish_ack_p95", "publish_ack_p99", "schedule_lag", "schedule_lag_p99", "lint.errors", "lint.warnings", "rate",
		"connect", "connect_p99", "errors", "reconnects", "takeovers",
	}
}

func operators() []string { return []string{"==", "!=", "<=", ">=", "<", ">"} }

func (r *reader) readExpect() {
	for _, item := range r.expect {
		p := yamlfile.Pair{Name: "expect", Key: item.GetToken(), Value: item}
		text, err := r.expectation(item)
		if err == nil {
			var e *Expectation
			if e, err = ParseExpectation(text, r.faultNames()); err == nil {
				e.At = r.place(p.Key)
				r.p.Expect = append(r.p.Expect, e)
			}
		}
		if err != nil {
			r.Fault(p, err)
		}
	}
}

func (r *reader) expectation(item ast.Node) (string, error) {
	text, err := r.Text(item)
	if err != nil {
		return "", yamlfile.Mistakef("like lost == 0 where qos >= 1", "a condition is expected")
	}
	return text, nil
}

// ParseExpectation reads a condition word by word. Faults are the names that it may speak of.
func ParseExpectation(text string, faults []string) (*Expectation, error) {
	e := &Expectation{Text: text}
	rest, err := e.metric(text)
	if err != nil {
		return nil, err
	}
	for rest != "" {
		word, after, _ := strings.Cut(rest, " ")
		after = strings.TrimSpace(after)
		switch word {
		case "where":
			rest, err = e.where(after)
		case "within":
			e.Within, rest, err = takeDuration(after)
		case "of":
			e.OfFault, rest, err = takeFault(after, faults)
		case "outside":
			e.OutsideFault, rest, err = takeFault(after, faults)
		default:
			err = yamlfile.Mistakef(yamlfile.DidYouMean(word, []string{"where", "within", "of", "outside"}), "%q is not understood", rest)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := e.sensible(); err != nil {
		return nil, err
	}
	return e, nil
}

// sensible refuses what can be written and means nothing.
func (e *Expectation) sensible() error {
	ofMessages := slices.Contains([]string{"sent", "lost", "duplicated", "reordered", "late", "altered", "publish_ack", "rate"}, e.base())
	ofTimes := slices.Contains([]string{"converge", "publish_ack", "schedule_lag", "connect"}, e.base())
	state := slices.Contains([]string{"connected", "devices", "presence"}, e.Metric)
	switch {
	case e.OfFault != "" && e.Within == 0:
		return yamlfile.Mistakef("", "of fault … has a meaning with within only")
	case e.Quantile > 0 && (!ofTimes || e.base() != e.Metric):
		return yamlfile.Mistakef("", "%s has no quantiles", e.Metric)
	case e.WhereOperator != "" && !ofMessages:
		return yamlfile.Mistakef("", "%s has no QoS", e.Metric)
	case e.OutsideFault != "" && e.Metric == "rate":
		return yamlfile.Mistakef("", "outside fault … and rate do not go together: a fault is not at all devices")
	case e.OutsideFault != "" && state:
		return yamlfile.Mistakef("", "outside fault … is for what is counted, and %s is a state", e.Metric)
	}
	return nil
}

// base is the metric without the quantile that its name says.
func (e *Expectation) base() string {
	if name, _, ok := strings.Cut(e.Metric, "_p"); ok && strings.Trim(e.Metric[len(name)+len("_p"):], "0123456789") == "" {
		return name
	}
	return e.Metric
}

// Measure is the metric without a quantile in its name, and the quantile that is meant, 0 for none: publish_ack_p99 is
// publish_ack, 0.99.
func (e *Expectation) Measure() (name string, quantile float64) {
	name = e.base()
	if name == e.Metric {
		return name, e.Quantile
	}
	n, _ := parseNumber(e.Metric[len(name)+len("_p"):]) // digits
	return name, n / 100
}

// metric reads what comes up to the value.
func (e *Expectation) metric(text string) (rest string, err error) {
	at := strings.IndexAny(text, "=!<>")
	if at < 0 {
		return "", yamlfile.Mistakef("like lost == 0", "it compares nothing")
	}
	left := strings.TrimSpace(text[:at])
	for _, op := range operators() {
		if strings.HasPrefix(text[at:], op) {
			e.Operator = op
			break
		}
	}
	if e.Operator == "" {
		return "", yamlfile.Mistakef("one of "+strings.Join(operators(), " "), "%q is no comparison", text[at:at+1])
	}
	name, quantile, _ := strings.Cut(left, " ")
	if quantile = strings.TrimSpace(quantile); quantile != "" {
		n, err := parseNumber(strings.TrimPrefix(quantile, "p"))
		if err != nil || !strings.HasPrefix(quantile, "p") || n <= 0 || n > 100 {
			return "", yamlfile.Mistakef("", "%q is not a quantile like p95", quantile)
		}
		e.Quantile = n / 100
	}
	name, argument, called := strings.Cut(name, "(")
	if called && !strings.HasSuffix(argument, ")") {
		return "", yamlfile.Mistakef("", "( without )")
	}
	e.Metric, e.Argument = name, strings.TrimSuffix(argument, ")")
	if !slices.Contains(metrics(), name) {
		return "", yamlfile.Mistakef(yamlfile.DidYouMean(name, metrics()), "nothing is measured that is called %q", name)
	}
	if takes := name == "presence" || name == "converge"; takes != (e.Argument != "") {
		return "", yamlfile.Mistakef("like presence(cr-007) or converge(setpoint_c)", "%s: what is in the brackets does not fit", name)
	}
	return e.value(strings.TrimSpace(text[at+len(e.Operator):]))
}

func (e *Expectation) value(text string) (rest string, err error) {
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	if e.Metric == "presence" {
		if e.Word = word; word != "online" && word != "offline" || e.Operator != "==" && e.Operator != "!=" {
			return "", yamlfile.Mistakef("presence(…) == online, or offline", "%q is no presence", word)
		}
		return rest, nil
	}
	if e.Number, err = parseNumber(word); err == nil {
		return rest, nil
	}
	if n, chance := strings.CutSuffix(word, "%"); chance {
		e.Number, err = parseNumber(n)
		e.Number /= 100
		return rest, err
	}
	d, err := duration.Parse(word)
	e.Number = d.Seconds()
	if err != nil {
		return "", yamlfile.Mistakef("", "%q is neither a number nor a time", word)
	}
	return rest, nil
}

// where reads qos >= 1.
func (e *Expectation) where(text string) (rest string, err error) {
	words := strings.Fields(text)
	if len(words) < 3 || words[0] != "qos" || !slices.Contains(operators(), words[1]) || !slices.Contains([]string{"0", "1", "2"}, words[2]) {
		return "", yamlfile.Mistakef("where qos >= 1", "%q is not understood", text)
	}
	e.WhereOperator, e.WhereQoS = words[1], int(words[2][0]-'0')
	return strings.Join(words[3:], " "), nil
}

func takeDuration(text string) (d time.Duration, rest string, err error) {
	word, rest, _ := strings.Cut(text, " ")
	d, err = duration.Parse(word)
	return d, strings.TrimSpace(rest), err
}

// takeFault reads fault "name".
func takeFault(text string, known []string) (name, rest string, err error) {
	quoted, ok := strings.CutPrefix(text, "fault ")
	name, rest, closed := strings.Cut(strings.TrimPrefix(strings.TrimSpace(quoted), `"`), `"`)
	if !ok || !closed {
		return "", "", yamlfile.Mistakef(`fault "name"`, "%q is not understood", text)
	}
	if !slices.Contains(known, name) {
		return "", "", yamlfile.Mistakef(didYouMean(name, known), "there is no fault %q", name)
	}
	return name, strings.TrimSpace(rest), nil
}

func (r *reader) faultNames() []string {
	names := make([]string, len(r.p.Faults))
	for i, f := range r.p.Faults {
		names[i] = f.Name
	}
	return names
}

func didYouMean(word string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	return yamlfile.DidYouMean(word, known)
}

// String is the condition as it was written.
func (e *Expectation) String() string { return e.Text }

// Holds reports whether a number is as expected.
func (e *Expectation) Holds(n float64) bool { return compare(n, e.Operator, e.Number) }

// Counts reports whether messages of a QoS are meant.
func (e *Expectation) Counts(qos byte) bool {
	return e.WhereOperator == "" || compare(float64(qos), e.WhereOperator, float64(e.WhereQoS))
}

func compare(a float64, operator string, b float64) bool {
	switch operator {
	case "==":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	default:
		panic(fmt.Sprintf("operator %q", operator)) // they are checked when a profile is read
	}
}
