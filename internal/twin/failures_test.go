package twin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/twin"
	"github.com/mqx-cli/mqx/internal/wire"
)

// wants checks an outcome and what is said about it.
func wants(t *testing.T, r twin.Result, outcome twin.Outcome, words ...string) {
	t.Helper()
	said := fmt.Sprint(r.Why, r.Warnings)
	if r.Outcome != outcome {
		t.Fatalf("%s: %s, want %s", r.Outcome, said, outcome)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("%q does not say %q", said, word)
		}
	}
}

// TestFailureCases has a test for each case that goes wrong with plain retained documents.
func TestFailureCases(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*world){
		"F1 a report from before is no answer":                      staleReport,
		"F1 values that match by chance wait for evidence":          staleMatch,
		"F2 parts of a state are put together, and warned about":    partialReports,
		"F3 an offline device is waited for, failed or skipped":     offlineDevice,
		"F3 a device that was never seen is offline":                neverSeen,
		"F4 a device that says online and is silent times out":      onlineButSilent,
		"F5 a device that publishes is not offline":                 offlineButAlive,
		"F5 a late will of another session does not count":          lateWill,
		"F6 the older of two documents is ignored":                  olderDocument,
		"F8 a cleared document goes on with its revision":           clearedAndSetAgain,
		"F8 a purged document begins at the time":                   purgedAndSetAgain,
		"F10 clocks do not decide":                                  skewedClocks,
		"F11 numbers are equal by value, strings are not numbers":   numberForms,
		"F12 a setting that the device does not know":               unknownSetting,
		"F12 a setting that was never reported is named":            neverReported,
		"F13 null removes, and replace stores it":                   nulls,
		"F14 elements of arrays need a JSON Patch":                  arrays,
		"F15 an empty state is no empty payload":                    emptyState,
		"F17 a document above Maximum Packet Size":                  tooLarge,
		"F19 a duplicate is not carried out twice":                  duplicate,
		"F20 an action wants force":                                 action,
		"F21 a device that takes it back has not converged":         takesBack,
		"F22 a secret wants to be allowed":                          secret,
		"F23 the revision is in the payload":                        olderReaders,
		"a device rejects a setting":                                rejects,
		"a rejection of an older document is none":                  oldRejection,
		"a pending setting is waited for":                           pending,
		"what supersedes a document ends the wait":                  superseded,
		"what leaves our settings as they are does not":             continued,
		"a report that is no document":                              garbageReported,
		"a desired document that is none":                           garbageDesired,
		"a document is named by its id where two have the revision": sameRevision,
		"a device without acknowledgements is believed live":        liveEvidence,
		"a report in time is enough when the document is older":     timeEvidence,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t))
		})
		t.Run(name+", on Mosquitto", func(t *testing.T) {
			t.Parallel()
			test(at(t, startMosquitto(t), wire.V5))
		})
	}
}

func staleReport(w *world) {
	t := w.t
	w.publish(base+"/status", "online")
	w.publish(base+"/reported", `{"ts":1,"desired_rev":3,"state":{"mode":"eco"}}`)
	r := w.setAndWaitBriefly(twin.WaitOptions{}, "mode=eco")
	wants(t, r, twin.TimedOut, "nothing shows that it answers")
}

