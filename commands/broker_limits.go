package commands

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/exit"
)

// defaultSysInterval is how often $SYS is published, as by Mosquitto.
const defaultSysInterval = 10 * time.Second

// brokerLimits bound what clients may ask of the broker.
type brokerLimits struct {
	maxKeepAlive time.Duration
	sysInterval  time.Duration
	config       broker.Config
}

func (o *brokerLimits) addFlags(fs *pflag.FlagSet) {
	o.config = broker.Config{}.WithDefaults()
	c := &o.config
	fs.IntVar(&c.MaxClients, "max-clients", 0, "clients that may be connected; more are refused (0: no limit)")
	fs.IntVar(&c.MaxSessions, "max-sessions", 0, "Sessions, with those of clients who are away (0: no limit)")
	fs.IntVar(&c.MaxConnectRate, "max-connect-rate", 0, "connections a second; more are refused (0: no limit)")
	fs.Uint32Var(&c.MaxPacketSize, "max-packet-size", c.MaxPacketSize, "largest packet to accept, in bytes")
	fs.Uint16Var(&c.ReceiveMaximum, "max-inflight", c.ReceiveMaximum, "QoS 2 messages that a client may have open")
	fs.IntVar(&c.MaxQueuedMessages, "max-queued-messages", c.MaxQueuedMessages, "messages that may wait for a client")
	fs.Int64Var(&c.MaxQueuedBytes, "max-queued-bytes", c.MaxQueuedBytes, "bytes that may wait for a client, and as many again in flight")
	fs.Int64Var(&c.MaxTotalQueuedBytes, "max-total-queued-bytes", 0, "bytes that may wait for all clients together (0: no limit)")
	fs.IntVar(&c.MaxRetained, "max-retained", 0, "messages that may be retained; a publish that retains one more is refused (0: no limit)")
	fs.Int64Var(&c.MaxRetainedBytes, "max-retained-bytes", c.MaxRetainedBytes, "bytes that may be retained")
	fs.IntVar(&c.MaxSubscriptions, "max-subscriptions", c.MaxSubscriptions, "subscriptions that a client may have")
	fs.IntVar(&c.MaxTopicLevels, "max-topic-levels", 0, "levels that a topic may have (0: no limit)")
	fs.Var(durationFlag{&o.maxKeepAlive}, "max-keepalive", "longest Keep Alive that MQTT 5 clients may have; they are told (0: no limit)")
	o.sysInterval = defaultSysInterval
	fs.Var(durationFlag{&o.sysInterval}, "sys-interval", "time between publications of $SYS, 0 for none")
}

// check refuses limits that make no sense, and completes the configuration.
func (o *brokerLimits) check(version string) error {
	c := &o.config
	for _, limit := range []struct {
		flag  string
		value int64
	}{
		{"--max-clients", int64(c.MaxClients)},
		{"--max-sessions", int64(c.MaxSessions)},
		{"--max-connect-rate", int64(c.MaxConnectRate)},
		{"--max-queued-messages", int64(c.MaxQueuedMessages)},
		{"--max-queued-bytes", c.MaxQueuedBytes},
		{"--max-total-queued-bytes", c.MaxTotalQueuedBytes},
		{"--max-retained", int64(c.MaxRetained)},
		{"--max-retained-bytes", c.MaxRetainedBytes},
		{"--max-subscriptions", int64(c.MaxSubscriptions)},
		{"--max-topic-levels", int64(c.MaxTopicLevels)},
		{"--sys-interval", int64(o.sysInterval)},
		{"--max-keepalive", int64(o.maxKeepAlive)},
	} {
		if limit.value < 0 {
			return exit.New(exit.Usage, limit.flag, "", "it cannot be negative")
		}
	}
	for _, limit := range []struct {
		flag  string
		value int64
	}{
		{"--max-packet-size", int64(c.MaxPacketSize)},
		{"--max-inflight", int64(c.ReceiveMaximum)},
		{"--max-queued-messages", int64(c.MaxQueuedMessages)},
		{"--max-queued-bytes", c.MaxQueuedBytes},
		{"--max-retained-bytes", c.MaxRetainedBytes},
		{"--max-subscriptions", int64(c.MaxSubscriptions)},
	} {
		if limit.value == 0 {
			return exit.New(exit.Usage, limit.flag, "", "it cannot be 0: there is always such a limit")
		}
	}
	seconds := o.maxKeepAlive / time.Second
	if seconds > 65535 || o.maxKeepAlive%time.Second != 0 {
		return exit.New(exit.Usage, "--max-keepalive", o.maxKeepAlive.String(), "it must be whole seconds, 65535 at most")
	}
	c.MaxKeepAlive, c.SysInterval, c.Version = uint16(seconds), o.sysInterval, version
	return nil
}
