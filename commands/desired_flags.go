package commands

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/twin"
)

const (
	// maxInput is how much is read of a document in a file or on standard input.
	maxInput = 16 << 20
	// defaultSkew is how far clocks may be apart.
	defaultSkew = 5 * time.Second
	// defaultGrace is how long an offline is doubted.
	defaultGrace = time.Second
)

// readInput reads a file, or standard input for -.
func (e *env) readInput(file string) ([]byte, error) {
	r := e.streams.In
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(text) > maxInput {
		err = fmt.Errorf("%s: more than %d bytes", file, maxInput)
	}
	return text, err
}

// toleranceFlag takes N or /pointer=N, repeatedly.
type toleranceFlag struct{ twin.Tolerance }

// Set adds a tolerance.
func (f *toleranceFlag) Set(s string) error {
	key, number, one := strings.Cut(s, "=")
	if !one {
		number = s
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0) || math.IsInf(n, 0) {
		return fmt.Errorf("%q is not a number of 0 or more", number)
	}
	if !one {
		f.All = n
		return nil
	}
	tokens, err := twin.ParseKey(key)
	if err != nil {
		return err
	}
	if f.ByPointer == nil {
		f.ByPointer = map[string]float64{}
	}
	f.ByPointer[twin.Pointer(tokens)] = n
	return nil
}

// SetLine adds a tolerance from the environment.
func (f *toleranceFlag) SetLine(s string) error { return f.Set(s) }

// String returns the value.
func (f *toleranceFlag) String() string {
	if f.All == 0 {
		return ""
	}
	return strconv.FormatFloat(f.All, 'g', -1, 64)
}

// Type names the value in help.
func (*toleranceFlag) Type() string { return "[/pointer=]N" }

// wordFlag takes one of some words.
type wordFlag[T ~string] struct {
	word  *T
	words []string
}

// Set checks the word.
func (f wordFlag[T]) Set(s string) error {
	if err := oneOf(s, f.words...); err != nil {
		return err
	}
	*f.word = T(s)
	return nil
}

// String returns the value.
func (f wordFlag[T]) String() string {
	if f.word == nil {
		return ""
	}
	return string(*f.word)
}

// Type names the value in help.
func (f wordFlag[T]) Type() string { return strings.Join(f.words, "|") }

// optionalNumber takes a whole number that may be left out.
type optionalNumber[T uint64 | int] struct{ n **T }

// Set parses a number.
func (f optionalNumber[T]) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return err
	}
	*f.n = new(T(n))
	return nil
}

// String returns the value.
func (f optionalNumber[T]) String() string {
	if f.n == nil || *f.n == nil {
		return ""
	}
	return fmt.Sprint(**f.n)
}

// Type names the value in help.
func (optionalNumber[T]) Type() string { return "N" }

// waitFlags are those of every wait for devices.
type waitFlags struct {
	policy    twin.Policy
	ifOffline twin.OfflinePolicy
	stable    time.Duration
	skew      time.Duration
	grace     time.Duration
}

func (w *waitFlags) addFlags(cmd *cobra.Command) {
	w.policy, w.ifOffline, w.skew, w.grace = twin.Auto, twin.WaitOffline, defaultSkew, defaultGrace
	fs := cmd.Flags()
	fs.Var(wordFlag[twin.Policy]{&w.policy, []string{"auto", "ack", "live", "time", "any"}}, "evidence",
		"what proves that a device has answered this document: see above")
	fs.Var(durationFlag{&w.stable}, "stable", "how long a device must stay converged")
	fs.Var(wordFlag[twin.OfflinePolicy]{&w.ifOffline, []string{"wait", "fail", "skip"}}, "if-offline", "what to do about devices that are offline")
	fs.Var(durationFlag{&w.grace}, "offline-grace", "how long a status offline is doubted: the device may publish all the same")
	fs.Var(durationFlag{&w.skew}, "skew", "how far clocks may be apart")
}

const evidenceHelp = "Evidence, the strongest first: ack, the report names the document (desired_rev or desired_id); live, a report came after\n" +
	"it; time, the report's timestamp is not before the document's; any, the values match, and may have done so for long.\n" +
	"auto wants ack of a device that has ever given one, else live; a wait for an older document also takes time."

func (w *waitFlags) options() twin.WaitOptions {
	return twin.WaitOptions{Policy: w.policy, IfOffline: w.ifOffline, Stable: w.stable, Skew: w.skew, Grace: w.grace}
}

// needs are what a wait has to read.
func (w *waitFlags) needs() twin.Needs { return twin.Needs{Reported: true, Status: true, Live: true} }

// errNoChange says that a set has nothing to set.
var errNoChange = errors.New("what shall be changed? key=value, --patch, --json-patch or --replace is needed")
