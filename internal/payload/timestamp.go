package payload

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// timestampMember is the member of a payload that says when it was made.
const timestampMember = "ts"

const (
	// secondsBelow is where Unix seconds end and milliseconds begin: the year 5138, or March 1973.
	secondsBelow = 1e11
	// lastMillisecond is the end of the year 9999. What is beyond counts in microseconds or less, and is not our format.
	lastMillisecond = 253402300799999
)

// Why there is no timestamp.
var (
	errNoObject    = errors.New("the payload is not a JSON object")
	errNoTimestamp = errors.New(`the payload has no "ts"`)
)

// Timestamp returns when a payload was made, if it says so: see [ParseTimestamp].
func Timestamp(p []byte) (time.Time, bool) {
	t, err := ParseTimestamp(p)
	return t, err == nil
}

// ParseTimestamp returns when a payload was made, or why it does not say so. That is the member "ts" of a JSON object: a
// number, Unix seconds below 1e11 and milliseconds from there on, or a string in RFC 3339 with a zone. A number inside a
// string is not taken for one: nobody can tell what it counts. Fractions are kept to the microsecond.
func ParseTimestamp(p []byte) (time.Time, error) {
	value, found, err := Lookup(p, timestampMember)
	switch {
	case err != nil || typeOfText(p) != typeObject:
		return time.Time{}, errNoObject
	case !found:
		return time.Time{}, errNoTimestamp
	}
	return TimeOf(value)
}

// TimeOf is [ParseTimestamp] for the value of the member.
func TimeOf(value any) (time.Time, error) {
	switch v := value.(type) {
	case json.Number:
		return unixTime(string(v))
	case string:
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return time.Time{}, fmt.Errorf(`"ts" is %.64q, which is not RFC 3339 with a zone`, v)
		}
		return t, nil
	default:
		return time.Time{}, fmt.Errorf(`"ts" is of type %s`, TypeOf(value))
	}
}

func unixTime(literal string) (time.Time, error) {
	n, err := strconv.ParseFloat(literal, 64)
	if err != nil || math.Abs(n) > lastMillisecond {
		return time.Time{}, fmt.Errorf(`"ts" is %.32s, neither Unix seconds nor milliseconds`, literal)
	}
	unit := float64(time.Second / time.Microsecond)
	if math.Abs(n) >= secondsBelow {
		unit = float64(time.Millisecond / time.Microsecond)
	}
	return time.UnixMicro(int64(math.Round(n * unit))).UTC(), nil
}