// setAndWaitBriefly is setAndWait for what does not converge.
func (w *world) setAndWaitBriefly(o twin.WaitOptions, settings ...string) twin.Result {
	w.t.Helper()
	g := w.group()
	if r := setIn(w.t, g, twin.SetOptions{}, assign(w.t, settings...)); r.Outcome != twin.Stored {
		w.t.Fatalf("%s: %v", r.Outcome, r.Why)
	}
	o.Deadline = soon()
	results, err := g.Wait(w.t.Context(), g.Twins(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return results[0]
}

func staleMatch(w *world) {
	t := w.t
	w.publish(base+"/status", "online")
	w.publish(base+"/reported", `{"state":{"mode":"eco"}}`)
	w.stored("mode=eco")
	wants(t, w.wait(twin.WaitOptions{Deadline: soon()}), twin.TimedOut, "nothing shows")
	wants(t, w.wait(twin.WaitOptions{Policy: twin.AnyEvidence}), twin.Converged)
}

func partialReports(w *world) {
	t := w.t
	(&device{answer: func(gjson.Result) report { return report{state: `{"mode":"eco"}`} }}).start(t, w)
	w.publish(base+"/reported", `{"state":{"interval_s":30,"mode":"normal"}}`)
	r := w.setAndWait(twin.WaitOptions{}, "mode=eco", "interval_s=30")
	wants(t, r, twin.Converged, "S005")
	// Whoever comes later sees the last part, and must not take a missing setting for an equal one.
	wants(t, w.another().wait(twin.WaitOptions{Deadline: soon()}), twin.TimedOut, "never reported /interval_s")
}

func offlineDevice(w *world) {
	t := w.t
	w.publish(base+"/status", "offline")
	w.stored("mode=eco")
	wants(t, w.wait(twin.WaitOptions{Deadline: soon()}), twin.Offline, "status says offline")
	wants(t, w.wait(twin.WaitOptions{IfOffline: twin.FailOffline}), twin.Offline)
	wants(t, w.wait(twin.WaitOptions{IfOffline: twin.SkipOffline}), twin.Skipped)
}

func neverSeen(w *world) {
	t := w.t
	w.stored("mode=eco")
	wants(t, w.wait(twin.WaitOptions{Deadline: soon()}), twin.Offline, "never seen")
}

func onlineButSilent(w *world) {
	t := w.t
	w.publish(base+"/status", "online")
	w.publish(base+"/reported", fmt.Sprintf(`{"ts":%d,"state":{"mode":"normal"}}`, time.Now().Add(-time.Hour).Unix()))
	wants(t, w.setAndWaitBriefly(twin.WaitOptions{}, "mode=eco"), twin.TimedOut, "1h0m", `/mode "normal", not "eco"`)
}

func offlineButAlive(w *world) {
	t := w.t
	(&device{}).start(t, w).await()
	w.publish(base+"/status", "offline") // the will of an older connection came late
	r := w.setAndWait(twin.WaitOptions{IfOffline: twin.FailOffline, Grace: patience}, "mode=eco")
	wants(t, r, twin.Converged, "its status says offline, and it publishes")
}

func lateWill(w *world) {
	t := w.t
	g := w.group()
	w.publish(base+"/status", `{"status":"online","session":"b/2"}`)
	w.publish(base+"/status", `{"status":"offline","session":"b/1"}`)
	wants(t, setIn(t, g, twin.SetOptions{}, assign(t, "mode=eco")), twin.Stored) // takes what has come
	if g.Twins()[0].Offline() {
		t.Error("offline")
	}
	w.publish(base+"/status", `{"status":"offline","session":"b/2"}`)
	wants(t, setIn(t, g, twin.SetOptions{}, assign(t, "mode=x")), twin.Stored)
	if !g.Twins()[0].Offline() {
		t.Error("online")
	}
}

func olderDocument(w *world) {
	t := w.t
	d := (&device{}).start(t, w)
	first := w.setAndWait(twin.WaitOptions{}, "mode=eco")
	wants(t, first, twin.Converged)
	second := w.setAndWait(twin.WaitOptions{}, "mode=normal")
	wants(t, second, twin.Converged)
	w.send(message.Message{Topic: base + "/desired", Payload: first.Payload, QoS: 1}) // a queue replays it
	wants(t, w.setAndWait(twin.WaitOptions{}, "a=1"), twin.Converged)
	if n := d.carriedOut(); n != 3 {
		t.Errorf("%d documents were carried out", n)
	}
	if first.Rev+1 != second.Rev {
		t.Errorf("revisions %d and %d", first.Rev, second.Rev)
	}
}

func clearedAndSetAgain(w *world) {
	t := w.t
	(&device{}).start(t, w)
	first := w.setAndWait(twin.WaitOptions{}, "mode=eco", "a.b=1")
	g := w.group()
	r := setIn(t, g, twin.SetOptions{}, twin.Replace(twin.State{}))
	wants(t, r, twin.Cleared)
	if d := w.desired(); d.Rev != first.Rev+1 || len(d.State) != 0 {
		t.Errorf("got %+v", d)
	}
	again := w.setAndWait(twin.WaitOptions{}, "mode=eco")
	wants(t, again, twin.Converged)
	if again.Rev != first.Rev+2 {
		t.Errorf("rev %d after %d", again.Rev, first.Rev)
	}
}

func purgedAndSetAgain(w *world) {
	t := w.t
	(&device{}).start(t, w)
	began := uint64(time.Now().Unix())
	first := w.setAndWait(twin.WaitOptions{}, "mode=eco")
	w.publish(base+"/desired", "")
	r := w.stored("mode=normal")
	if first.Rev < began || r.Rev < began || r.Rev > uint64(time.Now().Unix()) {
		t.Errorf("revisions %d and %d begin before %d", first.Rev, r.Rev, began)
	}
}

func skewedClocks(w *world) {
	t := w.t
	w.publish(base+"/status", "online")
	w.publish(base+"/reported", `{"ts":"2099-01-01T00:00:00Z","desired_rev":1,"state":{"mode":"eco"}}`)
	wants(t, w.setAndWaitBriefly(twin.WaitOptions{}, "mode=eco"), twin.TimedOut) // its clock is ahead, its answer is old
	d := w.desired()
	w.publish(base+"/reported", fmt.Sprintf(`{"ts":"1970-01-01T00:00:09Z","desired_rev":%d,"state":{"mode":"eco"}}`, d.Rev))
	wants(t, w.wait(twin.WaitOptions{}), twin.Converged) // its clock is behind, its answer is right
}

func numberForms(w *world) {
	t := w.t
	(&device{answer: func(gjson.Result) report {
		return report{state: `{"a":21.0,"b":2.1e1,"c":20.95,"d":12345678901234567890}`}
	}}).start(t, w)
	w.options.Tolerance = twin.Tolerance{ByPointer: map[string]float64{"/c": 0.05}}
	wants(t, w.setAndWait(twin.WaitOptions{}, "a=21", "b=21", "c=21", "d=12345678901234567890"), twin.Converged)
	r := w.setAndWaitFor(enough, twin.WaitOptions{}, "a==21", "d=12345678901234567891")
	wants(t, r, twin.TimedOut, `/a 21.0, not "21"`, "/d 12345678901234567890, not 12345678901234567891")
}

func unknownSetting(w *world) {
	t := w.t
	(&device{answer: func(gjson.Result) report {
		return report{state: `{"mode":"eco"}`, acks: `{"/colour":{"status":"unknown"}}`}
	}}).start(t, w)
	wants(t, w.setAndWait(twin.WaitOptions{}, "colour=red"), twin.Rejected, "knows no /colour")
}

func neverReported(w *world) {
	t := w.t
	(&device{answer: func(gjson.Result) report { return report{state: `{"mode":"eco"}`} }}).start(t, w)
	wants(t, w.setAndWaitFor(enough, twin.WaitOptions{}, "colour=red"), twin.TimedOut, "never reported /colour")
}

func nulls(w *world) {
	t := w.t
	w.stored("a=1", "b.c=2", "b.d=3")
	w.stored("a=null", "b.c=null")
	if got := string(w.desired().Encode()); !strings.HasSuffix(got, `"state":{"b":{"d":3}}}`) {
		t.Errorf("got %s", got)
	}
	wants(t, setIn(t, w.group(), twin.SetOptions{}, twin.Replace(twin.State{"a": nil})), twin.Stored)
	if got := string(w.desired().Encode()); !strings.HasSuffix(got, `"state":{"a":null}}`) {
		t.Errorf("got %s", got)
	}
}

func arrays(w *world) {
	t := w.t
	w.stored("zones=[1,2,3]")
	wants(t, w.set(twin.SetOptions{}, "/zones/1=5"), twin.Invalid, "/zones is an array")
	patch, err := twin.JSONPatch([]byte(`[{"op":"test","path":"/zones/0","value":1.0},{"op":"replace","path":"/zones/1","value":5}]`))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, setIn(t, w.group(), twin.SetOptions{}, patch), twin.Stored)
	if got := string(w.desired().Encode()); !strings.HasSuffix(got, `"state":{"zones":[1,5,3]}}`) {
		t.Errorf("got %s", got)
	}
	failing, err := twin.JSONPatch([]byte(`[{"op":"test","path":"/zones/0","value":7}]`))
	if err != nil {
		t.Fatal(err)
	}
	wants(t, setIn(t, w.group(), twin.SetOptions{}, failing), twin.Conflicted, "test /zones/0: it is 1")
}

func emptyState(w *world) {
	t := w.t
	w.stored("a=1")
	wants(t, w.set(twin.SetOptions{}, "a=null"), twin.Cleared)
	if d := w.desired(); d == nil || len(d.State) != 0 {
		t.Errorf("got %+v", d)
	}
}

func tooLarge(w *world) {
	t := w.t
	w = newWorld(t, broker.Config{MaxPacketSize: 1000})
	wants(t, w.set(twin.SetOptions{}, "a="+strings.Repeat("x", 1000)), twin.Refused, "the server allows 1000")
	wants(t, w.set(twin.SetOptions{}, "a=1"), twin.Stored) // the connection has survived
}

func duplicate(w *world) {
	t := w.t
	d := (&device{}).start(t, w)
	r := w.setAndWait(twin.WaitOptions{}, "a=1")
	w.send(message.Message{Topic: base + "/desired", Payload: r.Payload, QoS: 1, Retain: true})
	wants(t, w.setAndWait(twin.WaitOptions{}, "a=2"), twin.Converged)
	if n := d.carriedOut(); n != 2 {
		t.Errorf("carried out %d times", n)
	}
}

func action(w *world) {
	t := w.t
	wants(t, w.set(twin.SetOptions{}, "system.reboot=true"), twin.Invalid, "/system/reboot is an action", "--force")
	wants(t, w.set(twin.SetOptions{Force: true}, "system.reboot=true"), twin.Stored)
	wants(t, w.set(twin.SetOptions{}, "system.reboot=null"), twin.Stored)
}

func takesBack(w *world) {
	t := w.t
	d := &device{answer: func(gjson.Result) report { return report{mute: true} }}
	d.start(t, w)
	g := w.group()
	first := setIn(t, g, twin.SetOptions{}, assign(t, "mode=eco"))
	d.publish("/reported", fmt.Sprintf(`{"desired_rev":%d,"state":{"mode":"eco"}}`, first.Rev), true)
	d.publish("/reported", fmt.Sprintf(`{"desired_rev":%d,"state":{"mode":"normal"}}`, first.Rev), true)
	d.await()
	results, err := g.Wait(t.Context(), g.Twins(), twin.WaitOptions{Stable: enough / 2, Deadline: time.Now().Add(enough)})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, results[0], twin.TimedOut, "went back 1 times")
}

func secret(w *world) {
	t := w.t
	wants(t, w.set(twin.SetOptions{}, "wifi.psk=hunter22"), twin.Invalid, "/wifi/psk looks like a secret")
	wants(t, w.set(twin.SetOptions{}, "wifi.psk=12345678"), twin.Invalid, "/wifi/psk looks like a secret")
	wants(t, w.set(twin.SetOptions{AllowSecret: true}, "wifi.psk=hunter22"), twin.Stored)
	wants(t, w.set(twin.SetOptions{}, "wifi.psk=null"), twin.Stored)
}

func olderReaders(w *world) {
	t := w.t
	r := w.stored("a=1")
	old := at(t, w.addr, wire.V311)
	if d := old.group().Twins()[0].Desired.Doc; d.Rev != r.Rev || d.ID != r.ID {
		t.Errorf("got %+v", d)
	}
}
