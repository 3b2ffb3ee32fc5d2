// Command yardstick measures mqx beside Debian's Mosquitto, in turn and on the same machine, and prints what it has
// measured as tables in Markdown. .ci/bench-broker and .ci/bench-bulk run it; nothing of it is part of mqx.
//
// What is compared runs one after the other, several times over, so that both meet the same machine: a figure is the median,
// with the smallest and the largest in brackets, and a ratio the median of the ratios pair by pair. CPU time is user and
// system time as the kernel accounts for it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

// bench is one run of the program.
type bench struct {
	out      io.Writer
	work     string // a folder for files
	mqx      string // the binary
	runs     int
	messages int
	only     string
}

func main() {
	b := &bench{out: os.Stdout}
	flag.StringVar(&b.mqx, "mqx", "mqx", "the binary to measure")
	flag.IntVar(&b.runs, "runs", 5, "how often each command runs")
	flag.IntVar(&b.messages, "messages", 1_000_000, "messages of a run, fewer where messages are slow")
	flag.StringVar(&b.only, "only", "", "measure only this part")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "yardstick:", err)
		os.Exit(1)
	}
}

// part is something to measure.
type part struct {
	name    string
	measure func(context.Context) error
}

func (b *bench) run(ctx context.Context, what string) error {
	var err error
	if b.work, err = os.MkdirTemp("", "yardstick"); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	if b.mqx, err = filepath.Abs(b.mqx); err != nil {
		return err
	}
	var parts []part
	switch what {
	case "broker":
		parts = []part{{"routes", b.routes}, {"fanout", b.fanOut}, {"idle", b.idle}, {"retained", b.retained}}
	case "bulk":
		parts = []part{{"start", b.start}, {"pub", b.publishing}, {"sub", b.subscribing}, {"relayed", b.relayed}, {"tls", b.encrypted}, {"rss", b.waiting}}
	default:
		return fmt.Errorf("measure what: broker or bulk")
	}
	fmt.Fprintf(b.out, "%s\n", machine())
	for _, p := range parts {
		if b.only != "" && b.only != p.name {
			continue
		}
		if err := p.measure(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}
