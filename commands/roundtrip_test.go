package commands_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/commands"
	"github.com/mqx-cli/mqx/internal/broker/brokertest"
	"github.com/mqx-cli/mqx/internal/client"
	"github.com/mqx-cli/mqx/internal/exit"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/output"
	"github.com/mqx-cli/mqx/internal/wire"
)

// anyone makes messages that are as odd as MQTT allows.
type anyone struct{ *rand.Rand }

// text is UTF-8 without U+0000, at most n runes.
func (r anyone) text(n int) string {
	odd := []rune("a0 \"\\/\n\r\t\x01\x1f\x7f\u0085\u2028\ufeff\ufffd\U0001f600é日{}[]:,+-.eE'<>&%@")
	var b strings.Builder
	for range r.IntN(n + 1) {
		switch r.IntN(4) {
		case 0:
			b.WriteRune(odd[r.IntN(len(odd))])
		case 1:
			b.WriteRune(rune(0x20 + r.IntN(0xd7ff-0x20)))
		default:
			b.WriteRune(rune('a' + r.IntN(26)))
		}
	}
	return b.String()
}

func (r anyone) payload() []byte {
	documents := []string{
		``, `0`, `-0`, `1e400`, `9007199254740993`, `1.10`, `"\ud800"`, `"\u0000\/"`, `{"a":1,"a":2}`, "{\n}", " 1", "1 ", "1\r", `[[[]]]`,
		"\xef\xbb\xbf{}", `{"v":1.50, "mode": "auto"}`, "\x00", "\xff\xfe", `nul`, `NaN`, `{"a":`, "\u2028", strings.Repeat("[", 300) + strings.Repeat("]", 300),
	}
	switch r.IntN(4) {
	case 0:
		return []byte(documents[r.IntN(len(documents))])
	case 1:
		return []byte(r.text(60))
	case 2:
		return message.AppendJSONString(nil, r.text(60))
	default:
		b := make([]byte, r.IntN(200))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return b
	}
}

func (r anyone) properties() *wire.Properties {
	if r.IntN(3) == 0 {
		return nil
	}
	p := &wire.Properties{}
	if r.IntN(2) == 0 {
		p.Set(wire.PropContentType)
		p.ContentType = r.text(20)
	}
	if r.IntN(2) == 0 {
		p.Set(wire.PropResponseTopic)
		p.ResponseTopic = "answers/" + strings.NewReplacer("+", "", "#", "").Replace(r.text(10))
	}
	if r.IntN(2) == 0 {
		p.Set(wire.PropCorrelationData)
		p.CorrelationData = []byte(r.text(20) + "\xff\x00")[:r.IntN(3)]
	}
	if r.IntN(2) == 0 {
		p.Set(wire.PropPayloadFormatIndicator)
	}
	if r.IntN(2) == 0 {
		p.Set(wire.PropMessageExpiryInterval)
		p.MessageExpiryInterval = 100_000 + uint32(r.IntN(1000))*1000
	}
	for range r.IntN(4) {
		p.UserProperties = append(p.UserProperties, wire.UserProperty{Key: r.text(8), Value: r.text(20)})
	}
	if p.Empty() {
		return nil
	}
	return p
}

// exchange is a broker with a session to it.
type exchange struct {
	*brokertest.Server
	session *client.Session
}

func newExchange(t *testing.T) exchange {
	t.Helper()
	x := exchange{Server: brokertest.Start(t)}
	var err error
	x.session, err = client.Open(t.Context(), client.Options{Dial: func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", x.Addr)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.session.Close(context.WithoutCancel(t.Context())) })
	return x
}

// run executes a command line of mqx against the broker.
func (x exchange) run(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	host, port, _ := net.SplitHostPort(x.Addr)
	var out, errs bytes.Buffer
	streams := output.Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs}
	if code := commands.Run(t.Context(), streams, nil, append(args, "-h", host, "-p", port)...); code != exit.OK {
		t.Errorf("%v: status %d, %s", args, code, errs.String())
	}
	return out.String()
}

// settled is m without what belongs to its delivery. The Message Expiry Interval counts down by the second.
func settled(m message.Message) string {
	m.Time, m.Dup, m.PacketID = time.Time{}, false, 0
	if m.Properties != nil {
		p := *m.Properties
		p.SubscriptionIdentifiers = nil
		p.MessageExpiryInterval = (p.MessageExpiryInterval + 500) / 1000
		m.Properties = &p
	}
	return fmt.Sprintf("%q %d %v %x %+v", m.Topic, m.QoS, m.Retain, m.Payload, m.Properties)
}

// Whatever is published arrives as it was behind `mqx sub --json | mqx pub --json`.
func TestMessagesComeThroughJSONAsTheyWere(t *testing.T) {
	t.Parallel()
	const n = 600
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := anyone{rand.New(rand.NewPCG(seed, 0))}
	from, to := newExchange(t), newExchange(t)
	if _, err := to.session.Subscribe(t.Context(), nil, wire.Subscription{Filter: "#", QoS: 2, RetainAsPublished: true}); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		lines <- from.run(t, "", "sub", "#", "-q", "2", "--json", "--retain-as-published", "-C", strconv.Itoa(n),
			"--ready-file", filepath.Join(t.TempDir(), "ready"))
	}()
	from.WaitSubscribed("#")
	var sent []string
	for i := range n {
		name := strconv.Itoa(i) + "/" + strings.NewReplacer("+", "", "#", "").Replace(r.text(30))
		m := message.Message{Topic: name, Payload: r.payload(), QoS: byte(r.IntN(3)), Retain: r.IntN(4) == 0, Properties: r.properties()}
		if err := from.session.PublishAsync(t.Context(), m, nil); err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		sent = append(sent, settled(m))
	}
	to.run(t, <-lines, "pub", "--json")
	var got []string
	for range n {
		m, err := to.session.Recv(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, settled(m))
		to.session.AckReceived()
	}
	slices.Sort(sent)
	slices.Sort(got)
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("seed %d: %s", seed, diff)
	}
}
