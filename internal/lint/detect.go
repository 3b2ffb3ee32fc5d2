package lint

import (
	"bytes"
	"path/filepath"
	"strings"

	"github.com/tidwall/gjson"
)

// Detect says what a file is by its name and its beginning, "" when that is not clear.
func Detect(name string, head []byte) Kind {
	base := strings.ToLower(filepath.Base(name))
	ext := filepath.Ext(base)
	switch ext {
	case ".jsonl", ".ndjson":
		return Messages
	case ".json":
		return detectJSON(head)
	case ".yaml", ".yml":
		return detectYAML(head)
	case ".acl":
		return detectACL(head, ACL)
	case ".topics":
		return Topics
	case ".filters":
		return Filters
	case ".go", ".py", ".js", ".ts", ".mjs", ".c", ".cc", ".cpp", ".h", ".hpp", ".ino", ".java", ".kt", ".rs", ".cs", ".swift", ".rb",
		".php", ".lua":
		return Source
	case ".conf", "", ".txt", ".list":
		return detectText(base, head)
	default:
		return ""
	}
}

func detectJSON(head []byte) Kind {
	line, _, more := bytes.Cut(bytes.TrimSpace(head), []byte("\n"))
	if gjson.ValidBytes(line) && gjson.GetBytes(line, "topic").Exists() {
		return Messages
	}
	if more && gjson.ValidBytes(line) && len(line) > 1 {
		return "" // lines of JSON that are no messages
	}
	return Payload
}

func detectYAML(head []byte) Kind {
	for line := range bytes.Lines(head) {
		if bytes.HasPrefix(line, []byte("version: mqx/sim/")) {
			return Fleet
		}
		if bytes.HasPrefix(line, []byte("version: mqx/")) || bytes.HasPrefix(line, []byte("asyncapi:")) {
			return Contract
		}
	}
	return ""
}

// detectACL tells the two kinds of access lists apart.
func detectACL(head []byte, otherwise Kind) Kind {
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("{allow")) || bytes.HasPrefix(line, []byte("{deny")) {
			return EMQXACL
		}
	}
	return otherwise
}

// detectText looks at the first lines of a text.
func detectText(base string, head []byte) Kind {
	if kind := detectACL(head, ""); kind != "" {
		return kind
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return ""
	}
	var accessLines, confLines, topicLines, filterLines, lines int
	for raw := range bytes.Lines(head) {
		line := string(bytes.TrimSpace(raw))
		if line == "" || strings.HasPrefix(line, "# ") || !bytes.HasSuffix(raw, []byte("\n")) && lines > 0 {
			continue
		}
		lines++
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case (word == "user" || word == "topic" || word == "pattern") && rest != "":
			accessLines++
		case rest != "" && confScope(word) != "":
			confLines++
		case strings.ContainsAny(line, "+#") && strings.Contains(line, "/"):
			filterLines++
		case strings.Contains(line, "/") && !strings.Contains(line, "://"):
			topicLines++
		}
	}
	switch {
	case lines == 0:
		return ""
	case strings.HasSuffix(base, ".conf") && confLines > 0, confLines*2 > lines:
		return Conf
	case accessLines*2 > lines:
		return ACL
	case filterLines*2 > lines:
		return Filters
	case (topicLines+filterLines)*2 > lines:
		return Topics
	default:
		return ""
	}
}
