package lint

import (
	"encoding/json"
	"strconv"
)

// gitlabIssue is a finding in the subset of the Code Climate format that GitLab reads.
type gitlabIssue struct {
	Description string         `json:"description"`
	CheckName   string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int `json:"begin"`
}

// appendGitLab appends the findings as a code quality report. GitLab takes findings of one fingerprint for one and the same,
// so that those of several lines are told apart; what stands in no file is put under the name of its kind.
func (r *Report) appendGitLab(dst []byte) ([]byte, error) {
	issues := []gitlabIssue{}
	seen := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		issue := gitlabIssue{
			Description: Escape(f.Code + ": " + f.line()), CheckName: f.Code + " " + f.Name, Fingerprint: f.Fingerprint,
			Severity: [...]string{"", "info", "minor", "major"}[f.Severity],
			Location: gitlabLocation{f.Where.File, gitlabLines{max(1, f.Where.Line)}},
		}
		if issue.Location.Path == "" {
			issue.Location.Path = string(f.Where.Kind)
		}
		if n := seen[f.Fingerprint]; n > 0 {
			issue.Fingerprint += "-" + strconv.Itoa(n)
		}
		seen[f.Fingerprint]++
		issues = append(issues, issue)
	}
	text, err := json.Marshal(issues)
	return append(append(dst, text...), '\n'), err
}
