package topicstats_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/topicstats"
)

func at(seconds float64) time.Time {
	return time.Unix(1000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func TestTableCountsByTopic(t *testing.T) {
	t.Parallel()
	table := topicstats.New()
	if _, fresh := table.Add(message.Message{Topic: "a", Payload: []byte("xy"), Retain: true, Time: at(0)}); !fresh {
		t.Error("the first message is none of a new topic")
	}
	a, fresh := table.Add(message.Message{Topic: "a", Payload: []byte("z"), QoS: 1, Time: at(2)})
	table.Add(message.Message{Topic: "b", Time: at(3)})
	if fresh || a.Messages != 2 || a.Retained != 1 || a.Bytes != 3 || a.QoS != 1 || !a.First.Equal(at(0)) || !a.Last.Equal(at(2)) {
		t.Errorf("got %+v, %v", a, fresh)
	}
	if all := table.All(); table.Len() != 2 || all.Messages != 3 || all.Bytes != 3 {
		t.Errorf("got %d topics, %+v", table.Len(), all)
	}
	table.Mark()
	table.Add(message.Message{Topic: "a", Time: at(4)})
	if a.SinceMark() != 1 || table.All().SinceMark() != 1 {
		t.Errorf("since the mark came %d, %d", a.SinceMark(), table.All().SinceMark())
	}
}

func TestRateIsThatOfTheLastSeconds(t *testing.T) {
	t.Parallel()
	table := topicstats.New()
	var of *topicstats.Topic
	for i := range 300 { // ten a second for half a minute
		of, _ = table.Add(message.Message{Topic: "a", Time: at(float64(i) / 10)})
		if rate := of.Rate(of.Last); i >= 20 && math.Abs(rate-10) > 1 {
			t.Fatalf("after %d messages it is %.2f", i, rate)
		}
	}
	if rate := of.Rate(at(45)); rate > 1 {
		t.Errorf("after 15 silent seconds it is %.2f", rate)
	}
	one, _ := table.Add(message.Message{Topic: "b", Time: at(50)})
	if rate := one.Rate(at(50)); rate > 1.2 {
		t.Errorf("one message is %.2f a second", rate)
	}
	if rate := one.Rate(at(40)); math.IsNaN(rate) || math.IsInf(rate, 0) || rate < 0 {
		t.Errorf("a clock that went back makes %v", rate)
	}
}

func TestSortedHasAllOrders(t *testing.T) {
	t.Parallel()
	table := topicstats.New()
	for i, m := range []struct {
		topic string
		n     int
		size  int
	}{{"c", 3, 1}, {"a", 1, 100}, {"b", 1, 1}} {
		for range m.n {
			table.Add(message.Message{Topic: m.topic, Payload: make([]byte, m.size), Time: at(float64(i))})
		}
	}
	for order, want := range map[topicstats.Order]string{"rate": "b c a", "messages": "c a b", "bytes": "a c b", "last": "b a c", "topic": "a b c"} {
		var names []string
		for _, of := range table.Sorted(order, at(3)) {
			names = append(names, of.Name)
		}
		if diff := cmp.Diff(want, strings.Join(names, " ")); diff != "" {
			t.Errorf("by %s: %s", order, diff)
		}
	}
}

func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	table := topicstats.New()
	long := strings.Repeat("x", 60_000)
	for i := range 2000 { // 120 MB of names
		table.Add(message.Message{Topic: fmt.Sprintf("%s%d", long, i), Time: at(0)})
	}
	all := table.Sorted(topicstats.ByTopic, at(1))
	others := all[len(all)-1]
	if table.Len() > 1200 || others.Name != "" || others.Messages+table.Len() != 2000 || table.All().Messages != 2000 {
		t.Errorf("%d topics, %d others", table.Len(), others.Messages)
	}
}
