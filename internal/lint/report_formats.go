package lint

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// Format is how a report is written.
type Format string

// The formats.
const (
	TextFormat       Format = "text"
	JSONFormat       Format = "json"
	SARIFFormat      Format = "sarif"
	GitHubFormat     Format = "github"
	GitLabFormat     Format = "gitlab"
	JUnitFormat      Format = "junit"
	CheckstyleFormat Format = "checkstyle"
)

// ParseFormat returns the format that a word stands for.
func ParseFormat(word string) (Format, error) {
	if f := Format(word); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", fmt.Errorf("%q is not text, json, sarif, github, gitlab, junit or checkstyle", word)
}

// Formats returns all formats.
func Formats() []Format {
	return []Format{TextFormat, JSONFormat, SARIFFormat, GitHubFormat, GitLabFormat, JUnitFormat, CheckstyleFormat}
}

// Append appends the report in a format.
func (r *Report) Append(dst []byte, f Format, style Style) ([]byte, error) {
	switch f {
	case JSONFormat:
		return r.appendJSON(dst)
	case SARIFFormat:
		return r.appendSARIF(dst)
	case GitHubFormat:
		return r.appendGitHub(dst), nil
	case GitLabFormat:
		return r.appendGitLab(dst)
	case JUnitFormat:
		return r.appendJUnit(dst)
	case CheckstyleFormat:
		return r.appendCheckstyle(dst)
	default:
		return r.AppendText(dst, style), nil
	}
}

// appendJSON appends a finding a line.
func (r *Report) appendJSON(dst []byte) ([]byte, error) {
	for i := range r.Findings {
		line, err := json.Marshal(&r.Findings[i])
		if err != nil {
			return dst, err
		}
		dst = append(append(dst, line...), '\n')
	}
	return dst, nil
}

// appendGitHub appends the workflow commands by which GitHub annotates a change.
func (r *Report) appendGitHub(dst []byte) []byte {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for i := range r.Findings {
		f := &r.Findings[i]
		command := [...]string{"", "notice", "warning", "error"}[f.Severity]
		dst = fmt.Appendf(dst, "::%s title=%s", command, property.Replace(f.Code+" "+f.Name))
		if f.Where.File != "" {
			dst = fmt.Appendf(dst, ",file=%s,line=%d", property.Replace(f.Where.File), max(1, f.Where.Line))
		}
		dst = fmt.Appendf(dst, "::%s\n", data.Replace(Escape(f.line())))
	}
	return dst
}

// line is the finding with its topics, for readers who see no more than a line.
func (f *Finding) line() string {
	text := f.Message
	if f.Where.Template != "" {
		text = f.Where.Template + ": " + text
	}
	if f.Count > 1 {
		text += " (" + f.times() + ")"
	}
	return text
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// appendJUnit appends each finding as a failed test case, or one case that passed.
func (r *Report) appendJUnit(dst []byte) ([]byte, error) {
	s := junitSuite{Name: "mqx lint", Tests: max(1, len(r.Findings)), Failures: len(r.Findings)}
	for i := range r.Findings {
		f := &r.Findings[i]
		s.Cases = append(s.Cases, junitCase{
			Class: f.Code + " " + f.Name, Name: Escape(f.Where.Title()), File: f.Where.File,
			Failure: &junitFailure{Type: f.Severity.String(), Message: Escape(f.line()), Text: Escape(strings.Join(f.Examples, ", "))},
		})
	}
	if len(s.Cases) == 0 {
		s.Cases = []junitCase{{Class: "lint", Name: "no findings"}}
	}
	return appendXML(dst, s)
}

func appendXML(dst []byte, v any) ([]byte, error) {
	text, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		return dst, err
	}
	dst = append(dst, xml.Header...)
	return append(append(dst, text...), '\n'), nil
}

type checkstyleReport struct {
	XMLName xml.Name         `xml:"checkstyle"`
	Version string           `xml:"version,attr"`
	Files   []checkstyleFile `xml:"file"`
}

type checkstyleFile struct {
	Name   string            `xml:"name,attr"`
	Errors []checkstyleError `xml:"error"`
}

type checkstyleError struct {
	Line     int    `xml:"line,attr"`
	Column   int    `xml:"column,attr,omitempty"`
	Severity string `xml:"severity,attr"`
	Message  string `xml:"message,attr"`
	Source   string `xml:"source,attr"`
}

// appendCheckstyle appends the findings by file. What stands in no file is gathered under the name of its kind.
func (r *Report) appendCheckstyle(dst []byte) ([]byte, error) {
	report := checkstyleReport{Version: "4.3"}
	at := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		name := f.Where.File
		if name == "" {
			name = string(f.Where.Kind)
		}
		n, ok := at[name]
		if !ok {
			n = len(report.Files)
			at[name] = n
			report.Files = append(report.Files, checkstyleFile{Name: name})
		}
		report.Files[n].Errors = append(report.Files[n].Errors, checkstyleError{
			Line: max(1, f.Where.Line), Column: f.Where.Column, Severity: f.Severity.String(), Message: Escape(f.line()),
			Source: "mqx." + f.Code,
		})
	}
	return appendXML(dst, report)
}
