package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mqx-cli/mqx/internal/wire"
)

// pair are the figures of Mosquitto and of mqx.
type pair [2]figures

func (p *pair) add(i int, x float64) { p[i] = append(p[i], x) }

// ratio is mqx to Mosquitto.
func (p *pair) ratio() string { return p[1].over(p[0]).show() }

// compare measures two figures of both brokers in turn.
func (b *bench) compare(both []*service, measure func(i int, s *service) (x, y float64, err error)) (xs, ys pair, err error) {
	for run := range b.runs + 1 { // the first one warms up
		for i, s := range both {
			x, y, err := measure(i, s)
			if err != nil {
				return xs, ys, fmt.Errorf("%s: %w", s.name, err)
			}
			if run > 0 {
				xs.add(i, x)
				ys.add(i, y)
			}
		}
	}
	return xs, ys, nil
}

// routes measures messages from one client to another through the brokers, of which no more than a window is under way.
func (b *bench) routes(ctx context.Context) error {
	both, stop, err := b.brokers(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var rows [][]string
	for qos := range byte(2) {
		for _, window := range []int{1, 100, 1000} {
			rate, cost, err := b.compare(both, func(i int, s *service) (float64, float64, error) {
				n := b.messages / 10 * (1 + 4*i) // ours are faster: runs of a similar length
				if window == 1 {
					n = min(n, 20_000)
				}
				return route(s, n, qos, window)
			})
			if err != nil {
				return err
			}
			rows = append(rows, []string{
				fmt.Sprint(qos), fmt.Sprint(window), rate[0].show(), rate[1].show(), rate.ratio(), cost[0].show(), cost[1].show(),
			})
		}
	}
	b.table(" QoS | window | messages/s, Mosquitto | messages/s, mqx | ratio | CPU µs a message, Mosquitto | CPU µs a message, mqx ", rows)
	return nil
}

// route returns messages a second and the broker's CPU time for a message in µs.
func route(s *service, n int, qos byte, window int) (rate, cost float64, err error) {
	sub, err := dial(s.addr, "sub")
	if err != nil {
		return 0, 0, err
	}
	defer sub.conn.Close()
	pub, err := dial(s.addr, "pub")
	if err != nil {
		return 0, 0, err
	}
	defer pub.conn.Close()
	if err := sub.subscribe(benchTopic, qos); err != nil {
		return 0, 0, err
	}
	before, err := cpu(s.pid())
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	slots := make(chan struct{}, window)
	done := make(chan error, 2)
	go func() { done <- sub.drain(n, qos, slots) }()
	go func() { done <- pub.drainAcks(n * int(qos)) }()
	if err := pub.publish(n, qos, slots); err != nil {
		return 0, 0, err
	}
	if err := errors.Join(<-done, <-done); err != nil {
		return 0, 0, err
	}
	took := time.Since(begin).Seconds()
	after, err := cpu(s.pid())
	return float64(n) / took, (after - before) * 1e6 / float64(n), err
}

// fanOut measures deliveries of each message to 100 subscribers.
func (b *bench) fanOut(ctx context.Context) error {
	const subscribers, window = 100, 100
	both, stop, err := b.brokers(ctx)
	if err != nil {
		return err
	}
	defer stop()
	rate, cost, err := b.compare(both, func(_ int, s *service) (float64, float64, error) {
		return spread(s, b.messages/100, subscribers, window)
	})
	if err != nil {
		return err
	}
	b.table(" deliveries/s, Mosquitto | deliveries/s, mqx | ratio | CPU µs a delivery, Mosquitto | CPU µs a delivery, mqx ",
		[][]string{{rate[0].show(), rate[1].show(), rate.ratio(), cost[0].show(), cost[1].show()}})
	return nil
}

func spread(s *service, n, subscribers, window int) (rate, cost float64, err error) {
	pub, err := dial(s.addr, "pub")
	if err != nil {
		return 0, 0, err
	}
	defer pub.conn.Close()
	heard := make(chan struct{}, window*subscribers)
	done := make(chan error, subscribers)
	for i := range subscribers {
		sub, err := dial(s.addr, fmt.Sprint("sub", i))
		if err != nil {
			return 0, 0, err
		}
		defer sub.conn.Close()
		if err := sub.subscribe(benchTopic, 0); err != nil {
			return 0, 0, err
		}
		go func() { done <- sub.drain(n, 0, heard) }()
	}
	packet, err := (&wire.Publish{Topic: benchTopic, Payload: make([]byte, payloadSize)}).Append(nil, wire.V5)
	if err != nil {
		return 0, 0, err
	}
	before, err := cpu(s.pid())
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	for range n {
		for range subscribers {
			heard <- struct{}{}
		}
		if _, err := pub.conn.Write(packet); err != nil {
			return 0, 0, err
		}
	}
	for range subscribers {
		err = errors.Join(err, <-done)
	}
	took := time.Since(begin).Seconds()
	after, failure := cpu(s.pid())
	all := float64(n * subscribers)
	return all / took, (after - before) * 1e6 / all, errors.Join(err, failure)
}

// idle measures the memory of connections, each with a subscription of its own, on which nothing happens.
func (b *bench) idle(ctx context.Context) error {
	counts := []int{1000, 5000}
	memory := make([]pair, len(counts))
	for range b.runs {
		both, stop, err := b.brokers(ctx)
		if err != nil {
			return err
		}
		for i, s := range both {
			each, err := b.crowd(s, counts)
			if err != nil {
				stop()
				return fmt.Errorf("%s: %w", s.name, err)
			}
			for j := range each {
				memory[j].add(i, each[j])
			}
		}
		stop()
	}
	var rows [][]string
	for j, n := range counts {
		rows = append(rows, []string{fmt.Sprint(n), memory[j][0].show(), memory[j][1].show()})
	}
	b.table(" idle connections | KiB each, Mosquitto | KiB each, mqx ", rows)
	return nil
}

// crowd connects as many clients and returns by how many KiB each of them has made the broker grow.
func (b *bench) crowd(s *service, counts []int) ([]float64, error) {
	before, err := memoryOf(s.pid(), "RssAnon")
	if err != nil {
		return nil, err
	}
	var each []float64
	var lanes []*lane
	defer func() {
		for _, l := range lanes {
			l.conn.Close()
		}
	}()
	for _, n := range counts {
		for len(lanes) < n {
			l, err := dial(s.addr, fmt.Sprint("idle", len(lanes)))
			if err != nil {
				return nil, err
			}
			lanes = append(lanes, l)
			if err := l.subscribe(fmt.Sprintf("idle/%d/#", len(lanes)), 1); err != nil {
				return nil, err
			}
		}
		after, err := memoryOf(s.pid(), "RssAnon")
		if err != nil {
			return nil, err
		}
		each = append(each, (after-before)/float64(n))
	}
	return each, nil
}

// retained measures how long a new subscriber waits for 100,000 Retained Messages at QoS 0.
func (b *bench) retained(ctx context.Context) error {
	n := b.messages / 10
	both, stop, err := b.brokers(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for _, s := range both {
		if err := retain(s, n); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	took, cost, err := b.compare(both, func(_ int, s *service) (float64, float64, error) { return fetch(s, n) })
	if err != nil {
		return err
	}
	b.table(" Retained Messages | s, Mosquitto | s, mqx | ratio s | CPU s, Mosquitto | CPU s, mqx ",
		[][]string{{fmt.Sprint(n), took[0].show(), took[1].show(), took.ratio(), cost[0].show(), cost[1].show()}})
	return nil
}

// retain leaves n Retained Messages. They are published at QoS 1, so that all are there afterwards.
func retain(s *service, n int) error {
	pub, err := dial(s.addr, "pub")
	if err != nil {
		return err
	}
	defer pub.conn.Close()
	done := make(chan error, 1)
	go func() { done <- pub.drainAcks(n) }()
	var packet []byte
	for i := range n {
		p := wire.Publish{Topic: fmt.Sprintf("bench/%d/%d", i%100, i), QoS: 1, Retain: true, PacketID: uint16(i%60_000) + 1, Payload: make([]byte, payloadSize)}
		if packet, err = p.Append(packet[:0], wire.V5); err != nil {
			return err
		}
		if _, err := pub.out.Write(packet); err != nil {
			return err
		}
	}
	if err := pub.out.Flush(); err != nil {
		return err
	}
	return <-done
}

func fetch(s *service, n int) (took, cost float64, err error) {
	sub, err := dial(s.addr, "sub")
	if err != nil {
		return 0, 0, err
	}
	defer sub.conn.Close()
	before, err := cpu(s.pid())
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	if err := sub.subscribe("bench/#", 0); err != nil {
		return 0, 0, err
	}
	if err := sub.drain(n, 0, nil); err != nil {
		return 0, 0, err
	}
	took = time.Since(begin).Seconds()
	after, err := cpu(s.pid())
	return took, after - before, err
}
