package broker_test

import (
	"io"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/broker"
	"github.com/mqx-cli/mqx/internal/wire"
)

// What cannot become a CONNECT any more holds no connection until the connect timeout. Each of these is too short for a
// packet, so that nobody else would notice.
func TestWhatCannotBecomeConnectIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		send   string
		answer string
	}{
		{"HTTP", "G", ""},
		{"TLS", "\x16\x03\x01\x02\x00\x01", ""},
		{"SSH", "SSH-2.0-OpenSSH_9.2\r\n", ""},
		{"a line feed", "\n", ""},
		{"PUBLISH", "\x30\xFF", ""},
		{"CONNECT with flags", "\x11", ""},
		{"CONNECT with an overlong Remaining Length", "\x10\xFF\xFF\xFF\xFF", ""},
		{"CONNECT that is too large", "\x10\xFF\xFF\xFF\x7F", ""},
		{"a name of 5 bytes", "\x10\x20\x00\x05", ""},
		{"another name", "\x10\x20\x00\x04MQT_", ""},
		{"another name of 6 bytes", "\x10\x20\x00\x06MQTT", ""},
		{"level 6", "\x10\x20\x00\x04MQTT\x06", "\x20\x02\x00\x01"},
		{"level 4 of 3.1", "\x10\x80\x01\x00\x06MQIsdp\x04", "\x20\x02\x00\x01"},
	} {
		for _, lot := range []int{1, len(tt.send)} {
			bubble(t, broker.Config{}, func(in inside) {
				c := pipe(in.t, in.b, wire.V5)
				begun := time.Now()
				go func() {
					for b := []byte(tt.send); len(b) > 0; b = b[lot:] {
						_, _ = c.conn.Write(b[:lot])
					}
				}()
				got, err := io.ReadAll(c.conn)
				if err != nil || string(got) != tt.answer {
					in.t.Errorf("%s: got % x, %v, want % x", tt.name, got, err, tt.answer)
				}
				if took := time.Since(begun); took > time.Second {
					in.t.Errorf("%s: refused after %v", tt.name, took)
				}
			})
		}
	}
}

func TestConnectThatComesByteByByteIsAccepted(t *testing.T) {
	t.Parallel()
	for _, v := range versions() {
		bubble(t, broker.Config{}, func(in inside) {
			c := pipe(in.t, in.b, v)
			packet, err := (&wire.Connect{Version: v, ClientID: "c", CleanStart: true}).Append(nil, v)
			if err != nil {
				in.t.Fatal(err)
			}
			for _, b := range packet {
				c.sendBytes(b)
			}
			if ack := expect[*wire.Connack](c); ack.Code != wire.Success {
				in.t.Fatalf("CONNACK 0x%02X", byte(ack.Code))
			}
			c.ping()
		})
	}
}

// Strangers may send CONNECT packets of 640 KiB each, but not all of them at once.
func TestWhatComesBeforeConnectTakesBoundedMemory(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{MaxPendingBytes: 1 << 20}, func(in inside) {
		begin := append([]byte("\x10\x80\x80\x20\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x00"), make([]byte, 100_000)...)
		strangers := func() (kept int) {
			for range 20 {
				c := pipe(in.t, in.b, wire.V5)
				_, _ = c.conn.Write(begin)
				if _, err := c.conn.Write([]byte{0}); err == nil {
					kept++
				}
			}

			return kept
		}
		if got := strangers(); got != 10 {
			in.t.Errorf("%d may send 100,000 bytes at once, want 10", got)
		}
		modest := pipe(in.t, in.b, wire.V5)
		modest.connect(&wire.Connect{ClientID: "modest", Will: &wire.Will{Topic: "w", Payload: make([]byte, 3<<10)}})
		modest.ping()
		pass(11 * time.Second) // they are given up
		if got := strangers(); got != 10 {
			in.t.Errorf("later %d may, want 10", got)
		}
	})
}

func TestWhatCameBeforeConnectIsGivenBack(t *testing.T) {
	t.Parallel()
	bubble(t, broker.Config{MaxPendingBytes: 100_000}, func(in inside) {
		for range 5 {
			c := pipe(in.t, in.b, wire.V5)
			c.connect(&wire.Connect{ClientID: "c", CleanStart: true, Will: &wire.Will{Topic: "w", Payload: make([]byte, 60_000)}})
			c.ping()
		}
	})
}
