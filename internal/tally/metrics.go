package tally

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ContentType is the format of [Recorder.WriteMetrics].
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// WriteMetrics writes the numbers for Prometheus, in its text exposition format. Quantiles are of the last half to whole
// minute, so that an alert sees what happens now; they cannot be added up over the parts of a fleet, summaries can.
func (r *Recorder) WriteMetrics(w io.Writer) error {
	r.mu.Lock()
	m := &metrics{labels: fmt.Sprintf(`run="%s",shard="%d"`, escapeLabel(r.options.Run), r.options.Shard.Index)}
	m.devices(r)
	m.messages(&r.scopes[0].counts)
	now := time.Now()
	for _, t := range []struct{ name, help, kind string }{
		{"mqx_sim_schedule_lag_seconds", "How much later than intended devices were woken. When it is large, this process is overloaded and its numbers are not those of the broker.", ScheduleLag},
		{"mqx_sim_connect_seconds", "How long it took to connect.", Connect},
		{"mqx_sim_publish_ack_seconds", "How long it took until a message at QoS 1 or 2 was acknowledged.", PublishAck},
	} {
		m.times(t.name, t.help, r.recent[t.kind], now)
	}
	r.mu.Unlock()
	_, err := io.WriteString(w, m.text.String())
	return err
}

// metrics is the text that is written.
type metrics struct {
	labels string
	text   strings.Builder
}

func (m *metrics) head(name, kind, help string) {
	fmt.Fprintf(&m.text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// value writes one sample. More are labels beyond those that all have.
func (m *metrics) value(name, more string, v float64) {
	if more != "" {
		more = "," + more
	}
	fmt.Fprintf(&m.text, "%s{%s%s} %s\n", name, m.labels, more, strconv.FormatFloat(v, 'g', -1, 64))
}

func (m *metrics) one(name, kind, help string, v float64) {
	m.head(name, kind, help)
	m.value(name, "", v)
}

func (m *metrics) devices(r *Recorder) {
	c := &r.scopes[0].counts
	m.one("mqx_sim_devices", "gauge", "Devices of this part of the fleet.", float64(len(r.indices)))
	m.one("mqx_sim_connected", "gauge", "Devices that are connected.", float64(len(r.connected)))
	m.one("mqx_sim_connects_total", "counter", "Connections that came to stand.", float64(c.Connects))
	m.one("mqx_sim_reconnects_total", "counter", "Connections of devices that had one before.", float64(c.Reconnects))
	m.one("mqx_sim_connect_failures_total", "counter", "Attempts to connect that failed.", float64(c.Failures))
	m.one("mqx_sim_takeovers_total", "counter", "Connections that ended because another one took the Client Identifier.", float64(c.Takeovers))
	m.one("mqx_sim_received_total", "counter", "Messages that came to devices.", float64(c.Received))
	m.one("mqx_sim_presence_changes_total", "counter", "How often a device was seen to come or go.", float64(c.Presence))
	m.head("mqx_sim_lint_findings_total", "counter", "Findings of the linter in what was sent.")
	m.value("mqx_sim_lint_findings_total", `severity="error"`, float64(c.LintErrors))
	m.value("mqx_sim_lint_findings_total", `severity="warning"`, float64(c.LintWarnings))
	m.head("mqx_sim_faults_begun_total", "counter", "How often a fault has begun at a device.")
	for i := range r.faults {
		name := r.faults[i].name
		m.value("mqx_sim_faults_begun_total", fmt.Sprintf(`fault="%s"`, escapeLabel(name)), float64(r.begun[name]))
	}
}

func (m *metrics) messages(c *Counts) {
	for _, one := range []struct {
		name, help string
		of         func(*QoSCounts) int64
	}{
		{"sent", "Messages that were sent.", func(q *QoSCounts) int64 { return q.Sent }},
		{"dropped", "Messages that were not sent, on purpose or because there was no connection.", func(q *QoSCounts) int64 { return q.Dropped }},
		{"sent_bytes", "Bytes of payloads that were sent.", func(q *QoSCounts) int64 { return q.Bytes }},
		{"acknowledged", "Messages that the broker has taken.", func(q *QoSCounts) int64 { return q.Acknowledged }},
		{"refused", "Messages that the broker has refused.", func(q *QoSCounts) int64 { return q.Refused }},
		{"arrived", "Messages that were seen to come out of the broker.", func(q *QoSCounts) int64 { return q.Arrived }},
		{"duplicated", "Messages that came out of the broker once too often.", func(q *QoSCounts) int64 { return q.Duplicated }},
		{"reordered", "Messages that came out of the broker after later ones.", func(q *QoSCounts) int64 { return q.Reordered }},
	} {
		name := "mqx_sim_" + one.name + "_total"
		m.head(name, "counter", one.help)
		for q := range c.QoS {
			m.value(name, fmt.Sprintf(`qos="%d"`, q), float64(one.of(&c.QoS[q])))
		}
	}
}

// times writes how long something took.
func (m *metrics) times(name, help string, t *recentTimes, now time.Time) {
	if t == nil {
		return
	}
	m.head(name, "summary", help)
	t.turn(now)
	recent := t.before.Clone()
	recent.Add(&t.now)
	for _, q := range []float64{0.5, 0.95, 0.99, 1} {
		m.value(name, fmt.Sprintf(`quantile="%g"`, q), recent.Quantile(q).Seconds())
	}
	m.value(name+"_sum", "", t.sum.Seconds())
	m.value(name+"_count", "", float64(t.count))
}

// escapeLabel writes text as the value of a label.
func escapeLabel(text string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(strings.ToValidUTF8(text, "\uFFFD"))
}

// MetricsAddress is where an address means to listen: on this machine only, where it names no host. A bare port is enough.
func MetricsAddress(text string) (string, error) {
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		text = ":" + text
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("%q is not an address like 127.0.0.1:9464", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q is not a port", port)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// MetricsServer serves /metrics.
type MetricsServer struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{}
}

// ServeMetrics serves the metrics of a Recorder at an address, until [MetricsServer.Close].
func ServeMetrics(ctx context.Context, address string, r *Recorder) (*MetricsServer, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", ContentType)
		b := bufio.NewWriter(w)
		_ = r.WriteMetrics(b) // whoever has asked is gone
		_ = b.Flush()
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "mqx simulate: /metrics\n")
	})
	const slowest = 10 * time.Second
	s := &MetricsServer{
		listener: l, done: make(chan struct{}),
		server: &http.Server{Handler: mux, ReadHeaderTimeout: slowest, WriteTimeout: slowest, IdleTimeout: time.Minute},
	}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(l) // until it is closed
	}()
	return s, nil
}

// Address is where it listens.
func (s *MetricsServer) Address() string { return s.listener.Addr().String() }

// Close ends it. Requests that are being answered get their answer.
func (s *MetricsServer) Close(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	<-s.done
	return err
}
