package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/mosquitto"
)

type linkOptions struct {
	force bool
}

func newLink(e *env) *cobra.Command {
	o := &linkOptions{}
	cmd := &cobra.Command{
		Use:   "link DIR",
		Short: "Make mqx stand in for mosquitto_pub, mosquitto_sub and mosquitto_rr",
		Long: "Make links to mqx under the names mosquitto_pub, mosquitto_sub and mosquitto_rr, in a folder that is created if need be.\n" +
			"Called by such a name, mqx takes mosquitto's command line and gives its output and exit statuses, so that scripts run\n" +
			"as they are. On Windows the links are copies or hard links.\n\n" +
			"A link that is there already is left alone; another file of the name is replaced with --force only.",
		Example:     "  mqx link ~/.local/bin\n  mqx link /usr/local/bin --force",
		Args:        oneFolder,
		Annotations: readWrite(),
	}
	cmd.Flags().BoolVar(&o.force, "force", false, "replace files that are no links to mqx")
	e.addJSONFlag(cmd, "print one JSON object for each link")
	cmd.RunE = e.run(func(_ context.Context, args []string) error { return o.run(e, args[0]) })
	return cmd
}

// oneFolder takes the one argument.
func oneFolder(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(cmd, "where to? one folder is needed")
	}
	return nil
}

func (o *linkOptions) run(e *env, dir string) error {
	program, err := os.Executable()
	if err != nil {
		return exit.Wrap(exit.Usage, "find mqx itself", "", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // G301: a folder of programs is for everybody
		return exit.Wrap(exit.Usage, "link", dir, pathCause(err))
	}
	var refused error
	done := 0
	for _, tool := range mosquitto.Tools() {
		l := toolLink{program: program, path: filepath.Join(dir, tool.String()+executableSuffix())}
		what, err := l.make(o.force)
		if err != nil {
			e.note("%s", err)
			refused = err
			continue
		}
		done++
		if err := l.print(e, what); err != nil {
			return err
		}
	}
	switch {
	case refused == nil:
		return nil
	case done > 0:
		return exit.New(exit.Partial, "link", dir, fmt.Sprintf("%d of %d links made", done, len(mosquitto.Tools())))
	default:
		return &exit.SilentError{Code: exit.CodeOf(refused)}
	}
}

func executableSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// toolLink is one link to mqx.
type toolLink struct{ program, path string }

// make makes the link and returns what was done in a word.
func (l toolLink) make(force bool) (what string, err error) {
	there, err := l.look()
	if err != nil {
		return "", exit.Wrap(exit.Usage, "link", l.path, err)
	}
	what = "created"
	switch there {
	case ours:
		return "unchanged", nil
	case foreign:
		if !force {
			return "", exit.New(exit.Conflict, "link", l.path, "there is another file").Hint("--force replaces it")
		}
		what = "replaced"
	}
	// Under another name first, so that there is no moment without a program.
	temp := l.path + ".mqx-new"
	_ = os.Remove(temp) // left over from a run that was killed
	if err := l.create(temp); err != nil {
		return "", exit.Wrap(exit.Usage, "link", l.path, err)
	}
	if err := os.Rename(temp, l.path); err != nil {
		return "", exit.Wrap(exit.Usage, "link", l.path, errors.Join(err, os.Remove(temp)))
	}
	return what, nil
}

// The files that may be at a path.
const (
	nothing = iota
	ours
	foreign
)

// look finds out what is at the path of the link.
func (l toolLink) look() (int, error) {
	info, err := os.Lstat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nothing, nil
	case err != nil:
		return 0, err
	case info.IsDir():
		return 0, errors.New("it is a folder")
	}
	self, err := os.Stat(l.program)
	if err != nil {
		return 0, err
	}
	target, err := os.Stat(l.path)
	if err == nil && (os.SameFile(target, self) || target.Size() == self.Size() && sameContent(l.path, l.program)) {
		return ours, nil
	}
	return foreign, nil
}

// sameContent tells a copy.
func sameContent(a, b string) bool {
	x, errX := os.ReadFile(a)
	y, errY := os.ReadFile(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// create makes the link at a path where nothing is: a symbolic one, where these need no rights.
func (l toolLink) create(path string) error {
	if runtime.GOOS != "windows" {
		return os.Symlink(l.program, path)
	}
	if os.Link(l.program, path) == nil {
		return nil
	}
	program, err := os.ReadFile(l.program) // the folder is on another drive
	if err != nil {
		return err
	}
	return os.WriteFile(path, program, 0o755) //nolint:gosec // G306: a program that all may run
}

func (l toolLink) print(e *env, what string) error {
	if e.json {
		return e.printObject(struct {
			Link   string `json:"link"`
			Target string `json:"target"`
			Action string `json:"action"`
		}{l.path, l.program, what})
	}
	_, err := fmt.Fprintf(e.streams.Out, "%s %s -> %s\n", what, l.path, l.program)
	return err
}
