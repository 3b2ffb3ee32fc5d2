package broker_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/wire"
)

func users(pairs ...string) *wire.Properties {
	p := &wire.Properties{}
	for i := 0; i < len(pairs); i += 2 {
		p.UserProperties = append(p.UserProperties, wire.UserProperty{Key: pairs[i], Value: pairs[i+1]})
	}

	return p
}

// conditional publishes a Retained Message that depends on a revision and returns the acknowledgement.
func (c *raw) conditional(qos byte, payload, rev string, more ...string) *wire.Ack {
	c.t.Helper()
	c.send(&wire.Publish{
		Topic: "a/desired", QoS: qos, PacketID: 9, Retain: true, Payload: []byte(payload),
		Properties: users(append([]string{"mqx-if-rev", rev}, more...)...),
	})
	kind := wire.PUBACK
	if qos == 2 {
		kind = wire.PUBREC
	}
	ack := c.expectAck(kind, 9)
	if qos == 2 && !ack.Code.IsError() {
		c.send(&wire.Ack{Kind: wire.PUBREL, PacketID: 9})
		c.expectAck(wire.PUBCOMP, 9)
	}

	return ack
}

func TestAPublishWithARevisionIsCarriedOutOnlyIfThatIsRetained(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, stored string
		properties   []string
		rev, current string // current is "" when the condition holds
	}{
		{"nothing is retained", "", nil, "0", ""},
		{"nothing is retained, one is asked for", "", nil, "3", "0"},
		{"something is retained, nothing is asked for", `{"rev":3}`, nil, "0", "3"},
		{"rev of the payload", `{"rev":3,"state":{}}`, nil, "3", ""},
		{"another rev of the payload", `{"rev":4,"state":{}}`, nil, "3", "4"},
		{"inline rev", `{"_rev":3,"a":1}`, nil, "3", ""},
		{"leading zeros", `{"rev":3}`, nil, "003", ""},
		{"largest rev", `{"rev":18446744073709551615}`, nil, "18446744073709551615", ""},
		{"property before payload", `{"rev":4}`, []string{"mqx-rev", "3"}, "3", ""},
		{"property that is no number", `{"rev":3}`, []string{"mqx-rev", "x"}, "3", ""},
		{"no revision", `{"a":1}`, nil, "none", ""},
		{"no revision, one is asked for", `{"a":1}`, nil, "3", "none"},
		{"rev is no number", `{"rev":"3"}`, nil, "3", "none"},
		{"rev is no whole number", `{"rev":3.0}`, nil, "3", "none"},
		{"not JSON", `hello`, nil, "none", ""},
		{"case counts", `{"Rev":3}`, nil, "none", ""},
		{"a condition that is none", `{"rev":3}`, nil, "three", "3"},
		{"an empty condition", `{"rev":3}`, nil, "", "3"},
	} {
		for _, qos := range []byte{1, 2} {
			t.Run(fmt.Sprint(tt.name, ", QoS ", qos), func(t *testing.T) {
				t.Parallel()
				s := brokertest.Start(t)
				c := connected(t, s, wire.V5, "c")
				if tt.stored != "" {
					c.publish(&wire.Publish{Topic: "a/desired", QoS: 1, Retain: true, Payload: []byte(tt.stored), Properties: users(tt.properties...)})
				}
				ack := c.conditional(qos, "new", tt.rev)
				retained := "new"
				if tt.current != "" {
					retained = tt.stored
					if ack.Code != wire.ImplementationSpecificError || ack.Properties.ReasonString != "rev conflict: current "+tt.current {
						t.Errorf("got %+v", ack)
					}
				} else if ack.Code.IsError() {
					t.Errorf("got %+v", ack)
				}
				c.sub("a/desired", 0)
				if retained == "" {
					c.quiet()
					return
				}
				c.receivePayload(retained)
			})
		}
	}
}

func TestAConditionIsNotPassedOn(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	pub, sub := connected(t, s, wire.V5, "pub"), connected(t, s, wire.V5, "sub")
	sub.sub("a/#", 1)
	pub.conditional(1, "x", "0", "mqx-rev", "1", "k", "v")
	for range 2 { // live, then retained
		want := []wire.UserProperty{{Key: "mqx-rev", Value: "1"}, {Key: "k", Value: "v"}}
		if diff := cmp.Diff(want, sub.receivePayload("x").Properties.UserProperties); diff != "" {
			t.Error(diff)
		}
		sub.sub("a/+", 1)
	}
}

func TestAConditionMeansNothingWithoutRetain(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	c := connected(t, s, wire.V5, "c")
	c.sub("a", 0)
	got := c.publishToItself(&wire.Publish{Topic: "a", QoS: 1, Payload: []byte("x"), Properties: users("mqx-if-rev", "7")})
	if string(got.Payload) != "x" || len(got.Properties.UserProperties) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestARefusedConditionSaysWhyOnlyToWhoWantsToKnow(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	for name, props := range map[string]*wire.Properties{
		"problem information 0": (&wire.Properties{}).Set(wire.PropRequestProblemInformation),
		"small packets":         (&wire.Properties{MaximumPacketSize: 34}).Set(wire.PropMaximumPacketSize),
	} {
		c := dial(t, s, wire.V5)
		connack := c.connect(&wire.Connect{ClientID: name, CleanStart: true, Properties: props})
		if small := name == "small packets"; connack.Properties.Has(wire.PropUserProperty) == small {
			t.Errorf("%s: CONNACK %+v", name, connack.Properties)
		}
		if ack := c.conditional(1, "x", "5"); ack.Code != wire.ImplementationSpecificError || !ack.Properties.Empty() {
			t.Errorf("%s: got %+v", name, ack)
		}
	}
}

// TestCompareAndSetLosesNoUpdate has writers count in one Retained Message at once.
func TestCompareAndSetLosesNoUpdate(t *testing.T) {
	t.Parallel()
	s := brokertest.Start(t)
	const writers, rounds = 4, 100
	seed := connected(t, s, wire.V5, "seed")
	seed.conditional(1, `{"rev":1}`, "0")
	var work sync.WaitGroup
	for w := range writers {
		c := connected(t, s, wire.V5, fmt.Sprint("w", w))
		work.Go(func() {
			rev := 1
			for done := 0; done < rounds; rev++ {
				ack := c.conditional(1, fmt.Sprintf(`{"rev":%d}`, rev+1), fmt.Sprint(rev))
				if !ack.Code.IsError() {
					done++
				} else if _, err := fmt.Sscanf(ack.Properties.ReasonString, "rev conflict: current %d", &rev); err != nil {
					t.Error(err)
					return
				} else {
					rev--
				}
			}
		})
	}
	work.Wait()
	seed.sub("a/desired", 0)
	seed.receivePayload(fmt.Sprintf(`{"rev":%d}`, 1+writers*rounds))
}
