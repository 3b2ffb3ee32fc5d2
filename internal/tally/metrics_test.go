package tally_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/mqx-cli/mqx/internal/tally"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestMetricsAreWhatPrometheusReads(t *testing.T) {
	t.Parallel()
	p := aProfile(t)
	r := tally.New(p, tally.Options{Run: "a \"run\"\\\n\xff", Begin: time.Now(), Recent: true})
	r.Connected("lyon/cr-1", 20*time.Millisecond, false)
	m := made(0, "acme/x", "y", 1, 0)
	_ = r.Sent(m)
	r.Acknowledged(m, 5*time.Millisecond, wire.Success)
	for range 100 {
		r.Lag(3 * time.Millisecond)
	}
	var text bytes.Buffer
	if err := r.WriteMetrics(&text); err != nil {
		t.Fatal(err)
	}
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		t.Fatal(err)
	}
	lag := families["mqx_sim_schedule_lag_seconds"].GetMetric()[0]
	if n := lag.GetSummary().GetSampleCount(); n != 100 {
		t.Errorf("%d times of lag", n)
	}
	for _, q := range lag.GetSummary().GetQuantile() {
		if q.GetValue() != 0.003 {
			t.Errorf("the quantile %g is %g", q.GetQuantile(), q.GetValue())
		}
	}
	labels := map[string]string{}
	for _, l := range lag.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	if labels["run"] != "a \"run\"\\\n\uFFFD" || labels["shard"] != "0" {
		t.Errorf("got %v", labels)
	}
	if n := families["mqx_sim_sent_total"].GetMetric()[1].GetCounter().GetValue(); n != 1 {
		t.Errorf("%g sent at QoS 1", n)
	}
	if n := families["mqx_sim_connected"].GetMetric()[0].GetGauge().GetValue(); n != 1 {
		t.Errorf("%g connected", n)
	}
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	r := tally.New(aProfile(t), tally.Options{Run: "x", Begin: time.Now(), Recent: true})
	s, err := tally.ServeMetrics(t.Context(), "127.0.0.1:0", r)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/": http.StatusOK, "/other": http.StatusNotFound} {
		response, err := client.Get("http://" + s.Address() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != want {
			t.Errorf("%s: %d, %v", path, response.StatusCode, err)
		}
		if path == "/metrics" && (response.Header.Get("Content-Type") != tally.ContentType || !bytes.Contains(body, []byte("mqx_sim_schedule_lag_seconds_count{"))) {
			t.Errorf("%v\n%s", response.Header, body)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestMetricsStayOnThisMachine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"9464": "127.0.0.1:9464", ":9464": "127.0.0.1:9464", "0.0.0.0:9464": "0.0.0.0:9464", "[::1]:1": "[::1]:1", "host": "", "host:x": "", "1.2.3.4": "", ":70000": "",
	} {
		got, err := tally.MetricsAddress(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
}
