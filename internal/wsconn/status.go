package wsconn

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	// bodyTime bounds the wait for the text of an answer.
	bodyTime = 500 * time.Millisecond
	// maxBody bounds what is read of it, in bytes, and maxSays what is shown, in characters.
	maxBody = 2 << 10
	maxSays = 120
)

// StatusError means that the server answered the request for a WebSocket with something else.
type StatusError struct {
	Code int // the HTTP status
	// Location is where a redirection points to, without a query, and perhaps without a host; nil for none.
	Location *url.URL
	// Says is what the server adds in words, one line of printable characters; often empty.
	Says string
}

// Error says what the server answered.
func (e *StatusError) Error() string {
	status := strings.TrimSpace(strconv.Itoa(e.Code) + " " + http.StatusText(e.Code))
	text := "the server answered HTTP status " + status + " instead of opening a WebSocket"
	if e.Says != "" {
		text += fmt.Sprintf(" (it says %q)", e.Says)
	}

	return text
}

func newStatusError(answer *http.Response, under net.Conn) *StatusError {
	e := &StatusError{Code: answer.StatusCode}
	if to, err := url.Parse(answer.Header.Get("Location")); err == nil && to.Path != "" {
		to.User, to.RawQuery, to.Fragment = nil, "", "" // there may be a token in it
		e.Location = to
	}
	enough := time.AfterFunc(bodyTime, func() { _ = under.Close() })
	defer enough.Stop()
	if answer.ContentLength != 0 {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, maxBody)) // what has come of it will do
		e.Says = firstWords(body)
	}
	if code := strconv.Itoa(e.Code); strings.EqualFold(e.Says, code+" "+http.StatusText(e.Code)) || strings.EqualFold(e.Says, http.StatusText(e.Code)) {
		e.Says = "" // it is said already
	}

	return e
}

// firstWords returns the title of a page, or a text of one line; "" for anything else.
func firstWords(body []byte) string {
	if i := bytes.Index(body, []byte("<title>")); i >= 0 {
		body, _, _ = bytes.Cut(body[i+len("<title>"):], []byte("</title>"))
	}
	says := strings.TrimSpace(string(body))
	if len([]rune(says)) > maxSays || strings.ContainsFunc(says, func(r rune) bool { return !unicode.IsPrint(r) || r == '<' || r == '{' || r == unicode.ReplacementChar }) {
		return ""
	}

	return says
}
