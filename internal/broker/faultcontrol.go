package broker

import (
	"bytes"
	"net"

	"github.com/mqx-cli/mqx/internal/broker/faults"
	"github.com/mqx-cli/mqx/internal/wire"
)

// faultTopic is where clients on this machine say what is to go wrong. What they have said is retained there.
const faultTopic = "$CONTROL/mqx/faults"

// controlFaults takes a plan from a PUBLISH to faultTopic. The error is what is wrong with it.
func (c *client) controlFaults(p *wire.Publish) (wire.ReasonCode, error) {
	if !c.b.cfg.FaultControl || !isLocal(c.info.Addr) || c.rights != nil && !c.rights.MayPublish(faultTopic) {
		return wire.NotAuthorized, nil
	}
	plan, err := faults.Parse(string(p.Payload), c.b.cfg.Faults.Seed())
	if err != nil {
		return wire.PayloadFormatInvalid, err
	}
	if p.QoS > 0 {
		a := c.topics()
		a.mu.Lock()
		a.received[p.PacketID] = faultTopic // the new rules do not strike the answer to this
		a.mu.Unlock()
	}
	c.b.SetFaults(plan)
	c.b.publishOwn(faultTopic, bytes.Clone(p.Payload))

	return wire.Success, nil
}

// isLocal reports whether an address is on this machine: loopback, a Unix socket, or no network at all.
func isLocal(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case nil:
		return false
	default:
		return a.Network() == "unix" || a.Network() == "pipe"
	}
}
