package main_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/topic"
	"github.com/mqx-cli/mqx/internal/wire"
)

// patience bounds every wait of a script.
const patience = time.Minute

// world is what a script has: a broker, and processes that run beside the script.
type world struct {
	listener   *cuttable
	subscribed chan string // every filter that became active

	mu        sync.Mutex
	processes map[string]*process
}

type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	done  chan struct{}
}

// key finds the world of a script.
type key struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(key{}).(*world) }

// startBroker gives a script its broker. The user "mallory" is refused, and so is everything below forbidden/.
func startBroker(e *testscript.Env) error {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w := &world{listener: &cuttable{Listener: inner}, subscribed: make(chan string, 1000), processes: map[string]*process{}}
	b := broker.New(broker.Config{
		Access: guard{},
		Events: func(ev broker.Event) {
			if ev.Kind == broker.Subscribed {
				w.subscribed <- ev.Filter
			}
		},
	})
	served := make(chan error, 1)
	go func() { served <- b.Serve(w.listener) }()
	e.Defer(func() {
		w.killAll()
		_ = b.Shutdown(context.Background())
		<-served
	})
	e.Values[key{}] = w
	e.Setenv("MQX_HOST", "127.0.0.1")
	e.Setenv("MQX_PORT", strconv.Itoa(inner.Addr().(*net.TCPAddr).Port))
	e.Setenv("GORACE", "atexit_sleep_ms=0")
	e.Setenv("TZ", "UTC")
	e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
	return nil
}

// guard refuses mallory, and everybody what begins with forbidden/.
type guard struct{}

func (g guard) Authenticate(c broker.ClientInfo, _ *wire.Connect) (broker.Rights, wire.ReasonCode) {
	if c.Username == "mallory" {
		return nil, wire.BadUserNameOrPassword
	}
	return g, wire.Success
}

func (guard) MayPublish(topic string) bool { return !strings.HasPrefix(topic, "forbidden/") }

func (guard) MaySubscribe(f topic.Filter) bool { return !strings.HasPrefix(f.String(), "forbidden/") }

func (guard) MayReceive(string) bool { return true }

// cuttable is a listener whose connections can be cut like a cable.
type cuttable struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

// Accept remembers the connection.
func (c *cuttable) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		c.conns = append(c.conns, conn)
		c.mu.Unlock()
	}
	return conn, err
}

// cut breaks all connections, as the end of the broker's machine would.
func cut(ts *testscript.TestScript, _ bool, _ []string) {
	l := worldOf(ts).listener
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

// status N COMMAND… runs a command in the foreground and expects its exit status.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exited, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exited.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("got status %d, want %s", got, args[0])
	}
}

// start NAME COMMAND… starts a command beside the script. Its standard input is fed with feed.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME COMMAND...")
	}
	name := args[0]
	path, err := exec.LookPath(args[1])
	if err != nil {
		path = args[1]
	}
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environ(ts)
	p := &process{cmd: cmd, done: make(chan struct{})}
	p.stdin, err = cmd.StdinPipe()
	ts.Check(err)
	stdout, err := os.Create(ts.MkAbs(name + ".stdout"))
	ts.Check(err)
	stderr, err := os.Create(ts.MkAbs(name + ".stderr"))
	ts.Check(err)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	ts.Check(cmd.Start())
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // its status is read from ProcessState
		_ = stdout.Close()
		_ = stderr.Close()
	}()
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.processes[name] = p
}

// environ is the environment of the script.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "WORK", "MQX_HOST", "MQX_PORT", "GORACE", "GOCOVERDIR", "TZ", "SYSTEMROOT", "XDG_STATE_HOME"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func named(ts *testscript.TestScript, args []string, n int) *process {
	if len(args) != n {
		ts.Fatalf("wrong number of arguments")
	}
	w := worldOf(ts)
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.processes[args[0]]
	if p == nil {
		ts.Fatalf("no process is called %q", args[0])
	}
	return p
}

// feed NAME TEXT writes a line to the standard input of a process; ! feed NAME ends its input.
func feed(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Check(named(ts, args, 1).stdin.Close())
		return
	}
	_, err := io.WriteString(named(ts, args, 2).stdin, args[1]+"\n")
	ts.Check(err)
}

// signal NAME INT|TERM|HUP|KILL sends a signal.
func signalProcess(ts *testscript.TestScript, _ bool, args []string) {
	s := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": os.Kill}[args[len(args)-1]]
	ts.Check(named(ts, args, 2).cmd.Process.Signal(s))
}

// ends NAME N waits for the end of a process and expects its exit status. Its output is in NAME.stdout and NAME.stderr.
func ends(ts *testscript.TestScript, _ bool, args []string) {
	p := named(ts, args, 2)
	select {
	case <-p.done:
	case <-time.After(patience):
		ts.Fatalf("%s did not end", args[0])
	}
	if got := p.cmd.ProcessState.ExitCode(); strconv.Itoa(got) != args[1] {
		stderr := ts.ReadFile(args[0] + ".stderr")
		ts.Fatalf("%s: got status %d, want %s\n%s", args[0], got, args[1], stderr)
	}
}

func (w *world) killAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.processes {
		select {
		case <-p.done:
		default:
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	}
}

// await-subscribe FILTER waits until the filter is active; each subscription is awaited once.
func awaitSubscribe(ts *testscript.TestScript, _ bool, args []string) {
	timeout := time.After(patience)
	for {
		select {
		case filter := <-worldOf(ts).subscribed:
			if filter == args[0] {
				return
			}
		case <-timeout:
			ts.Fatalf("nobody subscribed to %q", args[0])
		}
	}
}

// await-file FILE [TEXT] waits until the file exists, and holds the text.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patience)
	for {
		if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && (len(args) < 2 || strings.Contains(string(b), args[1])) {
			return
		}
		select {
		case <-tick.C:
		case <-timeout:
			ts.Fatalf("%q did not come", args)
		}
	}
}

// envFromFile sets a variable to what a file holds: env-from-file NAME FILE.
func envFromFile(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}
