package main

import (
	"context"
	"strconv"

	"github.com/mqx-cli/mqx/internal/wire"
)

// relayed measures `sub` with what Mosquitto makes of messages: each comes in a write of its own.
func (b *bench) relayed(ctx context.Context) error {
	broker, err := b.mosquitto(ctx)
	if err != nil {
		return err
	}
	defer broker.stop()
	l, err := dial(broker.addr, "source")
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = l.flood() // it ends with the connection
	}()
	n := b.messages / 5
	args := []string{"-p", broker.port(), "-t", benchTopic, "-C", strconv.Itoa(n)}
	err = b.contests(ctx, []contest{{
		name: "`sub`, " + short(float64(n)) + " messages through Mosquitto", messages: n,
		theirs: append([]string{"mosquitto_sub"}, args...), ours: append([]string{b.mqx, "sub"}, args...),
	}})
	l.conn.Close()
	<-ended
	return err
}

// flood publishes at QoS 0 until the connection is closed.
func (l *lane) flood() error {
	packet, err := (&wire.Publish{Topic: benchTopic, Payload: []byte(text())}).Append(nil, wire.V5)
	for err == nil {
		_, err = l.out.Write(packet)
	}
	return err
}
