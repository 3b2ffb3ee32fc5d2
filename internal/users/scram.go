package users

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/stringprep"
)

// scramIterations is what new SCRAM records get: the least that RFC 7677 allows.
const scramIterations = 4096

// Scram is what a server keeps of a password for SCRAM-SHA-256 (RFC 5802, section 3; RFC 7677).
type Scram struct {
	Iterations int
	Salt       []byte
	StoredKey  []byte
	ServerKey  []byte
}

func newScram(password string) (Scram, error) {
	password, err := stringprep.SASLprep.Prepare(password) // clients do the same (RFC 5802, section 2.2)
	if err != nil {
		return Scram{}, fmt.Errorf("SCRAM does not allow this password: %w", err)
	}
	r := Scram{Iterations: scramIterations, Salt: make([]byte, 16)}
	_, _ = rand.Read(r.Salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, r.Salt, r.Iterations, sha256.Size)
	if err != nil {
		return Scram{}, fmt.Errorf("derive a key: %w", err)
	}
	client := sum(salted, "Client Key")
	stored := sha256.Sum256(client)
	r.StoredKey, r.ServerKey = stored[:], sum(salted, "Server Key")

	return r, nil
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))

	return h.Sum(nil)
}

func parseScram(text string) (*Scram, error) {
	fields := strings.Split(text, ":")
	if len(fields) != 4 {
		return nil, errors.New("a SCRAM record is name:iterations:salt:stored-key:server-key")
	}
	n, err := strconv.Atoi(fields[0])
	if err != nil || n < scramIterations || n > maxIterations {
		return nil, fmt.Errorf("the number of SCRAM iterations is not from %d to %d", scramIterations, maxIterations)
	}
	var parts [3][]byte
	for i, field := range fields[1:] {
		if parts[i], err = base64.StdEncoding.DecodeString(field); err != nil {
			return nil, errors.New("a part of the SCRAM record is not base64")
		}
	}
	r := &Scram{Iterations: n, Salt: parts[0], StoredKey: parts[1], ServerKey: parts[2]}
	if len(r.Salt) == 0 || len(r.StoredKey) != sha256.Size || len(r.ServerKey) != sha256.Size {
		return nil, errors.New("a part of the SCRAM record has the wrong size")
	}

	return r, nil
}

// String returns the record as it stands in the file.
func (r Scram) String() string {
	parts := []string{strconv.Itoa(r.Iterations)}
	for _, b := range [][]byte{r.Salt, r.StoredKey, r.ServerKey} {
		parts = append(parts, base64.StdEncoding.EncodeToString(b))
	}

	return strings.Join(parts, ":")
}
