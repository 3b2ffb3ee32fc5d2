package fleet

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Record is the list of topics at which a run leaves Retained Messages, in a file: it is written before they are published,
// so that it is there after a crash too. It is for one goroutine at a time.
type Record struct {
	// Run is the name of the run, which tells it from others.
	Run  string
	path string
	file *os.File
	text []byte
}

// RecordHead is what a record says about its run.
type RecordHead struct {
	Run     string    `json:"run"`
	Profile string    `json:"profile"`
	Broker  string    `json:"broker"`
	Began   time.Time `json:"began"`
}

// recordLine is a line after the first.
type recordLine struct {
	Topic string `json:"topic"`
}

// recordSuffix ends the names of records.
const recordSuffix = ".jsonl"

// ErrNoRecord says that there is no record of a run.
var ErrNoRecord = errors.New("there is no record of this run")

// NewRecord begins a record in a folder, which is created. The name of the run is made of what head.Run says, which gets a
// number when there is one of this name already.
func NewRecord(dir string, head RecordHead) (*Record, error) {
	const mode = 0o700
	if err := os.MkdirAll(dir, mode); err != nil {
		return nil, err
	}
	name := cleanName(head.Run)
	for n := 1; ; n++ {
		if head.Run = name; n > 1 {
			head.Run = fmt.Sprintf("%s-%d", name, n)
		}
		path := filepath.Join(dir, head.Run+recordSuffix)
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		text, _ := json.Marshal(head) // plain values
		if _, err := file.Write(append(text, '\n')); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return &Record{Run: head.Run, path: path, file: file}, nil
	}
}

// cleanName leaves what can be part of the name of a file everywhere.
func cleanName(text string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		default:
			return '-'
		}
	}, text)
	const most = 100
	return strings.TrimLeft(name[:min(len(name), most)], ".-")
}

// Add writes topics down. When it returns, they survive the end of this process.
func (r *Record) Add(topics ...string) error {
	r.text = r.text[:0]
	for _, topic := range topics {
		text, _ := json.Marshal(recordLine{topic}) // plain values
		r.text = append(append(r.text, text...), '\n')
	}
	if _, err := r.file.Write(r.text); err != nil {
		return fmt.Errorf("record of retained topics: %w", err)
	}
	return nil
}

// Close closes the file and leaves it.
func (r *Record) Close() error { return r.file.Close() }

// ReadRecord reads the record of a run: its head, and its topics, each once, in order.
func ReadRecord(dir, run string) (RecordHead, []string, error) {
	var head RecordHead
	if run == "" || run != cleanName(run) {
		return head, nil, ErrNoRecord
	}
	file, err := os.Open(filepath.Join(dir, run+recordSuffix))
	if errors.Is(err, os.ErrNotExist) {
		return head, nil, ErrNoRecord
	}
	if err != nil {
		return head, nil, err
	}
	defer file.Close()
	return readRecord(file)
}

func readRecord(r io.Reader) (head RecordHead, topics []string, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Run == "" {
		return head, nil, errors.New("not a record of a run")
	}
	for lines.Scan() {
		var line recordLine
		if len(bytes.TrimSpace(lines.Bytes())) == 0 || json.Unmarshal(lines.Bytes(), &line) != nil || line.Topic == "" {
			continue // the last one may be half a line, whose message was not published then
		}
		topics = append(topics, line.Topic)
	}
	slices.Sort(topics)
	return head, slices.Compact(topics), lines.Err()
}

// RemoveRecord forgets a run.
func RemoveRecord(dir, run string) error { return os.Remove(filepath.Join(dir, run+recordSuffix)) }

// Records returns the names of the runs that are recorded in a folder, in alphabetical order.
func Records(dir string) []string {
	entries, _ := os.ReadDir(dir) // a folder that is not there has none
	var runs []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), recordSuffix); ok && e.Type().IsRegular() {
			runs = append(runs, name)
		}
	}
	return runs
}
