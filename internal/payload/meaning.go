package payload

import (
	"strings"

	"github.com/mqx-cli/mqx/internal/words"
)

// Secret says what kind of secret a member of a document looks like, by its name or its value: "a private key", "a secret";
// "" for none. A masked value is none.
func Secret(key, value string) string {
	if strings.Trim(value, "*•xX") == "" {
		return ""
	}
	switch {
	case strings.Contains(value, "PRIVATE KEY-----"):
		return "a private key"
	case strings.HasPrefix(value, "eyJ") && strings.Count(value, ".") == 2 && len(value) > 40:
		return "a JSON Web Token"
	case len(value) == 20 && (strings.HasPrefix(value, "AKIA") || strings.HasPrefix(value, "ASIA")):
		return "an AWS access key"
	}
	switch flat := words.Fold(key); {
	case strings.HasSuffix(flat, "password"), strings.HasSuffix(flat, "passwd"), strings.HasSuffix(flat, "passphrase"),
		strings.HasSuffix(flat, "secret"), strings.HasSuffix(flat, "apikey"), strings.HasSuffix(flat, "privatekey"),
		strings.HasSuffix(flat, "accesstoken"), strings.HasSuffix(flat, "authtoken"), flat == "token", flat == "psk", flat == "pwd":
		return "a secret"
	}
	return ""
}

// Action reports whether the name of a member of a state asks for an action: reboot, toggle. A state holds until it is
// changed, so that the action would be carried out again at every reconnect.
func Action(key string) bool {
	switch words.Fold(key) {
	case "reboot", "restart", "reset", "toggle", "trigger", "now", "execute", "run", "factoryreset", "updatenow":
		return true
	default:
		return false
	}
}
