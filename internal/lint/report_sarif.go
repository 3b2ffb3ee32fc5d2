package lint

import (
	"encoding/json"
	"net/url"
)

// The parts of SARIF 2.1.0 that a report of ours has (OASIS, section 3).
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"` //nolint:tagliatelle // SARIF's names
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	InformationURI string      `json:"informationUri"` //nolint:tagliatelle // SARIF's names
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Short   sarifText   `json:"shortDescription"`     //nolint:tagliatelle // SARIF's names
	Full    sarifText   `json:"fullDescription"`      //nolint:tagliatelle // SARIF's names
	HelpURI string      `json:"helpUri"`              //nolint:tagliatelle // SARIF's names
	Default sarifConfig `json:"defaultConfiguration"` //nolint:tagliatelle // SARIF's names
}

type sarifConfig struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`    //nolint:tagliatelle // SARIF's names
	RuleIndex    int               `json:"ruleIndex"` //nolint:tagliatelle // SARIF's names
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints"` //nolint:tagliatelle // SARIF's names
	Fixes        []sarifFix        `json:"fixes,omitempty"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"` //nolint:tagliatelle // SARIF's names
	Logical  []sarifLogical `json:"logicalLocations,omitempty"` //nolint:tagliatelle // SARIF's names
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"` //nolint:tagliatelle // SARIF's names
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`             //nolint:tagliatelle // SARIF's names
	StartColumn int `json:"startColumn,omitempty"` //nolint:tagliatelle // SARIF's names
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"` //nolint:tagliatelle // SARIF's names
	Kind string `json:"kind"`
}

const (
	sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"
	projectURL  = "https://github.com/mqx-cli/mqx"
)

// appendSARIF appends a SARIF 2.1.0 log. It declares all rules, not only those with findings, so that an alert that was
// mended is closed.
func (r *Report) appendSARIF(dst []byte) ([]byte, error) {
	run := sarifRun{ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "mqx", InformationURI: projectURL}
	index := map[string]int{}
	rules := Rules()
	for i := range rules {
		rule := &rules[i]
		index[rule.Code] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: rule.Code, Name: rule.Name, Short: sarifText{rule.Summary}, Full: sarifText{rule.Why},
			HelpURI: projectURL + "/blob/main/docs/rules/" + rule.Code + ".md", Default: sarifConfig{sarifLevel(rule.Severity)},
		})
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		run.Results = append(run.Results, sarifResult{
			RuleID: f.Code, RuleIndex: index[f.Code], Level: sarifLevel(f.Severity), Message: sarifText{Escape(f.line())},
			Locations: f.sarifLocations(), Fingerprints: map[string]string{"mqx/v1": f.Fingerprint},
			Fixes: f.sarifFixes(),
		})
	}
	text, err := json.Marshal(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
	return append(append(dst, text...), '\n'), err
}

func (f *Finding) sarifLocations() []sarifLocation {
	var l sarifLocation
	if f.Where.File != "" {
		l.Physical = &sarifPhysical{Artifact: sarifArtifact{(&url.URL{Path: f.Where.File}).String()}}
		if f.Where.Line > 0 {
			l.Physical.Region = &sarifRegion{f.Where.Line, f.Where.Column}
		}
	}
	if f.Where.Template != "" {
		l.Logical = []sarifLogical{{Escape(f.Where.Template), "topic"}}
	}
	if l.Physical == nil && l.Logical == nil {
		return nil
	}
	return []sarifLocation{l}
}

// sarifLevel is the word for a severity in SARIF.
func sarifLevel(s Severity) string {
	return [...]string{"none", "note", "warning", "error"}[s]
}
