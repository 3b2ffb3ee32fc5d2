// Package manifest writes what schedulers take for playing a fleet in parts: a Kubernetes Indexed Job with a ConfigMap, and a
// Nomad batch job. [Kubernetes] and [Nomad] return text; neither talks to a cluster.
//
// Every part is the same container with the same arguments: which one it is, the scheduler says in the environment.
package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Job is a fleet that is to be played in parts.
type Job struct {
	// Name is that of the job: a DNS label, see [Name].
	Name string
	// Namespace is that of Kubernetes and of Nomad; empty leaves it to who submits the job.
	Namespace string
	// Image is the container image, Driver the task driver of Nomad: docker, podman, exec or raw_exec, which take no image but
	// a command.
	Image, Driver string
	// Shards is how many parts there are, Devices how many devices there are in all of them.
	Shards, Devices int
	// Profile is the name of the profile among Files. Contract is that of the contract, empty for none.
	Profile, Contract string
	Files             []File
	// Claim is the PersistentVolumeClaim that summaries are written to, Secret the Secret whose keys become environment
	// variables, empty for none.
	Claim, Secret string
	// StartAt is when all parts begin; zero is at once.
	StartAt time.Time
	// Length is how long the run is in real time; 0 is without an end.
	Length time.Duration
	// Ledger says that the parts write ledgers, too.
	Ledger bool
	// Args are further arguments of simulate fleet.
	Args []string
}

// File is a file that the parts need.
type File struct {
	// Path is relative to the folder of the profile, with slashes.
	Path string
	Data []byte
}

// MostBytes is what a ConfigMap can hold.
const MostBytes = 1 << 20

const (
	// metricsPort is where the parts serve their metrics.
	metricsPort = 9464
	// slack is how long a part may take beyond the run: to be scheduled, to take leave, to be started again.
	slack = 10 * time.Minute
	// retries is how often a part is started again.
	retries = 2
	mebi    = 1 << 20
	// ownBytes and deviceBytes are what a process needs, and what each device adds.
	ownBytes    = 64 * mebi
	deviceBytes = 16 << 10
)

// Name makes a DNS label of a profile's name, short enough for what schedulers add to it.
func Name(profile string) string {
	const longest = 40
	var b strings.Builder
	for _, r := range strings.ToLower(profile) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if s := b.String(); s != "" && !strings.HasSuffix(s, "-") {
			b.WriteByte('-')
		}
	}
	name := b.String()
	return "mqx-" + strings.Trim(name[:min(len(name), longest)], "-")
}

// CheckName reports why a text is no name of a job: a DNS label, short enough for what schedulers add to it.
func CheckName(name string) error {
	const longest = 52
	plain := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' }
	if name == "" || len(name) > longest || strings.Trim(name, "-") != name {
		return fmt.Errorf("%q is no name of a job: up to %d of a-z, 0-9 and - are", name, longest)
	}
	for _, r := range name {
		if !plain(r) {
			return fmt.Errorf("%q is no name of a job: %q is neither of a-z, 0-9 nor -", name, r)
		}
	}
	return nil
}

// check refuses what no scheduler could run.
func (j *Job) check() error {
	if err := CheckName(j.Name); err != nil {
		return err
	}
	const most = 100_000 // parallel pods of an Indexed Job
	if j.Shards < 1 || j.Shards > most {
		return fmt.Errorf("%d parts: 1 to %d are expected", j.Shards, most)
	}
	if j.Shards > j.Devices {
		return fmt.Errorf("%d parts are more than the fleet has devices, which are %d", j.Shards, j.Devices)
	}
	size := 0
	for _, f := range j.Files {
		size += len(f.Data) + len(f.Path)
		if clean := path.Clean(f.Path); path.IsAbs(clean) || strings.HasPrefix(clean, "../") {
			return fmt.Errorf("%s: only files in the folder of the profile can be taken along", f.Path)
		}
	}
	if size > MostBytes {
		return fmt.Errorf("the profile and the files that it names have %d bytes, and a ConfigMap holds %d", size, MostBytes)
	}
	if !slices.ContainsFunc(j.Files, func(f File) bool { return f.Path == j.Profile }) {
		return errors.New("the profile is not among the files")
	}
	return nil
}

// args are the arguments of a part, whose files are in a folder, and which writes to another, where its number is index. The
// last of them are those of the user.
func (j *Job) args(files, out, index string) []string {
	args := []string{"simulate", "fleet", files + "/" + j.Profile, "--summary", out + "/summary-" + index + ".json"}
	if j.Ledger {
		args = append(args, "--ledger", out+"/ledger-"+index+".jsonl")
	}
	args = append(args, "--prometheus", fmt.Sprintf("0.0.0.0:%d", metricsPort), "--yes")
	if j.Contract != "" {
		args = append(args, "--contract", files+"/"+j.Contract)
	}
	if !j.StartAt.IsZero() {
		args = append(args, "--start-at", j.StartAt.UTC().Format(time.RFC3339))
	}
	return append(args, j.Args...)
}

// mebibytes is the memory that a part needs.
func (j *Job) mebibytes() int {
	devices := (j.Devices + j.Shards - 1) / j.Shards
	return (ownBytes + devices*deviceBytes + mebi - 1) / mebi
}

// quote writes text as a JSON string, which is a YAML one as well.
func quote(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string
	return strings.TrimSuffix(b.String(), "\n")
}

// plainText reports whether text can stand in a block of lines as it is: it is printable, and its line ends are line feeds.
func plainText(text string) bool {
	for _, r := range text {
		switch {
		case r == '\n', r == '\t':
		case r < ' ', r >= 0x7F && r <= 0x9F, r == '\uFFFD', r == '\u2028', r == '\u2029', r == '\uFEFF':
			return false
		}
	}
	return text != "" && strings.HasSuffix(text, "\n")
}
