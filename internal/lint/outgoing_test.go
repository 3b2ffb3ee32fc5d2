package lint_test

import (
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/lint"
	"github.com/mqx-cli/mqx/internal/message"
)

// Each message is judged: the second one with the same mistake as the first is no better.
func TestOutgoingMessagesAreJudgedOneByOne(t *testing.T) {
	t.Parallel()
	const good = `{"v":21.7,"ts":1795346431,"unit":"C","schema":"temp.v1"}`
	const later = `{"v":21.8,"ts":1795346433,"unit":"C","schema":"temp.v1"}`
	l := newLinter(t, lint.Options{})
	tests := []struct {
		m    message.Message
		want string
	}{
		{message.Message{Topic: "acme/lyon/cr-001/telemetry/temp", Payload: []byte(good)}, ""},
		{message.Message{Topic: "acme/lyon/cr-001/telemetry/Temp", Payload: []byte(good)}, "T013"},
		{message.Message{Topic: "acme/lyon/cr-001/telemetry/Temp", Payload: []byte(later)}, "T013"},
		{message.Message{Topic: "acme/lyon/cr-001/telemetry/temp", Payload: []byte(`{v:1}`)}, "P001"},
		{message.Message{Topic: "acme/lyon/cr-001/telemetry/temp", Payload: []byte(good), Retain: true}, "R001"},
		{message.Message{Topic: "acme/lyon/cr-001/status", Payload: []byte("online"), Retain: true}, "R006"},
		{message.Message{Topic: "acme/lyon/cr-001/status", Payload: []byte("online"), QoS: 1}, "R003"},
		{message.Message{Topic: "$SYS/x", Payload: []byte("1")}, "T006 T013"},
		{message.Message{Topic: "acme/lyon/cr-001/telemetry/temp", Payload: []byte(later)}, ""},
		{message.Message{Topic: "acme/lyon/cr-001/telemetry/temp", Payload: []byte(later)}, "R015"},
	}
	for i, tt := range tests {
		var got []string
		for _, f := range l.Outgoing(tt.m) {
			got = append(got, f.Code)
			if line := f.Line(); !strings.Contains(line, f.Severity.String()+" "+f.Code+" "+f.Name+": ") {
				t.Errorf("%d: the line is %q", i, line)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%d: %s has %v, want %s", i, tt.m.Topic, got, tt.want)
		}
	}
}
