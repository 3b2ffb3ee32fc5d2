package profile_test

import (
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/profile"
)

func TestExpectationsWithoutAMeaningAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"connected p95 > 3":                  "connected has no quantiles",
		"publish_ack_p99 p95 < 3s":           "publish_ack_p99 has no quantiles",
		"connect where qos >= 1 < 3s":        "not a quantile",
		"reconnects < 3 where qos >= 1":      "reconnects has no QoS",
		`connected > 3 outside fault "x"`:    "connected is a state",
		`rate > 3 outside fault "x"`:         "a fault is not at all devices",
		`sent > 3 of fault "x"`:              "with within only",
		`sent > 3 within 1m of fault "nope"`: `there is no fault "nope"`,
	} {
		if _, err := profile.ParseExpectation(text, []string{"x"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestMeasuresAreNamedWithoutTheirQuantiles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		name     string
		quantile float64
	}{
		"publish_ack_p99 < 1s": {"publish_ack", 0.99}, "publish_ack p99.5 < 1s": {"publish_ack", 0.995}, "publish_ack < 1s": {"publish_ack", 0},
		"presence(x) == online": {"presence", 0}, "schedule_lag_p99 < 100ms": {"schedule_lag", 0.99}, "converge(a) p50 < 1s": {"converge", 0.5},
	} {
		e, err := profile.ParseExpectation(text, nil)
		if err != nil {
			t.Errorf("%s: %s", text, err)
			continue
		}
		if name, quantile := e.Measure(); name != want.name || quantile != want.quantile {
			t.Errorf("%s: got %s, %g", text, name, quantile)
		}
	}
}
