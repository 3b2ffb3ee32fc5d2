package tally_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/contract"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/simulate"
	"github.com/mqx-cli/mqx/internal/tally"
	"github.com/mqx-cli/mqx/internal/verdict"
	"github.com/mqx-cli/mqx/internal/wire"
)

// story is a run that happened, in the time of a bubble: four devices, one of which was away for a while and lost a message.
func story(t *testing.T, expect ...string) *tally.Summary {
	t.Helper()
	p := aProfile(t, expect...)
	began := time.Now()
	r := tally.New(p, tally.Options{
		Run: "rooms-1", Planned: p.Duration, Begin: began, Start: simulate.DefaultStart(),
		Lint: func(m message.Message) (int, int) { return strings.Count(string(m.Payload), "!"), 1 },
	})
	l, err := p.Layout(contract.Default())
	if err != nil {
		t.Fatal(err)
	}
	w := tally.NewWatch(r, simulate.NewRun(p, l, simulate.DefaultStart(), nil))
	at := func(d time.Duration, topic, payload string) {
		time.Sleep(time.Until(began.Add(d)))
		w.Received(message.Message{Topic: "acme/lyon/" + topic, Payload: []byte(payload)})
	}
	sent := func(due time.Duration, took time.Duration) {
		for device := range 4 {
			door := fmt.Sprintf("cr-%d/events/door", device+1)
			m := made(device, "acme/lyon/"+door, fmt.Sprint(due), 1, due)
			if device == 2 && due == 6*time.Minute {
				m.Message.Payload = []byte("!!")
			}
			time.Sleep(time.Until(began.Add(due)))
			_ = r.Sent(m)
			if device != 1 || due != 150*time.Second {
				r.Acknowledged(m, took, wire.Success)
				at(due, door, string(m.Message.Payload))
			}
		}
	}
	for i := range 4 {
		r.Connected(fmt.Sprintf("lyon/cr-%d", i+1), time.Duration(i+1)*time.Millisecond, false)
	}
	at(time.Second, "cr-2/status", "online")
	sent(time.Minute, 10*time.Millisecond)
	at(130*time.Second, "cr-2/status", "offline")
	r.Disconnected("lyon/cr-4", nil)
	sent(150*time.Second, 20*time.Millisecond)
	at(185*time.Second, "cr-2/status", "online")
	at(200*time.Second, "cr-1/desired", `{"rev":1,"state":{"setpoint_c":-20}}`)
	at(200*time.Second, "cr-3/desired", `{"rev":1,"state":{"setpoint_c":-20}}`)
	at(203*time.Second, "cr-1/reported", `{"state":{"setpoint_c":-20.0},"desired_rev":1}`)
	sent(4*time.Minute, 30*time.Millisecond)
	sent(6*time.Minute, 40*time.Millisecond)
	r.Lag(3 * time.Millisecond)
	time.Sleep(time.Until(began.Add(p.Duration)))
	r.Leaving("")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	w.Settle(over)
	return r.Summary()
}

