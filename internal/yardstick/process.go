package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience bounds what takes a moment.
const patience = 30 * time.Second

// spent is what a process has cost, in seconds.
type spent struct{ wall, cpu float64 }

// command runs a command to its end. Its output is thrown away; input may be empty.
func command(ctx context.Context, input string, args ...string) (spent, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // G204: the commands are ours
	if input != "" {
		f, err := os.Open(input)
		if err != nil {
			return spent{}, err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	begin := time.Now()
	err := cmd.Run()
	if err != nil {
		return spent{}, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return spent{wall: time.Since(begin).Seconds(), cpu: used.Seconds()}, nil
}

// service is a process in the background.
type service struct {
	name string
	addr string
	cmd  *exec.Cmd
}

// port is the TCP port of the service.
func (s *service) port() string {
	_, port, _ := net.SplitHostPort(s.addr)
	return port
}

// pid is the number of its process.
func (s *service) pid() int { return s.cmd.Process.Pid }

// launch starts a process and waits until it listens.
func launch(ctx context.Context, name, addr string, args ...string) (*service, error) {
	s := &service{name: name, addr: addr, cmd: exec.CommandContext(ctx, args[0], args[1:]...)} //nolint:gosec // G204: the commands are ours
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if addr == "" {
		return s, nil
	}
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr) //nolint:noctx // loopback answers at once
		if err == nil {
			return s, conn.Close()
		}
	}
	s.stop()
	return nil, fmt.Errorf("%s does not listen on %s", name, addr)
}

func (s *service) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	_ = s.cmd.Wait()                          // its status does not matter
}

// cpu is the CPU time that a running process has used, in seconds.
func cpu(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat has an unknown form")
	}
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	const ticks = 100 // a second, on all of Linux
	return float64(user+system) / ticks, err
}

// memoryOf is a figure of /proc/PID/status, in KiB: VmRSS is all memory of a running process, RssAnon what is its own.
func memoryOf(pid int, which string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, which+":"); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			return float64(n), err
		}
	}
	return 0, errors.New("/proc/PID/status has no " + which)
}

// free finds an address that nobody listens on.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// mosquitto starts Mosquitto without limits and without persistence.
func (b *bench) mosquitto(ctx context.Context) (*service, error) {
	addr, err := free()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	conf := filepath.Join(b.work, "mosquitto"+port+".conf")
	text := "listener " + port + " " + host + "\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\nlog_dest none\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	program := "/usr/sbin/mosquitto"
	if found, err := exec.LookPath("mosquitto"); err == nil {
		program = found
	}
	return launch(ctx, "Mosquitto", addr, program, "-c", conf)
}

// broker starts `mqx broker`.
func (b *bench) broker(ctx context.Context) (*service, error) {
	addr, err := free()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	return launch(ctx, "mqx broker", addr, b.mqx, "broker", "-p", port)
}

// brokers starts one of each: Mosquitto first.
func (b *bench) brokers(ctx context.Context) ([]*service, func(), error) {
	theirs, err := b.mosquitto(ctx)
	if err != nil {
		return nil, nil, err
	}
	ours, err := b.broker(ctx)
	if err != nil {
		theirs.stop()
		return nil, nil, err
	}
	return []*service{theirs, ours}, func() { theirs.stop(); ours.stop() }, nil
}

// lines writes a file of n lines of 64 bytes each, the line feed not counted.
func (b *bench) lines(n int) (string, error) {
	name := filepath.Join(b.work, "lines"+strconv.Itoa(n))
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = io.WriteString(f, strings.Repeat(strings.Repeat("x", payloadSize)+"\n", n))
	return name, err
}
