package broker_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMessagesAreDeliveredAtEachQoSAndLevel(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		for qos := range byte(3) {
			for subQoS := range byte(3) {
				t.Run(fmt.Sprintf("%v qos %d to %d", v, qos, subQoS), func(t *testing.T) {
					topic := fmt.Sprintf("t/%d/%d/%d", v, qos, subQoS)
					sub, pub := connected(t, s, v, "s"+topic[2:]), connected(t, s, v, "p"+topic[2:])
					sub.sub(topic, subQoS)
					for i := range 5 {
						if code := pub.publish(&wire.Publish{Topic: topic, QoS: qos, Payload: text("m%d", i)}); code != wire.Success {
							t.Fatalf("code 0x%02X", byte(code))
						}
						got := sub.receivePayload(fmt.Sprintf("m%d", i))
						if got.QoS != min(qos, subQoS) || got.Dup || got.Retain || got.Topic != topic {
							t.Fatalf("got %+v", got)
						}
					}
					sub.disconnect()
					pub.disconnect()
				})
			}
		}
	}
}

func TestALargeMessagePassesUnchanged(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	payload := bytes.Repeat([]byte("0123456789"), 1<<20)
	sub, pub := connected(t, s, wire.V5, "sub"), connected(t, s, wire.V5, "pub")
	sub.sub("big", 2)
	done := make(chan *wire.Publish)
	go func() {
		defer close(done) // also when receive has given up
		done <- sub.receive()
	}()
	pub.publish(&wire.Publish{Topic: "big", QoS: 2, Payload: payload})
	if got := <-done; got != nil && !bytes.Equal(got.Payload, payload) {
		t.Fatal("the payload has changed")
	}
}

func TestPropertiesArePassedOnUnaltered(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	sub, pub := connected(t, s, wire.V5, "sub"), connected(t, s, wire.V5, "pub")
	old := connected(t, s, wire.V311, "old")
	sub.sub("a", 1)
	old.sub("a", 1)
	p := (&wire.Properties{
		PayloadFormatIndicator: 1, ContentType: "text/plain", ResponseTopic: "r", CorrelationData: []byte{0, 1},
		UserProperties: []wire.UserProperty{{Key: "b", Value: "2"}, {Key: "a", Value: "1"}, {Key: "b", Value: "3"}},
	}).Set(wire.PropPayloadFormatIndicator, wire.PropContentType, wire.PropResponseTopic, wire.PropCorrelationData)
	pub.publish(&wire.Publish{Topic: "a", QoS: 1, Payload: []byte("x"), Properties: p})
	got := sub.receive().Properties
	if got.ContentType != "text/plain" || got.ResponseTopic != "r" || !bytes.Equal(got.CorrelationData, []byte{0, 1}) ||
		got.PayloadFormatIndicator != 1 || fmt.Sprint(got.UserProperties) != "[{b 2} {a 1} {b 3}]" {
		t.Fatalf("got %+v", got)
	}
	if got.Has(wire.PropMessageExpiryInterval) {
		t.Fatal("an expiry came from nowhere")
	}
	old.receivePayload("x")
}

func TestStatsCountWhatIsThere(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	c.sub("a/#", 0)
	c.publishToItself(&wire.Publish{Topic: "a/b", Retain: true, QoS: 1, Payload: []byte("x")})
	want := broker.Stats{Clients: 1, Sessions: 1, Subscriptions: 1, Retained: 1, RetainedBytes: 132, MessagesReceived: 1, MessagesSent: 1}
	if got := s.Broker.Stats(); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}
