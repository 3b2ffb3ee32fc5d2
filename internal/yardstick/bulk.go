package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mqx-cli/mqx/internal/devca"
)

// text is the payload of all messages.
func text() string { return strings.Repeat("x", payloadSize) }

// contest are two commands that do the same, as a rule one of Mosquitto's and one of ours.
type contest struct {
	name         string
	messages     int
	theirs, ours []string
	input        string
	after        func(i int) error // checks each run of the first, 0, or the second command; may be nil
}

// outcome are the figures of a contest: Mosquitto's and ours.
type outcome struct{ wall, cpu pair }

// hold runs both in turn.
func (b *bench) hold(ctx context.Context, c contest) (outcome, error) {
	var o outcome
	for run := range b.runs + 1 { // the first one warms up
		for i, args := range [][]string{c.theirs, c.ours} {
			s, err := command(ctx, c.input, args...)
			if err == nil && c.after != nil {
				err = c.after(i)
			}
			if err != nil {
				return o, fmt.Errorf("%s, %s: %w", c.name, args[0], err)
			}
			if run > 0 {
				o.wall.add(i, s.wall)
				o.cpu.add(i, s.cpu)
			}
		}
	}
	return o, nil
}

// contests prints the outcome of each. The ratios are Mosquitto's to ours: how many times as fast we are.
func (b *bench) contests(ctx context.Context, all []contest) error {
	var rows [][]string
	for _, c := range all {
		o, err := b.hold(ctx, c)
		if err != nil {
			return err
		}
		each := func(f figures) string {
			var g figures
			for _, x := range f {
				g = append(g, x*1e6/float64(c.messages))
			}
			return g.show()
		}
		rows = append(rows, []string{
			c.name, o.wall[0].show(), o.wall[1].show(), o.wall[0].over(o.wall[1]).show(), each(o.cpu[0]), each(o.cpu[1]),
			o.cpu[1].over(o.cpu[0]).show(),
		})
	}
	b.table(" what | s, Mosquitto's client | s, mqx | times as fast | CPU µs a message, Mosquitto's | CPU µs a message, mqx | ratio CPU ", rows)
	return nil
}

// start measures the shortest runs: what the start of the program costs.
func (b *bench) start(ctx context.Context) error {
	sink, err := listen(0, nil)
	if err != nil {
		return err
	}
	defer sink.close()
	many := *b
	many.runs = 8 * b.runs
	message := []string{"-p", sink.port(), "-t", benchTopic, "-m", text()}
	var rows [][]string
	for _, c := range []contest{
		{name: "`version`", theirs: []string{"true"}, ours: []string{b.mqx, "version"}},
		{
			name: "`pub -m`, one message", theirs: append([]string{"mosquitto_pub"}, message...),
			ours: append([]string{b.mqx, "pub"}, message...), after: func(int) error { return sink.received(1) },
		},
	} {
		o, err := many.hold(ctx, c)
		if err != nil {
			return err
		}
		rows = append(rows, []string{
			c.name, ms(o.wall[0]), ms(o.wall[1]), o.wall.ratio(), ms(o.cpu[0]), ms(o.cpu[1]), o.cpu.ratio(),
		})
	}
	b.table(" what | ms, Mosquitto's client (`true`) | ms, mqx | ratio | CPU ms, Mosquitto's (`true`) | CPU ms, mqx | ratio CPU ", rows)
	return nil
}

func ms(f figures) string {
	var g figures
	for _, x := range f {
		g = append(g, x*1000)
	}
	return g.show()
}

// numbered is how many messages of QoS 1 or 2 are compared. mosquitto_pub ends when the Packet Identifier of the last line was
// acknowledged, and they begin anew after 65,535: of 100,000 lines it leaves 65,533 unsent.
const numbered = 60_000

