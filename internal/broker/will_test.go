package broker_test

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

func willDelay(seconds uint32) *wire.Properties {
	return (&wire.Properties{WillDelayInterval: seconds}).Set(wire.PropWillDelayInterval)
}

func TestTheWillIsPublishedWhenAClientIsLost(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		for _, tt := range []struct {
			name string
			end  func(c *raw)
			will bool
		}{
			{"dropped", func(c *raw) { c.drop() }, true},
			{"disconnect", func(c *raw) { c.disconnect() }, false},
			{"protocol error", func(c *raw) { c.sendBytes(0xFF, 0) }, true},
			{"taken over", func(*raw) { connected(t, s, v, "c"+v.String()) }, true},
		} {
			watch, c := connected(t, s, wire.V5, "watch"), dial(t, s, v)
			watch.sub("will", 2)
			c.connect(&wire.Connect{
				ClientID: "c" + v.String(), CleanStart: true,
				Will: &wire.Will{Topic: "will", Payload: []byte(tt.name), QoS: 1},
			})
			tt.end(c)
			if tt.will {
				if p := watch.receivePayload(tt.name); p.QoS != 1 || p.Retain {
					t.Errorf("got %+v", p)
				}
			}
			watch.quiet()
		}
	}
}

func TestDisconnectWithWillPublishesIt(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	watch, c := connected(t, s, wire.V5, "watch"), dial(t, s, wire.V5)
	watch.sub("will", 0)
	c.connect(&wire.Connect{ClientID: "c", Will: &wire.Will{Topic: "will"}})
	c.send(&wire.Disconnect{Code: wire.DisconnectWithWill})
	watch.receivePayload("") // an empty Will Payload is a payload
}

func TestTheWillKeepsItsProperties(t *testing.T) {
	t.Parallel()
	p := (&wire.Properties{
		PayloadFormatIndicator: 1, ContentType: "text/plain", ResponseTopic: "r", CorrelationData: []byte{0, 1},
		MessageExpiryInterval: 30, UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}},
	}).Set(wire.PropPayloadFormatIndicator, wire.PropContentType, wire.PropResponseTopic, wire.PropCorrelationData,
		wire.PropMessageExpiryInterval)
	bubble(t, broker.Config{}, func(in inside) { // the expiry counts down
		watch, c, late := pipe(in.t, in.b, wire.V5), pipe(in.t, in.b, wire.V5), pipe(in.t, in.b, wire.V5)
		watch.connect(&wire.Connect{ClientID: "watch"})
		watch.sub("will", 0)
		c.connect(&wire.Connect{ClientID: "c", Will: &wire.Will{Topic: "will", Payload: []byte("x"), Retain: true, Properties: p}})
		c.drop()
		got := watch.receive().Properties
		late.connect(&wire.Connect{ClientID: "late"})
		late.sub("will", 0)
		for _, got := range []*wire.Properties{got, late.receive().Properties} {
			if got.ContentType != "text/plain" || got.ResponseTopic != "r" || !bytes.Equal(got.CorrelationData, []byte{0, 1}) ||
				got.PayloadFormatIndicator != 1 || got.UserProperties[0].Value != "v" || got.MessageExpiryInterval != 30 ||
				got.Has(wire.PropWillDelayInterval) {
				in.t.Fatalf("got %+v", got)
			}
		}
	})
}

func TestTheWillWaitsForItsDelayOrTheEndOfTheSession(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		delay, expiry uint32
		after         time.Duration
		withoutExpiry bool
	}{
		{"delay", 10, 60, 10 * time.Second, false},
		{"session end", 60, 10, 10 * time.Second, false},
		{"session that ends at once", 60, 0, 0, false},
		{"no expiry interval", 60, 0, 0, true},
		{"session without end", 10, 0xFFFFFFFF, 10 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, broker.Config{}, func(in inside) {
				t, b := in.t, in.b
				watch, c := pipe(t, b, wire.V5), pipe(t, b, wire.V5)
				watch.connect(&wire.Connect{ClientID: "watch"})
				watch.sub("will", 0)
				connect := wire.Connect{ClientID: "c", Properties: expiry(tt.expiry)}
				if tt.withoutExpiry {
					connect.Properties = nil
				}
				connect.Will = &wire.Will{Topic: "will", Payload: []byte("x"), Retain: true, Properties: willDelay(tt.delay)}
				c.connect(&connect)
				c.drop()
				begun := time.Now()
				watch.t = t
				if p, err := watch.next(time.Hour); err != nil || p.Type() != wire.PUBLISH {
					t.Fatalf("got %v, %v", p, err)
				}
				if took := time.Since(begun); took != tt.after {
					t.Fatalf("after %v, want %v", took, tt.after)
				}
				if b.Stats().Retained != 1 {
					t.Fatal("the Will Message is not retained")
				}
				pass(time.Hour)
				watch.ping() // once
			})
		})
	}
}

