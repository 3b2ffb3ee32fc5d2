package lint

import (
	"regexp"
	"strings"

	"github.com/mqx-cli/mqx/internal/contract"
)

// retain mends a finding about the RETAIN flag of a kind in a contract file, where the file spells it out.
func (r mendable) retain(c *contractCheck, k *contract.Kind, from, to string) {
	at := c.contract.At("kinds", k.Name, "retain")
	offset := 0
	for range at.Line - 1 {
		n := strings.IndexByte(c.text[offset:], '\n')
		if n < 0 {
			return
		}
		offset += n + 1
	}
	line, _, _ := strings.Cut(c.text[offset:], "\n")
	begin := min(max(at.Column-1, 0), len(line))
	said := regexp.MustCompile(`^"?retain"?[ \t]*:[ \t]*(` + from + `)\b`).FindStringSubmatchIndex(line[begin:])
	if said == nil || r.place.File != at.File {
		return
	}
	r.place.span = span{begin: offset, next: len(c.text)}
	r.replace(UnsafeFix, begin+said[2], begin+said[3], to)
}

// verify mends a call of a program that turns the check of certificates off, where another value of it turns it on.
func (r mendable) verify(s *sourceCheck, call string) {
	for _, c := range []struct{ call, name, off, on string }{
		{"tls_insecure_set(True)", "tls_insecure_set", "True", "False"},
		{"InsecureSkipVerify:true", "InsecureSkipVerify", "true", "false"},
		{"rejectUnauthorized:false", "rejectUnauthorized", "false", "true"},
		{"cert_reqs=ssl.CERT_NONE", "cert_reqs", "CERT_NONE", "CERT_REQUIRED"},
		{"setInsecureSkipVerify(true)", "setInsecureSkipVerify", "true", "false"},
	} {
		if c.call != call {
			continue
		}
		at := strings.Index(s.text, c.name)
		if at < 0 {
			return
		}
		if n := strings.Index(s.text[at:], c.off); n >= 0 {
			r.replace(UnsafeFix, at+n, at+n+len(c.off), c.on)
		}
	}
}
