package verdict

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
func WriteJUnit(w io.Writer, cases []Case, suite string, took time.Duration) error {
	sum := Summarize(cases)
	s := junitSuite{
		Name: words.Printable(suite), Tests: len(cases), Failures: sum.Failed, Errors: sum.BadData,
		Time: fmt.Sprintf("%.3f", took.Seconds()),
	}
	for _, c := range cases {
		written := junitCase{Class: words.Printable(suite), Name: words.Printable(c.Name)}
		if c.Verdict != Held {
			result := &junitResult{Message: append(c.Lines, string(c.Verdict))[0], Type: string(c.Verdict), Text: strings.Join(c.Lines, "\n")}
			if c.Verdict == BadData {
				written.Error = result
			} else {
				written.Failure = result
			}
		}
		s.Cases = append(s.Cases, written)
	}
	text, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{s}}, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}
