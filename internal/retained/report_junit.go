package retained

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/words"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	Failure *junitResult `xml:"failure"`
	Error   *junitResult `xml:"error"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes outcomes as a JUnit report with one suite. Bad data is an error there, not a failure. Characters that
// XML cannot hold are written as escapes.
func WriteJUnit(w io.Writer, outcomes []Outcome, suite string, took time.Duration) error {
	sum := Summarize(outcomes)
	s := junitSuite{
		Name: words.Printable(suite), Tests: len(outcomes), Failures: sum.Failed, Errors: sum.BadData,
		Time: fmt.Sprintf("%.3f", took.Seconds()),
	}
	for _, o := range outcomes {
		c := junitCase{Class: words.Printable(suite), Name: words.Printable(o.Expectation.String())}
		if lines := problemLines(o); len(lines) > 0 {
			result := &junitResult{Message: lines[0], Type: string(o.Verdict), Text: strings.Join(lines, "\n")}
			if o.Verdict == BadData {
				c.Error = result
			} else {
				c.Failure = result
			}
		}
		s.Cases = append(s.Cases, c)
	}
	text, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{s}}, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}
