package broker_test

import (
	"slices"
	"testing"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// deny is an Access that refuses what has its name in it.
type deny struct{}

func (deny) Authenticate(client broker.ClientInfo, c *wire.Connect) (broker.Rights, wire.ReasonCode) {
	switch {
	case string(c.Password) == "wrong":
		return nil, wire.BadUserNameOrPassword
	case c.Username == "nobody":
		return nil, wire.NotAuthorized
	case c.Username == "banned":
		return nil, wire.Banned
	default:
		return denials{admin: client.Username == "admin"}, wire.Success
	}
}

type denials struct{ admin bool }

func (denials) MayPublish(topic string) bool { return topic != "deny/write" }

func (d denials) MaySubscribe(f topic.Filter) bool { return f.Bare() != "deny/read" || d.admin }

func (d denials) MayReceive(topic string) bool { return topic != "deny/read" || d.admin }

func TestDeniedPublishIsToldInMQTT5AndDroppedInOthers(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{Access: deny{}})
	for _, v := range versions() {
		c := connected(t, s, v, "c"+v.String())
		c.sub("deny/write", 0)
		for qos := range byte(3) {
			want := wire.Success
			if v == wire.V5 && qos > 0 {
				want = wire.NotAuthorized
			}
			for range 2 { // the second time nothing of the first is left
				if code := c.publish(&wire.Publish{Topic: "deny/write", QoS: qos, Retain: true, Payload: []byte("x")}); code != want {
					t.Errorf("%v QoS %d: code 0x%02X", v, qos, byte(code))
				}
			}
		}
		c.ping()
	}
	if got := s.Broker.Stats().Retained; got != 0 {
		t.Fatalf("%d retained", got)
	}
}

func TestDeniedSubscribeIsTold(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{Access: deny{}})
	for v, want := range map[wire.Version]wire.ReasonCode{wire.V5: 0x87, wire.V311: 0x80, wire.V31: 0x80} {
		c := connected(t, s, v, "c"+v.String())
		codes := c.subscribe(wire.Subscription{Filter: "a", QoS: 1}, wire.Subscription{Filter: "deny/read"}, wire.Subscription{Filter: "$share/g/deny/read"})
		if !slices.Equal(codes, []wire.ReasonCode{1, want, want}) {
			t.Errorf("%v: SUBACK %v", v, codes)
		}
	}
	admin := dial(t, s, wire.V5)
	admin.connect(&wire.Connect{ClientID: "admin", HasUsername: true, Username: "admin"})
	admin.sub("deny/read", 1)
}

func TestWhatMayNotBeReceivedIsHeldBackFromAWildcard(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t, broker.Config{Access: deny{}})
	for _, v := range versions() {
		c, other := connected(t, s, v, "c"+v.String()), connected(t, s, v, "o"+v.String())
		other.publish(&wire.Publish{Topic: "deny/read", QoS: 1, Retain: true, Payload: []byte("kept")})
		c.sub("deny/#", 1)
		other.publish(&wire.Publish{Topic: "deny/read", QoS: 1, Payload: []byte("live")})
		other.publish(&wire.Publish{Topic: "deny/other", QoS: 1, Payload: []byte("end")})
		if p := c.receive(); p.Topic != "deny/other" {
			t.Errorf("%v: received %s %q", v, p.Topic, p.Payload)
		}
	}
}

func TestExpelledClientsAreToldWhy(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for _, v := range versions() {
		bad, good := dial(t, s, v), connected(t, s, v, "good"+v.String())
		bad.connect(&wire.Connect{ClientID: "bad" + v.String(), HasUsername: true, Username: "bad"})
		n := s.Broker.Expel(wire.NotAuthorized, func(c broker.ClientInfo) bool { return c.Username == "bad" })
		if n != 1 {
			t.Errorf("%v: %d clients expelled", v, n)
		}
		if v == wire.V5 {
			bad.expectDisconnect(wire.NotAuthorized)
		} else {
			bad.expectClosed()
		}
		good.ping()
	}
}
