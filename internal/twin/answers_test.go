package twin_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/mqx-cli/mqx/internal/twin"
)

func rejects(w *world) {
	t := w.t
	(&device{answer: func(gjson.Result) report {
		return report{state: `{"mode":"normal"}`, acks: `{"/mode":{"status":"rejected","msg":"eco needs firmware 2.1"}}`}
	}}).start(t, w)
	wants(t, w.setAndWait(twin.WaitOptions{}, "mode=eco"), twin.Rejected, "rejected /mode: eco needs firmware 2.1")
}

func oldRejection(w *world) {
	t := w.t
	w.publish(base+"/status", "online")
	w.publish(base+"/reported", `{"desired_rev":3,"state":{"mode":"normal"},"acks":{"/mode":{"status":"rejected"}}}`)
	wants(t, w.setAndWaitBriefly(twin.WaitOptions{}, "mode=eco"), twin.TimedOut)
}

func pending(w *world) {
	t := w.t
	n := 0
	d := &device{}
	d.answer = func(doc gjson.Result) report {
		if n++; n == 1 {
			d.report(doc, report{state: `{"mode":"normal"}`, acks: `{"/mode":{"status":"pending"}}`})
		}
		return mirror(doc)
	}
	d.start(t, w)
	wants(t, w.setAndWait(twin.WaitOptions{}, "mode=eco"), twin.Converged)
}

func superseded(w *world) {
	t := w.t
	w.publish(base+"/status", "online")
	g := w.group()
	wants(t, setIn(t, g, twin.SetOptions{}, assign(t, "mode=eco")), twin.Stored)
	w.another().stored("mode=normal")
	results, err := g.Wait(t.Context(), g.Twins(), twin.WaitOptions{Deadline: time.Now().Add(patience)})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, results[0], twin.Superseded, "asks for something else")
}

func continued(w *world) {
	t := w.t
	d := &device{answer: func(doc gjson.Result) report {
		if !doc.Get("state.other").Exists() {
			return report{mute: true}
		}
		return mirror(doc)
	}}
	d.start(t, w)
	g := w.group()
	ours := setIn(t, g, twin.SetOptions{}, assign(t, "mode=eco"))
	w.another().stored("other=1")
	results, err := g.Wait(t.Context(), g.Twins(), twin.WaitOptions{Deadline: time.Now().Add(patience)})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, results[0], twin.Converged)
	if results[0].Rev != ours.Rev+1 {
		t.Errorf("rev %d, ours was %d", results[0].Rev, ours.Rev)
	}
}

func garbageReported(w *world) {
	t := w.t
	w.publish(base+"/status", "online")
	w.stored("mode=eco")
	for _, payload := range []string{"hello", "[1]", `{"a":1,"a":2}`, `{"desired_rev":"x"}`, strings.Repeat(`{"a":`, 1000)} {
		w.publish(base+"/reported", payload)
		wants(t, w.wait(twin.WaitOptions{Deadline: soon()}), twin.BadData, base+"/reported")
	}
}

func garbageDesired(w *world) {
	t := w.t
	for _, payload := range []string{"hello", "[1]", `{"a":1,"a":2}`, `{"rev":-1,"state":{}}`, `{"a":` + strings.Repeat("[", 1000)} {
		w.publish(base+"/desired", payload)
		wants(t, w.set(twin.SetOptions{}, "a=1"), twin.BadData, base+"/desired")
		wants(t, w.wait(twin.WaitOptions{}), twin.BadData)
		wants(t, setIn(t, w.group(), twin.SetOptions{}, twin.Replace(twin.State{"a": true})), twin.BadData, "--force")
	}
	wants(t, setIn(t, w.group(), twin.SetOptions{Force: true}, twin.Replace(twin.State{"a": true})), twin.Stored)
}

func sameRevision(w *world) {
	t := w.t
	w.publish(base+"/status", "online")
	w.publish(base+"/desired", `{"rev":18,"id":"ours","state":{"mode":"eco"}}`)
	w.publish(base+"/reported", `{"desired_rev":18,"desired_id":"theirs","state":{"mode":"eco"}}`)
	wants(t, w.wait(twin.WaitOptions{Deadline: soon()}), twin.TimedOut)
	w.publish(base+"/reported", `{"desired_rev":18,"desired_id":"ours","state":{"mode":"eco"}}`)
	wants(t, w.wait(twin.WaitOptions{}), twin.Converged)
	wants(t, w.wait(twin.WaitOptions{ID: "other"}), twin.Superseded)
	wants(t, w.wait(twin.WaitOptions{Rev: 18, ID: "ours"}), twin.Converged)
}

func liveEvidence(w *world) {
	t := w.t
	(&device{silentAboutRev: true}).start(t, w)
	r := w.setAndWait(twin.WaitOptions{}, "mode=eco")
	wants(t, r, twin.Converged)
	if r.Evidence != twin.ByLive {
		t.Errorf("evidence %q", r.Evidence)
	}
	wants(t, w.setAndWaitFor(enough, twin.WaitOptions{Policy: twin.AckOnly}, "mode=normal"), twin.TimedOut)
}

func timeEvidence(w *world) {
	t := w.t
	w.publish(base+"/status", "online")
	r := w.stored("mode=eco")
	w.publish(base+"/reported", fmt.Sprintf(`{"ts":%d,"state":{"mode":"eco"}}`, time.Now().Add(-time.Minute).Unix()))
	wants(t, w.wait(twin.WaitOptions{Deadline: soon(), Skew: time.Second}), twin.TimedOut)
	w.publish(base+"/reported", fmt.Sprintf(`{"ts":%d,"state":{"mode":"eco"}}`, time.Now().Unix()))
	got := w.wait(twin.WaitOptions{Skew: 2 * time.Second})
	wants(t, got, twin.Converged)
	if got.Evidence != twin.ByTime || got.Rev != r.Rev {
		t.Errorf("got %+v", got)
	}
}
