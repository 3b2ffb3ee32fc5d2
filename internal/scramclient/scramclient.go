// Package scramclient is the client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) as an Authentication Method of MQTT 5,
// section 4.12. The password is not sent, and the Server has to prove that it knows it, too.
package scramclient

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"

	"github.com/mqx-cli/mqx/internal/client"
)

// Method is the Authentication Method in CONNECT.
const Method = "SCRAM-SHA-256"

// maxIterations bounds what a Server can make the client calculate, which nothing can interrupt: about a second. Servers
// have 4,096 to some 100,000.
const maxIterations = 2_000_000

// errUnproven ends a connection to a Server that may be another one than it says.
var errUnproven = errors.New("the server has not proved that it knows the password")

// login is a [client.Authentication].
type login struct{ client *scram.Client }

// New returns the Authentication of a user. It fails for names and passwords that SASLprep does not allow (RFC 4013).
func New(user, password string) (client.Authentication, error) {
	c, err := scram.SHA256.NewClient(user, password, "")
	if err != nil {
		return nil, fmt.Errorf("user name or password: %w", err)
	}

	return &login{c}, nil
}

// Method returns the name of the Authentication Method.
func (*login) Method() string { return Method }

// Begin starts an exchange.
func (l *login) Begin() client.Exchange { return &exchange{l.client.NewConversation()} }

// exchange is a [client.Exchange].
type exchange struct{ conversation *scram.ClientConversation }

// Step answers the Server; the first one has nothing to answer to. Too few iterations, with which the password could be
// guessed from the answer, are refused by the library.
func (x *exchange) Step(challenge []byte) ([]byte, error) {
	if n, ok := iterations(string(challenge)); ok && n > maxIterations {
		return nil, fmt.Errorf("%w: it wants %d iterations, %d are allowed at most", errUnproven, n, maxIterations)
	}
	answer, err := x.conversation.Step(string(challenge))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnproven, err)
	}

	return []byte(answer), nil
}

// iterations is what a server's first message says about their number (RFC 5802, section 5.1).
func iterations(challenge string) (n int, ok bool) {
	for attribute := range strings.SplitSeq(challenge, ",") {
		if value, is := strings.CutPrefix(attribute, "i="); is {
			n, err := strconv.Atoi(value)

			return n, err == nil
		}
	}

	return 0, false
}

// Finish checks the Server's proof.
func (x *exchange) Finish(proof []byte) error {
	if !x.conversation.Done() {
		if _, err := x.Step(proof); err != nil {
			return err
		}
	}
	if !x.conversation.Valid() {
		return errUnproven
	}

	return nil
}