func TestExpectationsAreJudged(t *testing.T) {
	t.Parallel()
	for expect, want := range map[string]string{
		"connected >= 3":                 "held",
		"connected >= 4":                 "failed: 3 were connected after 10m",
		"connected >= 4 within 3m":       "held",
		"connected >= 5 within 3m":       "failed: 3 were connected after 3m |  the closest was 4 after 100ms |  the fleet has 4 devices",
		"connected < 4 within 1m":        "held", // before they connect
		"devices == 4":                   "held",
		"devices > 4":                    "failed: the fleet has 4 devices",
		"presence(cr-2) == online":       "held",
		"presence(cr-2) != online":       "failed: lyon/cr-2 was online from 3m5s on",
		"presence(cr-1) == online":       "failed: lyon/cr-1 was not seen",
		"presence(cr-9) == online":       "failed: there is no device cr-9",
		"lost == 0 where qos >= 1":       `failed: 1 of 16 messages: lost |  1 of these during fault "outage"`,
		"lost == 0 where qos == 2":       "held",
		"lost <= 1":                      "held",
		"duplicated == 0":                "held",
		"sent == 16":                     "held",
		"sent > 16":                      `failed: sent: 16`,
		"errors == 0":                    "held",
		"reconnects == 0":                "held",
		"takeovers == 0":                 "held",
		"lint.errors == 0":               `failed: lint.errors: 2 |  2 of these during fault "bad firmware"`,
		"lint.warnings == 16":            "held",
		"publish_ack < 41ms":             "failed: the longest time has no end: 1 of 16 messages were never acknowledged |  the median is 30.02ms, the longest 40ms",
		"publish_ack p50 < 31ms":         "held",
		"publish_ack p50 < 20ms":         "failed: the p50 is 30.02ms of 15 times |  the median is 30.02ms, the longest 40ms",
		"publish_ack_p95 < 1s":           "failed: the p95 has no end: 1 of 16 messages were never acknowledged |  the median is 30.02ms, the longest 40ms",
		"schedule_lag_p99 < 4ms":         "held",
		"connect < 5ms":                  "held",
		"converge(setpoint_c) < 15s":     "failed: the longest time has no end: 1 of 2 desired states were never reported |  the median is 3s, the longest 3s",
		"converge(setpoint_c) p50 < 15s": "held",
		"converge(interval_s) p50 < 15s": "failed: nothing was measured: nobody has set interval_s",

		`lost == 0 outside fault "outage"`:                           "held",
		`lint.errors == 0 outside fault "bad firmware"`:              "held",
		`presence(cr-2) == offline within 1m of fault "outage"`:      "held",
		`presence(lyon/cr-2) == offline within 5s of fault "outage"`: "failed: lyon/cr-2 was online from 1s on",
		`connected < 4 within 1m of fault "outage"`:                  "held",
		`sent == 4 within 1m of fault "outage"`:                      "held",
		`lost == 0 within 1m of fault "outage"`:                      "failed: 1 of 4 messages: lost",
		`publish_ack < 25ms within 2m`:                               "held",
	} {
		var verdicts []tally.Verdict
		synctest.Test(t, func(t *testing.T) { verdicts = tally.Judge(story(t, expect)) })
		got := string(verdicts[0].Verdict)
		if len(verdicts[0].Reasons) > 0 {
			got += ": " + strings.Join(verdicts[0].Reasons, " | ")
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", expect, got, want)
		}
	}
}

func TestWhatWasNotSeenIsNotJudged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, judgeWhatWasNotSeen) // the run ends when it is said to, to the second
}

func judgeWhatWasNotSeen(t *testing.T) {
	p := aProfile(t, "lost == 0", "lint.errors == 0", "sent == 0", `reconnects == 0 within 1m of fault "outage"`)
	r := fixedRun(p, time.Minute, simulate.Shard{})
	if v := tally.Judge(r.Summary()); v[2].Verdict != verdict.BadData {
		t.Errorf("a run that is not over: %+v", v[2])
	}
	r.Leaving("interrupted")
	var got []string
	for _, v := range tally.Judge(r.Summary()) {
		got = append(got, fmt.Sprintf("%s %q", v.Verdict, v.Reasons))
	}
	if d := cmp.Diff([]string{
		`bad_data ["nobody has watched what came out of the broker"]`,
		`bad_data ["what was sent was not checked"]`,
		`held []`,
		`failed ["fault \"outage\" did not begin: the run ended after 1m (interrupted)"]`,
	}, got); d != "" {
		t.Error(d)
	}
	if v := tally.Judge(fixedRun(p, 0, simulate.Shard{Index: 0, Count: 2}).Summary()); v != nil {
		t.Errorf("a part of a fleet was judged: %v", v)
	}
}

func TestNeedsAreThoseOfWhatIsExpected(t *testing.T) {
	t.Parallel()
	for expect, want := range map[string]tally.Needs{
		"connected >= 4":           {},
		"lost == 0":                {Watch: true},
		"presence(cr-1) == online": {Watch: true},
		"lint.errors == 0":         {Lint: true},
	} {
		if got := tally.NeedsOf(aProfile(t, expect)); got != want {
			t.Errorf("%s: got %+v", expect, got)
		}
	}
}

func TestBriefDurations(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Minute: "1m", 630 * time.Second: "10m30s", time.Hour: "1h", 90 * time.Second: "1m30s", 1234 * time.Millisecond: "1.23s",
		12345 * time.Microsecond: "12.35ms", 1500: "2µs",
	} {
		if got := tally.Brief(d); got != want {
			t.Errorf("%d: got %s, want %s", d, got, want)
		}
	}
}
