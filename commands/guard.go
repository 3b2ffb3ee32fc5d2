package commands

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/output"
)

// guard asks before a command does something in a context that is guarded: where the context has `guard: true`, and the
// broker is that of the context. What a command says is what it is about to do: "clear 12 messages". A command calls it
// before it does what is hard to take back or weighs much on a broker: writing retained state in bulk, load, access tests
// that publish. yes is its flag --yes. On a terminal the user is asked; elsewhere it takes --yes.
func (e *env) guard(ctx context.Context, c *config.Connection, what string, yes bool) error {
	if !c.Guard || yes {
		return nil
	}
	if !e.streams.InTTY || !e.streams.ErrTTY {
		return exit.New(exit.Usage, "context "+c.Context, "", "it is guarded").Hint("pass --yes to " + what)
	}
	return e.ask(ctx, fmt.Sprintf("context %s is guarded: %s?", c.Context, what))
}

// ask asks a question that yes or no answers. All but yes is an error.
func (e *env) ask(ctx context.Context, question string) error {
	fmt.Fprint(e.streams.Err, string(output.AppendEscaped(nil, []byte(question)))+" [y/N] ")
	answer, err := readLine(ctx, e.streams.In)
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	default:
		return exit.New(exit.Negative, "not confirmed", "", "nothing was done")
	}
}

// readLine reads a line unless ctx ends before. The end of the input is an empty line.
func readLine(ctx context.Context, r io.Reader) (string, error) {
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(r).ReadString('\n') // no answer is a "no"
		line <- text
	}()
	select {
	case text := <-line:
		return text, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
