package users

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	// iterations is what new records get. It is ten times Mosquitto's, which reads any number.
	iterations = 1010
	// maxIterations bounds what a record may make us compute when somebody connects.
	maxIterations = 10_000_000
	saltSize      = 12
)

// hash is a password record: of kind 7, PBKDF2 with SHA-512, or of kind 6, which Mosquitto before 2.0 wrote: SHA-512 of the
// password and the salt.
type hash struct {
	kind       byte
	iterations int
	salt, key  []byte
}

func newHash(password string) hash {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	h := hash{kind: '7', iterations: iterations, salt: salt}
	h.key = h.derive([]byte(password), sha512.Size)

	return h
}

// absent is a record that stands in for users who are not in the file.
func absent() hash {
	return hash{kind: '7', iterations: iterations, salt: make([]byte, saltSize), key: make([]byte, sha512.Size)}
}

func parseHash(text string) (hash, error) {
	fields := strings.Split(text, "$")
	if len(fields) < 2 || fields[0] != "" {
		return hash{}, errors.New("the password is not hashed: write it with `mqx broker passwd`")
	}
	h := hash{iterations: 1}
	switch kind := fields[1]; {
	case kind == "7" && len(fields) == 5:
		n, err := strconv.Atoi(fields[2])
		if err != nil || n < 1 || n > maxIterations {
			return hash{}, fmt.Errorf("the number of iterations is not from 1 to %d", maxIterations)
		}
		h.kind, h.iterations, fields = '7', n, fields[3:]
	case kind == "6" && len(fields) == 4:
		h.kind, fields = '6', fields[2:]
	case kind == "6", kind == "7":
		return hash{}, errors.New("the hash has a part too few or too many")
	default:
		return hash{}, fmt.Errorf("hash type %s is not known, only 7 (PBKDF2) and 6 (SHA-512) are", quoted(kind))
	}
	var errSalt, errKey error
	h.salt, errSalt = base64.StdEncoding.DecodeString(fields[0])
	h.key, errKey = base64.StdEncoding.DecodeString(fields[1])
	if errSalt != nil || errKey != nil || len(h.salt) == 0 || len(h.key) < 16 || len(h.key) > sha512.Size {
		return hash{}, errors.New("salt or hash is cut off or not base64")
	}

	return h, nil
}

// String returns the record as it stands in the file.
func (h hash) String() string {
	rest := base64.StdEncoding.EncodeToString(h.salt) + "$" + base64.StdEncoding.EncodeToString(h.key)
	if h.kind == '6' {
		return "$6$" + rest
	}

	return "$7$" + strconv.Itoa(h.iterations) + "$" + rest
}

func (h hash) derive(password []byte, size int) []byte {
	if h.kind == '6' {
		sum := sha512.Sum512(append(slices.Clip(password), h.salt...))

		return sum[:size]
	}
	key, err := pbkdf2.Key(sha512.New, string(password), h.salt, h.iterations, size)
	if err != nil {
		return nil // a key size out of range; ours is not
	}

	return key
}

func (h hash) matches(password []byte) bool {
	return subtle.ConstantTimeCompare(h.derive(password, len(h.key)), h.key) == 1
}

func (h hash) equal(other hash) bool {
	return h.kind == other.kind && h.iterations == other.iterations &&
		slices.Equal(h.salt, other.salt) && slices.Equal(h.key, other.key)
}
