package broker_test

import (
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// load is what the next process finds.
func load(tb testing.TB, j *journal) *broker.StoredState {
	tb.Helper()
	state, err := j.crash().Load()
	if err != nil {
		tb.Fatal(err)
	}

	return state
}

func TestWhatExpiredWhileTheProcessWasAwayIsDropped(t *testing.T) {
	t.Parallel()
	j := &journal{}
	past := time.Now().Add(-time.Minute)
	late := func(n uint64, topic string) broker.StoredMessage {
		return broker.StoredMessage{Number: n, Topic: topic, Payload: []byte("late"), QoS: 2, Expires: past}
	}
	j.Retain(late(1, "r"))
	j.SaveSession(broker.StoredSession{ClientID: "over", Expiry: 30, Left: past, Will: &broker.StoredWill{
		Message: broker.StoredMessage{Topic: "will", Payload: []byte("gone"), QoS: 1, From: "over"}, Delay: 3600,
	}})
	j.SaveSession(broker.StoredSession{ClientID: "sub", Expiry: 3600, Left: past})
	j.Subscribe("sub", broker.StoredSubscription{Filter: "will", QoS: 1})
	j.Queue("sub", broker.StoredDelivery{Seq: 1, Message: late(2, "sent"), QoS: 2})
	j.Sent("sub", 1, 5)
	j.Queue("sub", broker.StoredDelivery{Seq: 2, Message: late(3, "waits"), QoS: 2})

	s := stored(t, j)
	state := load(t, j)
	if len(state.Retained) != 0 || len(state.Sessions) != 1 || len(state.Sessions[0].Deliveries) != 2 {
		t.Errorf("the Store has %+v", state)
	}
	lasting(t, s, "over", false)
	sub := lasting(t, s, "sub", true)
	if got := expect[*wire.Publish](sub); got.Topic != "sent" || got.PacketID != 5 || !got.Dup {
		t.Errorf("got %+v, want what was sent already", got)
	}
	sub.receivePayload("gone")
	sub.quiet()
}

func TestASessionWithAConnectionCountsAsLeftWhenTheNextProcessStarts(t *testing.T) {
	t.Parallel()
	j := &journal{}
	lasting(t, stored(t, j), "c", false)
	j = j.crash()
	stored(t, j)
	if left := load(t, j).Sessions[0].Left; time.Since(left) > time.Minute {
		t.Errorf("left at %v", left)
	}
}

// writeOnly lets clients publish and subscribe and gives them nothing.
type writeOnly struct{}

func (writeOnly) Authenticate(broker.ClientInfo, *wire.Connect) (broker.Rights, wire.ReasonCode) {
	return writeOnly{}, wire.Success
}
func (writeOnly) MayPublish(string) bool         { return true }
func (writeOnly) MaySubscribe(topic.Filter) bool { return true }
func (writeOnly) MayReceive(string) bool         { return false }

func TestAMessageThatMayNotBeReceivedDoesNotStayInTheStore(t *testing.T) {
	t.Parallel()
	j := &journal{}
	s := brokertest.Start(t, broker.Config{Store: j, Access: writeOnly{}})
	sub := lasting(t, s, "sub", false)
	sub.sub("a", 1)
	connected(t, s, wire.V5, "pub").publish(&wire.Publish{Topic: "a", QoS: 1, Payload: text("x")})
	sub.ping()
	if d := load(t, j).Sessions[0].Deliveries; len(d) != 0 {
		t.Errorf("the Store has %+v", d)
	}
}
