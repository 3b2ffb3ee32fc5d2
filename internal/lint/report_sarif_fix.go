package lint

import "net/url"

// The parts of SARIF 2.1.0 that propose a fix (section 3.55).
type sarifFix struct {
	Description sarifText     `json:"description"`
	Changes     []sarifChange `json:"artifactChanges"` //nolint:tagliatelle // SARIF's names
}

type sarifChange struct {
	Artifact     sarifArtifact      `json:"artifactLocation"` //nolint:tagliatelle // SARIF's names
	Replacements []sarifReplacement `json:"replacements"`
}

type sarifReplacement struct {
	Deleted  sarifBytes `json:"deletedRegion"`             //nolint:tagliatelle // SARIF's names
	Inserted *sarifText `json:"insertedContent,omitempty"` //nolint:tagliatelle // SARIF's names
}

type sarifBytes struct {
	Offset int `json:"byteOffset"` //nolint:tagliatelle // SARIF's names
	Length int `json:"byteLength"` //nolint:tagliatelle // SARIF's names
}

// sarifFixes proposes the edits of a finding, when all of them are known: half of a fix is none.
func (f *Finding) sarifFixes() []sarifFix {
	if len(f.Edits) == 0 || len(f.Edits) < f.Count {
		return nil
	}
	fix := sarifFix{Description: sarifText{f.FixClass.how()}}
	for i := range f.Edits {
		e := &f.Edits[i]
		uri := (&url.URL{Path: e.File}).String()
		if n := len(fix.Changes); n == 0 || fix.Changes[n-1].Artifact.URI != uri {
			fix.Changes = append(fix.Changes, sarifChange{Artifact: sarifArtifact{uri}})
		}
		r := sarifReplacement{Deleted: sarifBytes{e.Start, e.End - e.Start}}
		if e.Text != "" {
			r.Inserted = &sarifText{e.Text}
		}
		last := &fix.Changes[len(fix.Changes)-1]
		last.Replacements = append(last.Replacements, r)
	}
	return []sarifFix{fix}
}
