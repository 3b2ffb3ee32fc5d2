package output_test

import (
	"bytes"
	"testing"

	"github.com/mqx-cli/mqx/internal/output"
)

func TestRowsAreATableOnATerminalAndTabsInAPipe(t *testing.T) {
	t.Parallel()
	printed := func(tty bool) string {
		var out bytes.Buffer
		rows := output.NewRows(output.Streams{Out: &out, OutTTY: tty}, output.ColorNever, "NAME", "STATE", "WHY")
		rows.Row(output.Cell{Text: "a/very/long/name"}, output.Cell{Text: "on", Tone: output.Good}, output.Cell{Text: "because"})
		rows.Row(output.Cell{Text: "\x1b[2J"}, output.Cell{Text: "off", Tone: output.Bad}, output.Cell{Text: "日本\t"})
		if err := rows.Flush(); err != nil {
			t.Fatal(err)
		}
		rows.Row(output.Cell{Text: "b"}, output.Cell{Text: "on"}, output.Cell{})
		if err := rows.Flush(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	want := "NAME              STATE  WHY\n" +
		"a/very/long/name  on     because\n" +
		"\\x1b[2J           off    日本\\t\n" +
		"b                 on     \n"
	if got := printed(true); got != want {
		t.Errorf("on a terminal:\n%s\nwant:\n%s", got, want)
	}
	want = "a/very/long/name\ton\tbecause\n\\x1b[2J\toff\t日本\\t\nb\ton\t\n"
	if got := printed(false); got != want {
		t.Errorf("in a pipe: %q, want %q", got, want)
	}
}
