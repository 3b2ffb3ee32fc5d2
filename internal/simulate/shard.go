package simulate

import (
	"errors"
	"fmt"
	"strconv"
)

// Shard is a part of a fleet: the devices whose index leaves Index when divided by Count. The zero Shard is all of it.
type Shard struct{ Index, Count int }

// Has reports whether a device belongs to the part.
func (s Shard) Has(index int) bool { return s.Count <= 1 || index%s.Count == s.Index }

// ParseShard reads i/n, counted from 1: 2/5.
func ParseShard(text string) (Shard, error) {
	var s Shard
	var rest string
	n, _ := fmt.Sscanf(text, "%d/%d%s", &s.Index, &s.Count, &rest)
	if n != 2 || s.Count < 1 || s.Index < 1 || s.Index > s.Count {
		return Shard{}, fmt.Errorf("%q is not a part like 2/5", text)
	}
	s.Index--
	return s, nil
}

// errNoCount says that an index is known and not of how many. Taken for one of one, each part would play the whole fleet.
var errNoCount = errors.New("the number of parts is not known: set MQX_SHARD_COUNT or --shard-count")

// ShardOf finds the part that this process is to play: by an index from 0 and a count, where they are not negative, else by
// what a scheduler has put into the environment. Without any of it, that is the whole fleet.
func ShardOf(index, count int, getenv func(string) string) (Shard, error) {
	from := "--shard-index"
	if index < 0 {
		var err error
		if index, from, err = indexFromEnvironment(getenv); err != nil {
			return Shard{}, err
		}
	}
	if text := getenv("MQX_SHARD_COUNT"); count < 0 && text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return Shard{}, fmt.Errorf("MQX_SHARD_COUNT is %q, and not how many parts there are", text)
		}
		count = n
	}
	switch {
	case index < 0 && count <= 1:
		return Shard{}, nil
	case index < 0:
		return Shard{}, fmt.Errorf("there are %d parts, and which one this is is not known: set MQX_SHARD_INDEX or --shard-index", count)
	case count < 0:
		return Shard{}, fmt.Errorf("%s is %d: %w", from, index, errNoCount)
	case index >= count:
		return Shard{}, fmt.Errorf("%s is %d, counted from 0, of %d parts", from, index, count)
	}
	return Shard{index, count}, nil
}

// indexFromEnvironment looks where schedulers say which one of many a process is. It is -1 where none says so.
func indexFromEnvironment(getenv func(string) string) (index int, from string, err error) {
	for _, source := range []struct {
		name string
		base int    // what the first is called
		min  string // the variable that says it, where it differs
	}{
		{"MQX_SHARD_INDEX", 0, ""},
		{"JOB_COMPLETION_INDEX", 0, ""}, // a Kubernetes Job that is indexed
		{"NOMAD_ALLOC_INDEX", 0, ""},
		{"AWS_BATCH_JOB_ARRAY_INDEX", 0, ""},
		{"SLURM_ARRAY_TASK_ID", 0, "SLURM_ARRAY_TASK_MIN"}, // --array=1-20 begins with 1
		{"PARALLEL_SEQ", 1, ""},                            // GNU parallel
	} {
		text := getenv(source.name)
		if text == "" {
			continue
		}
		base := source.base
		if first := getenv(source.min); source.min != "" && first != "" {
			if base, err = strconv.Atoi(first); err != nil {
				return 0, "", fmt.Errorf("%s is %q, and no number", source.min, first)
			}
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < base {
			return 0, "", fmt.Errorf("%s is %q, and no number from %d on", source.name, text, base)
		}
		return n - base, source.name, nil
	}
	return -1, "", nil
}
