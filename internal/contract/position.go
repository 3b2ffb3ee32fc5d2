package contract

import (
	"fmt"
	"strings"
	"time"
)

// What the guide's convention takes for reasonable.
const (
	clockSkew  = 30 * time.Second
	staleAfter = 7 * 24 * time.Hour
)

// String returns the position as editors take it.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// joinPath makes a key of the names that lead to a place in a file.
func joinPath(path []string) string { return strings.Join(path, "\x00") }
