package commands

import (
	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/dump"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
)

// dumpOptions are the flags that keep messages as files.
type dumpOptions struct {
	dir  string
	each bool
}

func (o *dumpOptions) addFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&o.dir, "dump", "", "keep messages as files below this folder instead of printing them: the last one of each topic;\n"+
		"mqx pub --from-dump publishes them again")
	fs.BoolVar(&o.each, "dump-each", false, "with --dump, keep every message, in numbered files")
}

// check checks what flags say together.
func (o *dumpOptions) check(cmd *cobra.Command) error {
	if !given(cmd, "dump") {
		if o.each {
			return usageError(cmd, "--dump-each does nothing without --dump")
		}
		return nil
	}
	if o.dir == "" {
		return usageError(cmd, "--dump needs a folder")
	}
	if others := chosen(cmd, "exec", "json", "format", "path", "jq", "verbose", "no-newline"); len(others) > 0 {
		return usageError(cmd, "--dump and %s exclude each other: nothing is printed", others[0])
	}
	return nil
}

// sink keeps messages.
func (o *dumpOptions) sink(e *env) (*dumpSink, error) {
	w, err := dump.Create(o.dir, o.each)
	if err != nil {
		return nil, exit.Wrap(exit.Usage, "--dump", "", err)
	}
	return &dumpSink{writer: w, dir: o.dir, progress: output.NewProgress(e.streams)}, nil
}

// dumpSink keeps messages as files. A message is acknowledged after its file was written.
type dumpSink struct {
	writer   *dump.Writer
	dir      string
	progress *output.Progress
	came     *[]byte // with --decode, the payload as it came
	written  int
	size     int // bytes since the last Flush
}

// Message keeps m.
func (s *dumpSink) Message(m message.Message) (bool, error) { return s.Show(m, nil) }

// Show keeps m.
func (s *dumpSink) Show(m message.Message, _ []byte) (bool, error) {
	if s.came != nil { // what --decode shows is for filters; a file is the message itself
		m.Payload = *s.came
	}
	if err := s.writer.Write(m); err != nil {
		return false, exit.Wrap(exit.Usage, "--dump", "", err)
	}
	s.written++
	s.size += len(m.Payload) + 1
	s.progress.Update("messages written:", s.written, 0)
	return true, nil
}

// Flush has nothing left to do.
func (s *dumpSink) Flush() error {
	s.size = 0
	return nil
}

// Buffered is how many bytes came since the last Flush, so that messages are acknowledged from time to time.
func (s *dumpSink) Buffered() int { return s.size }

func (s *dumpSink) end(e *env, err error) error {
	s.progress.Done()
	_ = s.writer.Close() // every file was closed before
	e.note("%s written below %s", messages(s.written), s.dir)
	return err
}
