package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

func newContextEdit(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "edit [NAME]",
		Short: "Edit contexts in an editor",
		Long: "Edit the file of contexts, or one context, in the editor of VISUAL or EDITOR. It gets a copy, which takes the place\n" +
			"of the original when it is free of mistakes; with some, the editor opens again when you want it to.\n\n" +
			"Status 1: there is no such context; 2: there are mistakes; 8: the file was changed by somebody else meanwhile.",
		Args:              atMostOne,
		ValidArgsFunction: e.completeFirst,
		Annotations:       readOnly(),
	}
	e.addJSONFlag(cmd, "print what became of it as a JSON object")
	cmd.RunE = e.run(func(ctx context.Context, args []string) error {
		file, err := e.contextFile()
		if err != nil {
			return err
		}
		return e.editContexts(ctx, file, args)
	})
	return cmd
}

// editedObject is what became of an edit, in JSON.
type editedObject struct {
	File    string `json:"file"`
	Changed bool   `json:"changed"`
}

// emptyContexts is where the first edit begins.
const emptyContexts = `# current: local
contexts:
  # local:
  #   url: mqtt://localhost
  # prod:
  #   url: mqtts://broker.example
  #   username: me
  #   password: env:PROD_PASSWORD
  #   guard: true
`

func (e *env) editContexts(ctx context.Context, file config.ContextFile, args []string) error {
	before, contexts, err := file.Text()
	if _, mistakes := errors.AsType[*yamlfile.Error](err); err != nil && (!mistakes || len(args) > 0) {
		return e.contextsError(file.Path, err) // otherwise an editor is what it needs
	}
	text := before
	if len(text) == 0 {
		text = []byte(emptyContexts)
	}
	check := func(copied string, text []byte) error {
		_, err := file.Parse(copied, text)
		return err
	}
	var x config.Context
	if len(args) > 0 {
		if x, err = e.findContext(contexts, args); err != nil {
			return err
		}
		text = file.Body(before, x)
		check = func(copied string, text []byte) error {
			_, err := file.ParseContext(copied, x.Name, text)
			return err
		}
	}
	copied, edited, err := e.editCopy(ctx, file.Path, text, check)
	if err != nil {
		return err
	}
	if string(edited) == string(text) {
		_ = os.Remove(copied)
		return e.done(editedObject{File: file.Path}, "nothing was changed")
	}
	if len(args) > 0 {
		err = e.replaceContext(file, x, copied, edited)
	} else {
		err = file.Replace(before, edited)
	}
	if errors.Is(err, config.ErrContextsChanged) {
		return exit.Wrap(exit.Conflict, "contexts", file.Path, err).Hint("your edit is in " + copied)
	}
	if err != nil {
		return e.contextsError(file.Path, err)
	}
	_ = os.Remove(copied)
	return e.done(editedObject{file.Path, true}, "%s was changed", file.Path)
}

// replaceContext puts an edited context into the place of the one that was taken for it.
func (e *env) replaceContext(file config.ContextFile, was config.Context, copied string, edited []byte) error {
	x, err := file.ParseContext(copied, was.Name, edited)
	if err != nil {
		return err
	}
	return file.Update(func(c *config.Contexts) error {
		if now, ok := c.Find(was.Name); !ok || !now.Same(was) {
			return config.ErrContextsChanged
		}
		c.Put(x)
		return nil
	})
}

// editCopy has the user edit a copy of text until check finds no mistake in it. The copy stays where it is.
func (e *env) editCopy(ctx context.Context, path string, text []byte, check func(string, []byte) error) (copied string, edited []byte, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", nil, e.contextsError(path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "edit-*.yaml") // has mode 0600
	if err != nil {
		return "", nil, e.contextsError(path, err)
	}
	copied = temp.Name()
	_, err = temp.Write(text)
	if err = errors.Join(err, temp.Close()); err != nil {
		return copied, nil, e.contextsError(copied, err)
	}
	for {
		if err := e.runEditor(ctx, copied); err != nil {
			_ = os.Remove(copied)
			return copied, nil, err
		}
		if edited, err = os.ReadFile(copied); err != nil {
			return copied, nil, e.contextsError(copied, err)
		}
		err := check(copied, edited)
		if err == nil {
			return copied, edited, nil
		}
		failure := e.contextsError(copied, err)
		if !e.streams.InTTY || e.ask(ctx, exit.Line(failure)+" - edit again?") != nil {
			return copied, nil, fmt.Errorf("%w - the file is as it was, your edit is in %s", failure, copied)
		}
	}
}

// runEditor runs the user's editor on a file and waits for its end.
func (e *env) runEditor(ctx context.Context, file string) error {
	editor := e.getenv("VISUAL")
	if editor == "" {
		editor = e.getenv("EDITOR")
	}
	var cmd *exec.Cmd
	switch {
	case runtime.GOOS == "windows":
		words := append(strings.Fields(editor), file)
		if editor == "" {
			words = []string{"notepad", file}
		}
		cmd = exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // G204: it is the user's editor
	case editor == "":
		cmd = exec.CommandContext(ctx, "vi", file) //nolint:gosec // G204: a copy that we have just made
	default: // it may hold options and quotes, as for git
		cmd = exec.CommandContext(ctx, "sh", "-c", editor+` "$@"`, editor, file) //nolint:gosec // G204: it is the user's editor
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.streams.In, output.Underlying(e.streams.Out), output.Underlying(e.streams.Err)
	if err := cmd.Run(); err != nil {
		return exit.Wrap(exit.Usage, "edit", "", fmt.Errorf("the editor %q: %w", cmd.String(), err)).Hint("set VISUAL or EDITOR")
	}
	return nil
}
