package lint_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/message"
)

// topicList is n topics of a fleet.
func topicList(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "acme/site-%d/dev-%06d/telemetry/%s\n", i%40, i/10, []string{"temp", "humidity", "Pressure", "co2", "door"}[i%5])
	}
	return b.Bytes()
}

func BenchmarkMillionTopics(b *testing.B) {
	list := topicList(1_000_000)
	for b.Loop() {
		l, err := lint.New(lint.Options{Now: noon})
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Read(lint.Topics, "topics", bytes.NewReader(list)); err != nil {
			b.Fatal(err)
		}
		l.Finish()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.Sys)/1e6, "MB-sys")
	}
}

func BenchmarkMessage(b *testing.B) {
	l, err := lint.New(lint.Options{Now: noon})
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		i++
		l.Message(lint.Live, message.Message{
			Topic:   fmt.Sprintf("acme/site-1/dev-%06d/telemetry/temp", i%10_000),
			Payload: fmt.Appendf(nil, `{"v":21.7,"ts":%d,"unit":"C","schema":"temp.v1"}`, noon().Unix()+int64(i)),
			Time:    noon(),
		}, true, lint.Place{})
	}
}
