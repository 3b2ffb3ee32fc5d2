//go:build unix

package interop_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// impostor is a Server that answers each connection with the same bytes, one after each read, and closes it after that if it
// is to.
func impostor(t *testing.T, closes bool, answers ...string) server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = nc.Close() }()
				buffer := make([]byte, 4096)
				for _, answer := range answers {
					_, _ = nc.Read(buffer)
					_, _ = nc.Write([]byte(answer))
				}
				for !closes {
					if _, err := nc.Read(buffer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return server{port: fmt.Sprint(l.Addr().(*net.TCPAddr).Port)}
}

func TestDropInEndsAsMosquittosClientsDo(t *testing.T) {
	impostors := dropInServers{"closes": impostor(t, true, ""), "garbage": impostor(t, true, "HTTP/1.1 400 Bad Request\r\n\r\n"), "taken": impostor(t, true, "\x20\x02\x00\x00")}
	for code := range 5 {
		impostors[fmt.Sprintf("code-%d", code+1)] = impostor(t, true, "\x20\x02\x00"+string([]byte{byte(code + 1)}))
	}
	for _, code := range []byte{0x80, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x9C, 0x9F} {
		impostors[fmt.Sprintf("reason-%d", code)] = impostor(t, true, "\x20\x03\x00"+string([]byte{code})+"\x00")
	}
	var cases []dropInCase
	for on := range impostors {
		code, v3 := strings.CutPrefix(on, "code-")
		_, v5 := strings.CutPrefix(on, "reason-")
		for _, tool := range []string{"pub", "sub", "rr"} {
			args := map[string]string{"pub": "-t a -m x -q 1", "sub": "-t a", "rr": "-t a -e b -m x"}[tool]
			switch {
			case on == "garbage":
				cases = append(cases, dropInCase{on: on, tool: tool, args: args, differs: "garbage-text", status: 14, err: "Error: A network protocol error occurred when communicating with the broker.\n"})
			case v3 && tool == "rr":
				why := map[string]string{"1": "unacceptable protocol version", "2": "identifier rejected", "3": "broker unavailable", "4": "bad user name or password", "5": "not authorised"}[code]
				cases = append(cases, dropInCase{on: on, tool: tool, args: args + " -V 311", differs: "rr-refused-text", status: int(code[0] - '0'), err: "Connection error: Connection Refused: " + why + ".\n"})
			case tool == "rr" && on == "taken":
				cases = append(cases, dropInCase{on: on, tool: tool, args: args + " -V 311"})
			case v3:
				cases = append(cases, dropInCase{on: on, tool: tool, args: args})
			case v5:
				cases = append(cases, dropInCase{on: on, tool: tool, args: args + " -V 5"})
			case tool != "sub": // which goes on trying
				cases = append(cases, dropInCase{on: on, tool: tool, args: args}, dropInCase{on: on, tool: tool, args: args + " --quiet"})
			}
		}
	}
	for _, on := range []string{"code-1", "taken"} {
		for tool, args := range map[string]string{"pub": "-t a -m x -q 1", "rr": "-t a -e b -m x"} {
			cases = append(cases, dropInCase{on: on, tool: tool, args: args + " -V 5", differs: "2.1-older-broker", status: 21, err: "Error: Malformed packet.\n"})
		}
	}
	silent := impostor(t, false)
	impostors["silent"] = silent
	cases = append(cases,
		dropInCase{on: "silent", tool: "sub", args: "-t a -W 1"},
		dropInCase{on: "silent", tool: "rr", args: "-t a -e b -m x -W 1", differs: "request-timeout", status: 27, err: "Timed out\n"},
		dropInCase{on: "silent", tool: "pub", args: "-t a -m x -k 5", differs: "2.1-keepalive", status: 19, err: "Error: Keepalive exceeded.\n"})
	impostors["denies"] = impostor(t, false, "\x20\x02\x00\x00", "\x90\x03\x00\x01\x80")
	cases = append(cases, dropInCase{on: "denies", tool: "sub", args: "-t a"}, dropInCase{on: "denies", tool: "sub", args: "-t a -E"}, dropInCase{on: "denies", tool: "rr", args: "-t a -e b -m x -V 311"})
	checkDropIn(t, impostors, impostors, cases)
}

// startPatient starts a Mosquitto like startGuarded, but one that does not hang up on who publishes where it may not: 2.0.11 does
// that where its queue has no limit.
func startPatient(t *testing.T) server {
	t.Helper()
	users := writeFile(t, "users", "")
	run(t, 0, tool(t, "mosquitto_passwd"), "-b", users, "anna", "s3cret")
	acl := writeFile(t, "acl", "user anna\ntopic read #\ntopic readwrite open/#\n")
	return startMosquitto(t, "password_file "+users, "acl_file "+acl, "allow_anonymous false", "max_inflight_messages 20", "max_queued_messages 1000")
}

func TestDropInTellsOfRefusalsAsMosquittosClientsDo(t *testing.T) {
	var cases []dropInCase
	for _, v := range []string{"31", "311", "5"} {
		cases = append(cases, dropInCase{tool: "pub", args: "-V " + v + " -t open/a -m x"}, dropInCase{tool: "pub", args: "-V " + v + " -t open/a -m x -u anna -P wrong"},
			dropInCase{tool: "sub", args: "-V " + v + " -t open/a"}, dropInCase{tool: "sub", args: "-V " + v + " -t open/a -u anna -P wrong --quiet"})
		good := "-V " + v + " -u anna -P s3cret "
		for _, q := range []string{"0", "1", "2"} {
			cases = append(cases, dropInCase{tool: "pub", args: good + "-q " + q + " -t open/a -m x"}, dropInCase{tool: "pub", args: good + "-q " + q + " -t closed/a -m x"},
				dropInCase{tool: "pub", args: good + "-q " + q + " -t closed/a -m x --repeat 3"}, dropInCase{tool: "pub", args: good + "-q " + q + " -t closed/a -l", in: "a\nb\n"},
				dropInCase{tool: "pub", args: good + "-q " + q + " -t closed/a -m x --quiet"}, dropInCase{tool: "sub", args: good + "-q " + q + " -t open/a -E"},
				dropInCase{tool: "rr", args: good + "-q " + q + " -t closed/a -e open/b -m x -W 4"})
		}
	}
	cases = append(cases, dropInCase{tool: "rr", args: "-u anna -P s3cret -t closed/a -q 1 -e open/b -m x", differs: "denied-request", err: "Warning: Publish 1 failed: Not authorized.\n"})
	checkDropIn(t, dropInServers{"": startPatient(t)}, dropInServers{"": startPatient(t)}, cases)
}

func TestDropInMovesPayloadsOfAnySizeUnchanged(t *testing.T) {
	linkDropIns(t)
	binary := make([]byte, 10<<20)
	_, _ = rand.Read(binary)
	for on, s := range map[string]server{"mosquitto": startMosquitto(t), "mqx broker": startEmbedded(t)} {
		for name, payload := range map[string][]byte{"10 MiB": binary, "one byte": {0}, "line feeds": []byte("\n\r\n")} {
			file := writeFile(t, "payload", string(payload))
			topic := "size/" + strings.ReplaceAll(name, " ", "-")
			run(t, 0, dropIn("pub"), s.at("-t", topic, "-q", "1", "-r", "-f", file)...)
			for _, program := range []string{dropIn("sub"), tool(t, "mosquitto_sub")} {
				if got := run(t, 0, program, s.at("-t", topic, "-q", "1", "-C", "1", "-N")...).stdout.String(); got != string(payload) {
					t.Errorf("%s, %s: %s printed %d bytes, want %d", on, name, program, len(got), len(payload))
				}
			}
			if got := start(t, bytes.NewReader(payload), dropIn("rr"), s.at("-t", topic+"/rr", "-e", topic+"/rr", "-q", "1", "-s", "-N")...).mustWait(0); got != string(payload) {
				t.Errorf("%s, %s: mosquitto_rr printed %d bytes, want %d", on, name, len(got), len(payload))
			}
		}
	}
}

// Version 2.1.2 loses most of these lines, with status 0.
func TestDropInLosesNoLine(t *testing.T) {
	linkDropIns(t)
	s := startMosquitto(t)
	const n = 5000
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "%d\n", i)
	}
	for _, qos := range []string{"1", "2"} {
		sub := startReady(t, s.mqx("sub", "lines/"+qos, "-q", "2", "-C", fmt.Sprint(n))...)
		start(t, strings.NewReader(lines.String()), dropIn("pub"), s.at("-t", "lines/"+qos, "-q", qos, "-l")...).mustWait(0)
		if got := sub.mustWait(0); got != lines.String() {
			t.Errorf("QoS %s: %d bytes arrived of %d", qos, len(got), lines.Len())
		}
	}
}

