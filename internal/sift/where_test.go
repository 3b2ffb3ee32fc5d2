package sift_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/sift"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestWhereHoldsForMessages(t *testing.T) {
	t.Parallel()
	now := time.Unix(2000, 0)
	m := message.Message{Topic: "plant/line1", Payload: []byte(`{"v":21.5,"ts":1900,"tags":["a"]}`)}
	for text, want := range map[string]bool{
		`topic == "plant/line1"`: true, `levels[1] startsWith "line"`: true, `payload.v > 21`: true, `"a" in payload.tags`: true,
		`size == 33`: true, `age == 100`: true, `age > 100`: false, `payload.none == nil`: true, `payload.none > 1`: false,
	} {
		w, err := sift.NewWhere(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := w.Holds(m, nil, now); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
	w, err := sift.NewWhere(`payload.v > 1 || age < 1e9`)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"text", "\xff"} {
		if w.Holds(message.Message{Topic: "a", Payload: []byte(p)}, nil, now) {
			t.Errorf("%q: it holds", p)
		}
	}
	if n, first := w.Failed(); n != 2 || first == nil || strings.Contains(first.Error(), "\n") {
		t.Errorf("got %d, %v", n, first)
	}
	for _, text := range []string{"", "payload.v >", "unknown == 1", "size", `topic + 1 > 2`} {
		if _, err := sift.NewWhere(text); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestWhereSeesMoreThanThePayload(t *testing.T) {
	t.Parallel()
	props := &wire.Properties{ContentType: "text/csv", UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}}}
	props.Set(wire.PropContentType)
	m := message.Message{Topic: "a/b", Payload: []byte(`{"id":9007199254740993,"v":21.0}`), QoS: 1, Retain: true, Properties: props}
	vars := map[string]string{"site": "s1"}
	for text, want := range map[string]bool{
		`vars.site == "s1"`: true, `vars.none == ""`: true, `retain && qos == 1`: true, `user.k == "v"`: true,
		`properties.content_type endsWith "csv"`: true, `properties.message_expiry_interval > 1`: false,
		`properties.user_properties[0][1] == "v"`: true, `payload.id == 9007199254740993`: true,
		`payload.id == 9007199254740992`: false, `payload.v == 21`: true, `payload.id % 2 == 1`: true,
	} {
		w, err := sift.NewWhere(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := w.Holds(m, vars, time.Time{}); got != want {
			_, why := w.Failed()
			t.Errorf("%s: got %v (%v)", text, got, why)
		}
	}
}
