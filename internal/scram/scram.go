// Package scram is SCRAM-SHA-256 (RFC 5802, RFC 7677) as an Authentication Method of the embedded broker.
//
// [New] makes a [broker.Authenticator] of a function that looks up what is kept of a user's password. The password itself
// is neither sent nor kept. There is no channel binding: SCRAM-SHA-256-PLUS is not offered.
package scram

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/xdg-go/scram"

	"github.com/mqx-cli/mqx/internal/broker"
)

// Method is the Authentication Method in CONNECT.
const Method = "SCRAM-SHA-256"

// Iterations is how many iterations a user who does not exist seems to have: the least that RFC 7677 allows.
const Iterations = 4096

// Credentials are what a server keeps of a password.
type Credentials struct {
	Iterations int
	Salt       []byte
	StoredKey  []byte // 32 bytes
	ServerKey  []byte // 32 bytes
}

// authenticator is a [broker.Authenticator].
type authenticator struct {
	server *scram.Server
	key    [32]byte // of this process
}

// New returns an Authenticator for the users that lookup knows. lookup is called from many goroutines. A user who does
// not exist gets the same answers as one with another password.
func New(lookup func(user string) (Credentials, bool)) (broker.Authenticator, error) {
	a := &authenticator{}
	if _, err := rand.Read(a.key[:]); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	server, err := scram.SHA256.NewServer(func(user string) (scram.StoredCredentials, error) {
		c, ok := lookup(user)
		if !ok {
			c = a.nobody(user)
		}

		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(c.Salt), Iters: c.Iterations},
			StoredKey:  c.StoredKey,
			ServerKey:  c.ServerKey,
		}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("offer %s: %w", Method, err)
	}
	a.server = server

	return a, nil
}

// nobody returns credentials that no password has, always the same ones for a name: a salt that changed would tell that
// there is no such user.
func (a *authenticator) nobody(user string) Credentials {
	derive := func(what string) []byte {
		h := hmac.New(sha256.New, a.key[:])
		h.Write([]byte(what + "\x00" + user))

		return h.Sum(nil)
	}

	return Credentials{Iterations, derive("salt")[:16], derive("stored"), derive("server")}
}

// Begin starts an exchange by SCRAM-SHA-256.
func (a *authenticator) Begin(method string) broker.Exchange {
	if method != Method {
		return nil
	}

	return &exchange{a.server.NewConversation()}
}

// exchange is a [broker.Exchange].
type exchange struct{ conversation *scram.ServerConversation }

// Step takes the client's first and final message.
func (x *exchange) Step(data []byte) (reply []byte, done bool, err error) {
	text, err := x.conversation.Step(string(data))
	if err != nil {
		return nil, false, err
	}
	if id := x.conversation.AuthzID(); id != "" && id != x.conversation.Username() {
		return nil, false, errors.New("nobody may act for another user")
	}

	return []byte(text), x.conversation.Valid(), nil
}

// Username is the user name that was proved.
func (x *exchange) Username() string { return x.conversation.Username() }