func TestDropInOutlivesTheBrokerAndEndsBySignals(t *testing.T) {
	linkDropIns(t)
	for _, v := range []string{"311", "5"} {
		s := startMosquitto(t)
		wills := startReady(t, s.mqx("sub", "will")...)
		sub := start(t, nil, dropIn("sub"), s.at("-V", v, "-t", "a", "-d", "-i", "sub", "--will-topic", "will", "--will-payload", "fired")...)
		eventually(t, "the subscription", func() bool { return strings.Contains(sub.stdout.String(), "Subscribed (mid: 1): 0\n") })
		run(t, 0, dropIn("pub"), s.at("-t", "a", "-m", "one")...)
		eventually(t, "the message", func() bool { return strings.Contains(sub.stdout.String(), "\none\n") })
		sub.signal(syscall.SIGTERM)
		sub.mustWait(0)
		if got := sub.stderr.String(); got != "" {
			t.Errorf("level %s: stderr %q", v, got)
		}
		run(t, 0, dropIn("pub"), s.at("-t", "will", "-m", "last")...)
		eventually(t, "the last message", func() bool { return strings.Contains(wills.stdout.String(), "last\n") })
		if fired := strings.Contains(wills.stdout.String(), "fired"); fired != (v == "5") {
			t.Errorf("level %s: the Will Message was published: %v", v, fired)
		}
	}
	// A lost connection is made again without a word.
	s := startMosquitto(t)
	sub := start(t, nil, dropIn("sub"), s.at("-t", "a", "-C", "1", "-d", "-i", "sub")...)
	eventually(t, "the subscription", func() bool { return strings.Contains(sub.stdout.String(), "Subscribed") })
	s.signal(os.Kill)
	s.wait()
	again := start(t, nil, tool(t, "mosquitto"), "-p", s.port)
	eventually(t, "the second subscription", func() bool { return strings.Count(sub.stdout.String(), "Subscribed") == 2 })
	run(t, 0, dropIn("pub"), s.at("-t", "a", "-m", "back")...)
	if got := sub.mustWait(0); !strings.Contains(got, "\nback\n") || sub.stderr.String() != "" {
		t.Errorf("stdout %q, stderr %q", got, sub.stderr.String())
	}
	again.signal(os.Kill)
}

// A part of the cases is enough to see that no Server is special.
func TestDropInDoesTheSameOnMqxBroker(t *testing.T) {
	var cases []dropInCase
	for i, c := range plainCases() {
		if i%4 == 0 && c.differs == "" {
			cases = append(cases, c)
		}
	}
	checkDropIn(t, dropInServers{"": startEmbedded(t)}, dropInServers{"": startEmbedded(t)}, cases)
}