// publishing measures `pub -l`.
func (b *bench) publishing(ctx context.Context) error {
	sink, err := listen(0, nil)
	if err != nil {
		return err
	}
	defer sink.close()
	both, stop, err := b.brokers(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var all []contest
	for _, target := range []struct {
		name, port string
		n          int
		qos        string
		after      func(n int) error
	}{
		{"a sink", sink.port(), b.messages, "0", sink.received},
		{"Mosquitto", both[0].port(), b.messages, "0", nil},
		{"Mosquitto", both[0].port(), min(b.messages, numbered), "1", nil},
		{"Mosquitto", both[0].port(), min(b.messages, numbered), "2", nil},
		{"`mqx broker`", both[1].port(), min(b.messages, numbered), "1", nil},
	} {
		input, err := b.lines(target.n)
		if err != nil {
			return err
		}
		args := []string{"-p", target.port, "-t", benchTopic, "-q", target.qos, "-l"}
		c := contest{
			name:     fmt.Sprintf("`pub -l -q %s`, %s lines, to %s", target.qos, short(float64(target.n)), target.name),
			messages: target.n, input: input,
			theirs: append([]string{"mosquitto_pub"}, args...), ours: append([]string{b.mqx, "pub"}, args...),
		}
		if target.after != nil {
			c.after = func(int) error { return target.after(target.n) }
		}
		all = append(all, c)
	}
	return b.contests(ctx, all)
}

// subscribing measures `sub`.
func (b *bench) subscribing(ctx context.Context) error {
	blaster, err := listen(b.messages, nil)
	if err != nil {
		return err
	}
	defer blaster.close()
	return b.contests(ctx, b.listeners(blaster, nil, nil))
}

// listeners are the two forms of `sub`, with further flags for each side.
func (b *bench) listeners(blaster *peer, theirs, ours []string) []contest {
	count := strconv.Itoa(b.messages)
	args := []string{"-p", blaster.port(), "-t", benchTopic, "-C", count}
	leave := func(int) error { <-blaster.got; return nil }
	join := func(lists ...[]string) (all []string) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	return []contest{
		{
			name: "`sub`, " + short(float64(b.messages)) + " messages of a blaster, payloads", messages: b.messages, after: leave,
			theirs: join([]string{"mosquitto_sub"}, args, theirs), ours: join([]string{b.mqx, "sub"}, args, ours),
		},
		{
			name: "the same, `--json` beside `-F %j`", messages: b.messages, after: leave,
			theirs: join([]string{"mosquitto_sub"}, args, theirs, []string{"-F", "%j"}), ours: join([]string{b.mqx, "sub"}, args, ours, []string{"--json"}),
		},
	}
}

// encrypted measures `pub -l` and `sub` with TLS, beside themselves without it.
func (b *bench) encrypted(ctx context.Context) error {
	files, err := devca.Ensure(filepath.Join(b.work, "ca"), []string{"127.0.0.1", "localhost"}, time.Now())
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return err
	}
	conf := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	input, err := b.lines(b.messages)
	if err != nil {
		return err
	}
	plain, err := listen(b.messages, nil)
	if err != nil {
		return err
	}
	defer plain.close()
	secret, err := listen(b.messages, conf)
	if err != nil {
		return err
	}
	defer secret.close()
	pub := func(p *peer, more ...string) []string {
		return append([]string{b.mqx, "pub", "-p", p.port(), "-t", benchTopic, "-l"}, more...)
	}
	var rows [][]string
	leave := func(i int) error { <-[]*peer{plain, secret}[i].got; return nil }
	for _, c := range []contest{
		{name: "`pub -l` to a sink", theirs: pub(plain), ours: pub(secret, "--cafile", files.CA), input: input, after: leave},
		{
			name: "`sub` of a blaster", theirs: b.listeners(plain, nil, nil)[0].ours,
			ours: b.listeners(secret, nil, []string{"--cafile", files.CA})[0].ours, after: leave,
		},
	} {
		secret.records.Store(0)
		o, err := b.hold(ctx, c)
		if err != nil {
			return err
		}
		records := "-" // the peer counts those that come
		if c.input != "" {
			records = short(float64(b.messages) * float64(b.runs+1) / float64(secret.records.Load()))
		}
		rows = append(rows, []string{
			c.name + ", " + short(float64(b.messages)) + " messages", o.wall[0].show(), o.wall[1].show(), o.wall.ratio(), o.cpu.ratio(), records,
		})
	}
	b.table(" what | s, plain | s, TLS | ratio | ratio CPU | messages in a TLS record ", rows)
	return nil
}

// waiting measures the memory of a `sub` to which nothing comes.
func (b *bench) waiting(ctx context.Context) error {
	broker, err := b.mosquitto(ctx)
	if err != nil {
		return err
	}
	defer broker.stop()
	theirs, err := exec.LookPath("mosquitto_sub")
	if err != nil {
		return err
	}
	var memory, own pair
	for range b.runs {
		for i, args := range [][]string{{theirs}, {b.mqx, "sub"}} {
			s, err := launch(ctx, args[0], "", append(args, "-p", broker.port(), "-t", "nothing")...)
			if err != nil {
				return err
			}
			<-time.After(time.Second) // neither says when it has subscribed in the same way
			all, err := memoryOf(s.pid(), "VmRSS")
			if err != nil {
				return err
			}
			private, err := memoryOf(s.pid(), "RssAnon")
			s.stop()
			if err != nil {
				return err
			}
			memory.add(i, all/1024)
			own.add(i, private/1024)
		}
	}
	b.table(" idle `sub` | MiB, `mosquitto_sub` | MiB, `mqx sub` ", [][]string{
		{"RSS", memory[0].show(), memory[1].show()},
		{"without the pages of files (RssAnon)", own[0].show(), own[1].show()},
	})
	return nil
}
