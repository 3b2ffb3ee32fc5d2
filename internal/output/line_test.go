package output_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
)

// on is a message at a time that is easy to read.
func on(topic, payload string) message.Message {
	return message.Message{Topic: topic, Payload: []byte(payload), Time: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.Local)}
}

func TestLinesOnATerminalAreForReading(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60)
	for name, tt := range map[string]struct {
		msgs []message.Message
		want string
	}{
		"payloads below each other": {
			[]message.Message{on("a", "1"), on("a/long", "2"), on("b", "3")},
			"03:04:05.006 a 1\n03:04:05.006 a/long 2\n03:04:05.006 b      3\n",
		},
		"a very long topic moves only its own line": {
			[]message.Message{on(long, "1"), on("b", "2")},
			"03:04:05.006 " + long + " 1\n03:04:05.006 b" + strings.Repeat(" ", 48) + "2\n",
		},
		"nothing":                {[]message.Message{on("a", "")}, "03:04:05.006 a (empty)\n"},
		"short JSON":             {[]message.Message{on("a", ` { "v" : 1.10 } `)}, "03:04:05.006 a {\"v\":1.10}\n"},
		"JSON that is cut":       {[]message.Message{on("a", `{"v":`)}, "03:04:05.006 a {\"v\":\n"},
		"control characters":     {[]message.Message{on("a", "x\ny\tz\x1b[2J")}, "03:04:05.006 a x\\ny\\tz\\x1b[2J\n"},
		"one byte":               {[]message.Message{on("a", "\x00")}, "03:04:05.006 a (1 byte) 00  .\n"},
		"binary":                 {[]message.Message{on("a", "\xff\x01ab")}, "03:04:05.006 a (4 bytes) ff 01 61 62  ..ab\n"},
		"much binary is cut":     {[]message.Message{on("a", "\xff"+long)}, "03:04:05.006 a (61 bytes) ff" + strings.Repeat(" 78", 11) + " …  ." + strings.Repeat("x", 11) + "\n"},
		"a string in a document": {[]message.Message{on("a", "{\"\u202e\":\"\x7f\"}")}, `03:04:05.006 a {"\u202e":"\u007f"}` + "\n"},
		"long JSON": {
			[]message.Message{on("a", `{"k":"`+long+`","n":9007199254740993,"list":[1, 2.0,[]],"deep":{"list":["`+long+`","`+long+`"],"empty":{}}}`)},
			"03:04:05.006 a\n  {\n    \"k\": \"" + long + "\",\n    \"n\": 9007199254740993,\n    \"list\": [1,2.0,[]],\n    \"deep\": {\n      \"list\": [\n        \"" +
				long + "\",\n        \"" + long + "\"\n      ],\n      \"empty\": {}\n    }\n  }\n",
		},
	} {
		got := printed(t, output.Streams{OutTTY: true}, output.MessageOptions{Color: output.ColorNever}, tt.msgs...)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		styled := printed(t, output.Streams{OutTTY: true}, output.MessageOptions{Color: output.ColorAlways}, tt.msgs...)
		if diff := cmp.Diff(tt.want, regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(styled, "")); diff != "" {
			t.Errorf("%s, with styles: (-want +got)\n%s", name, diff)
		}
	}
}

func TestHostileDocumentsOnATerminalTakeNoTime(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":[`, 4000) + strings.Repeat("]}", 4000)
	wide := "[" + strings.Repeat("[],", 20_000) + "[]]"
	start := time.Now()
	for _, payload := range []string{deep, wide, "[" + strings.Repeat(`"`+strings.Repeat("x", 100)+`",`, 500) + "1]", strings.Repeat("[", 60_000)} {
		if got := printed(t, output.Streams{OutTTY: true}, output.MessageOptions{Color: output.ColorAlways}, on("a", payload)); len(got) < len(payload) {
			t.Errorf("%.20s… is cut: %d of %d", payload, len(got), len(payload))
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
