package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// figures are what the runs of one thing gave.
type figures []float64

// median is the middle one, of an even number the upper of the two in the middle.
func (f figures) median() float64 {
	if len(f) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(f))[len(f)/2]
}

// show writes the median and the range, with a precision that fits.
func (f figures) show() string {
	if len(f) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s [%s-%s]", short(f.median()), short(slices.Min(f)), short(slices.Max(f)))
}

// over returns f divided by g, run by run.
func (f figures) over(g figures) figures {
	var r figures
	for i := range min(len(f), len(g)) {
		r = append(r, f[i]/g[i])
	}
	return r
}

// short writes a number with three significant digits, and thousands apart.
func short(x float64) string {
	switch {
	case x >= 1000:
		s := fmt.Sprintf("%.0f", x)
		var b strings.Builder
		for i, r := range s {
			if i > 0 && (len(s)-i)%3 == 0 {
				b.WriteByte(',')
			}
			b.WriteRune(r)
		}
		return b.String()
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	default:
		return fmt.Sprintf("%.3f", x)
	}
}

// table prints rows in Markdown.
func (b *bench) table(head string, rows [][]string) {
	columns := strings.Split(head, "|")
	fmt.Fprintf(b.out, "\n|%s|\n|%s\n", head, strings.Repeat(" --- |", len(columns)))
	for _, row := range rows {
		fmt.Fprintf(b.out, "| %s |\n", strings.Join(row, " | "))
	}
}

// machine says where and when the figures were taken.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	load := ""
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(text), " ")
	}
	return fmt.Sprintf("%s, %d processors, %s, %s, load %s", model, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format(time.DateOnly), load)
}