func TestTheWillIsCalledOffWhenTheClientIsBackInTime(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{}, func(in inside) {
		t, b := in.t, in.b
		watch := pipe(t, b, wire.V5)
		watch.connect(&wire.Connect{ClientID: "watch"})
		watch.sub("will", 0)
		connect := func(cleanStart bool) *raw {
			c := pipe(t, b, wire.V5)
			c.connect(&wire.Connect{
				ClientID: "c", CleanStart: cleanStart, Properties: expiry(60),
				Will: &wire.Will{Topic: "will", Payload: []byte("x"), Properties: willDelay(10)},
			})

			return c
		}
		for range 3 {
			c := connect(false)
			c.drop()
			pass(9 * time.Second)
		}
		connect(false)
		connect(false) // also by takeover
		pass(20 * time.Second)
		watch.ping()
		c := connect(false)
		watch.ping()
		c.drop()
		pass(time.Second)
		connect(true) // this ends the Session, and so the waiting
		watch.receivePayload("x")
	})
}

func TestAWillThatCouldNotBePublishedIsRefused(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{Access: deny{}})
	for v, want := range map[wire.Version]wire.ReasonCode{wire.V5: wire.NotAuthorized, wire.V311: wire.NotAuthorized} {
		for _, topic := range []string{"deny/write", "$SYS/x"} {
			c := dial(t, s, v)
			c.send(&wire.Connect{Version: v, ClientID: "c", Will: &wire.Will{Topic: topic}})
			if ack := expect[*wire.Connack](c); ack.Code != want {
				t.Errorf("%v: CONNACK 0x%02X", v, byte(ack.Code))
			}
			c.expectClosed()
		}
	}
}

// fickle is Access, and Rights, that may be withdrawn.
type fickle struct{ withdrawn atomic.Bool }

func (f *fickle) Authenticate(broker.ClientInfo, *wire.Connect) (broker.Rights, wire.ReasonCode) {
	return f, wire.Success
}
func (f *fickle) MayPublish(string) bool       { return !f.withdrawn.Load() }
func (*fickle) MaySubscribe(topic.Filter) bool { return true }
func (*fickle) MayReceive(string) bool         { return true }

func TestAWillThatMayNotBePublishedAnyMoreIsNot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		withdraw bool
		want     int64
	}{{"allowed", false, 2}, {"withdrawn", true, 0}} {
		access := &fickle{}
		bubble(t, broker.Config{Access: access}, func(in inside) {
			at, later := pipe(in.t, in.b, wire.V5), pipe(in.t, in.b, wire.V5)
			at.connect(&wire.Connect{ClientID: "at once", Will: &wire.Will{Topic: "will/1", Payload: []byte("x"), Retain: true}})
			later.connect(&wire.Connect{
				ClientID: "later", Properties: expiry(60),
				Will: &wire.Will{Topic: "will/2", Payload: []byte("x"), Retain: true, Properties: willDelay(10)},
			})
			later.conn.Close()
			pass(time.Second)
			access.withdrawn.Store(tt.withdraw)
			at.conn.Close()
			pass(20 * time.Second)
			if got := int64(in.b.Stats().Retained); got != tt.want {
				in.t.Errorf("%s: %d are retained, want %d", tt.name, got, tt.want)
			}
		})
	}
}

func TestWillsOfAStoppingBrokerAreNotPublished(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := dial(t, s, wire.V5)
	c.connect(&wire.Connect{ClientID: "c", Will: &wire.Will{Topic: "will"}})
	if err := s.Broker.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Events() {
		if e.Kind == broker.WillPublished {
			t.Fatalf("got %+v", e)
		}
	}
}
