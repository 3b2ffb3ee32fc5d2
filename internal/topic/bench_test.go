package topic_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/mqx-cli/mqx/internal/topic"
)

const benchName = "acme/site-07/device-004242/telemetry/temperature"

func BenchmarkMatch(b *testing.B) {
	for _, filter := range []string{benchName, "acme/+/+/telemetry/#", "+/+/+/+/+", "#", "acme/site-08/#"} {
		b.Run(filter, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				topic.Match(filter, benchName)
			}
		})
	}
}

func BenchmarkValidName(b *testing.B) {
	name := []byte(benchName)
	for b.Loop() {
		topic.ValidName(name)
	}
}

func BenchmarkParseFilter(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := topic.ParseFilter("$share/workers/acme/+/+/telemetry/#"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTreeMatch10kFilters(b *testing.B) {
	var tree topic.Tree[int]
	for i := range 9990 {
		tree.Set(fmt.Sprintf("acme/site-%02d/device-%06d/desired", i%100, i), i)
	}
	for i, f := range []string{
		"#", "acme/#", "+/+/+/telemetry/+", "acme/site-07/#", "acme/+/device-004242/#", "acme/+/+/status", "$SYS/#", "acme/+/+/#", "+/#", benchName,
	} {
		tree.Set(f, i)
	}
	n := 0
	fn := func(int) { n++ }
	b.ReportAllocs()
	loops := 0
	for b.Loop() {
		tree.Match(benchName, fn)
		loops++
	}
	b.ReportMetric(float64(n)/float64(loops), "hits/op")
}

// benchNames are the topics of 50,000 devices with 20 retained messages each.
func benchNames() []string {
	names := make([]string, 0, 1_000_000)
	for device := range 50_000 {
		for kind := range 20 {
			names = append(names, fmt.Sprintf("acme/site-%02d/device-%06d/telemetry/signal%02d", device%100, device, kind))
		}
	}

	return names
}

func BenchmarkStoreMillion(b *testing.B) {
	names := benchNames()
	value := new(int)
	var store topic.Store[*int]
	before := heap()
	for i := range names {
		store.Set(names[(i*7919)%len(names)], value) // in no order
	}
	perTopic := float64(heap()-before) / float64(len(names)) // beside the text of the names, which names holds
	b.Run("Set", func(b *testing.B) {
		i := 0
		for b.Loop() {
			store.Set(names[i%len(names)], value)
			i += 7919
		}
		b.ReportMetric(perTopic, "B/topic")
	})
	b.Run("DeleteAndSet", func(b *testing.B) {
		i := 0
		for b.Loop() {
			store.Delete(names[i%len(names)])
			store.Set(names[i%len(names)], value)
			i += 7919
		}
	})
	for _, filter := range []string{
		"#", "acme/site-07/#", "acme/+/+/telemetry/signal07", "+/+/device-004242/#", "acme/site-42/device-004242/telemetry/signal07", "+/+/+/none",
	} {
		b.Run("Match/"+filter, func(b *testing.B) {
			hits, loops := 0, 0
			for b.Loop() {
				store.Match(filter, func(string, *int) bool { hits++; return true })
				loops++
			}
			b.ReportMetric(float64(hits)/float64(loops), "hits/op")
		})
	}
	runtime.KeepAlive(&store)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)

	return int64(m.HeapAlloc)
}
