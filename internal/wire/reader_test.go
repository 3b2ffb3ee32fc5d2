package wire_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/mqx-cli/mqx/internal/wire"
)

// packetBytes is one packet as a Reader returns it.
type packetBytes struct {
	first byte
	body  []byte
}

func readAll(r *wire.Reader) ([]packetBytes, error) {
	var packets []packetBytes
	for {
		first, body, err := r.Next()
		if err != nil {
			return packets, err
		}
		packets = append(packets, packetBytes{first, body})
	}
}

// stream returns packets with bodies of the given sizes, each filled with an own byte, and the whole of their bytes.
func stream(sizes ...int) ([]packetBytes, []byte) {
	var packets []packetBytes
	var all []byte
	for i, n := range sizes {
		p := packetBytes{0x30 | byte(i&1), bytes.Repeat([]byte{byte(i + 1)}, n)}
		packets = append(packets, p)
		all = append(wire.AppendHeader(all, p.first, n), p.body...)
	}
	return packets, all
}

func checkPackets(t *testing.T, got, want []packetBytes) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d packets, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].first != want[i].first || !bytes.Equal(got[i].body, want[i].body) {
			t.Fatalf("packet %d differs: got first byte %#x and %d bytes, want %#x and %d", i,
				got[i].first, len(got[i].body), want[i].first, len(want[i].body))
		}
	}
}

func TestReaderReturnsTheSamePacketsHoweverTheStreamIsCut(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	sizes := []int{0, 1, 127, 128, 16383, 16384, 70_000, 0, 0, 4091, 4092, 4093, 300_000, 5}
	for range 500 {
		sizes = append(sizes, rnd.IntN(400))
	}
	want, all := stream(sizes...)
	readers := map[string]io.Reader{
		"at once":         bytes.NewReader(all),
		"byte by byte":    iotest.OneByteReader(bytes.NewReader(all)),
		"halves":          iotest.HalfReader(bytes.NewReader(all)),
		"data with error": iotest.DataErrReader(bytes.NewReader(all)),
	}
	for name, r := range readers {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(wire.NewReader(r, 0))
			if !errors.Is(err, io.EOF) {
				t.Fatalf("got error %v, want io.EOF", err)
			}
			checkPackets(t, got, want)
		})
	}
}

func TestReaderReturnsAPacketAsSoonAsItIsComplete(t *testing.T) {
	client, server := io.Pipe()
	r := wire.NewReader(client, 0)
	go func() { _, _ = server.Write([]byte{0xD0, 0, 0x40, 2, 0, 7}) }()
	for _, want := range []byte{0xD0, 0x40} {
		if first, _, err := r.Next(); err != nil || first != want {
			t.Fatalf("got %#x and %v, want %#x", first, err, want)
		}
	}
	if n := r.Buffered(); n != 0 {
		t.Fatalf("got %d bytes buffered, want 0", n)
	}
}

func TestReaderCountsWhatItReadAhead(t *testing.T) {
	r := wire.NewReader(bytes.NewReader([]byte{0xD0, 0, 0xD0, 0, 0x30}), 0)
	if _, _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if n := r.Buffered(); n != 3 {
		t.Fatalf("got %d bytes buffered, want 3", n)
	}
}

func TestReaderErrors(t *testing.T) {
	tests := []struct {
		name  string
		input string
		max   uint32
		want  error // nil: an *Error with code
		code  wire.ReasonCode
	}{
		{name: "nothing", input: "", want: io.EOF},
		{name: "end between packets", input: "\xC0\x00", want: io.EOF},
		{name: "end after the first byte", input: "\xC0", want: io.ErrUnexpectedEOF},
		{name: "end in the Remaining Length", input: "\x30\x80", want: io.ErrUnexpectedEOF},
		{name: "end in the body", input: "\x30\x05abc", want: io.ErrUnexpectedEOF},
		{name: "Remaining Length of 5 bytes", input: "\x30\xFF\xFF\xFF\xFF\x01", code: wire.MalformedPacket},
		{name: "Remaining Length 0 in 2 bytes", input: "\xC0\x80\x00", code: wire.MalformedPacket},
		{name: "Remaining Length 1 in 4 bytes", input: "\x30\x81\x80\x80\x00a", code: wire.MalformedPacket},
		{name: "over the limit by one", input: "\x30\x09", max: 10, code: wire.PacketTooLarge},
		{name: "at the limit", input: "\x30\x0812345678", max: 10, want: io.EOF},
		{name: "the protocol's largest, cut", input: "\x30\xFF\xFF\xFF\x7Fa", want: io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := readAll(wire.NewReader(bytes.NewReader([]byte(tt.input)), tt.max))
			if tt.want != nil {
				if !errors.Is(err, tt.want) {
					t.Fatalf("got %v, want %v", err, tt.want)
				}
				return
			}
			checkCode(t, err, tt.code)
		})
	}
}

func checkCode(t *testing.T, err error, want wire.ReasonCode) {
	t.Helper()
	var e *wire.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a *wire.Error", err)
	}
	if e.Code != want {
		t.Fatalf("got %v (0x%02X), want %v", err, byte(e.Code), want)
	}
}

func TestReaderLimitCanBeRaised(t *testing.T) {
	want, all := stream(3, 500)
	r := wire.NewReader(bytes.NewReader(all), 100)
	if _, _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	_, _, err := r.Next()
	checkCode(t, err, wire.PacketTooLarge)
	r.SetMaxPacketSize(1000)
	first, body, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	checkPackets(t, []packetBytes{{first, body}}, want[1:])
}

func TestReaderGoesOnAfterATemporaryError(t *testing.T) {
	want, all := stream(10, 20)
	r := wire.NewReader(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(all))), 0)
	_, _, err := r.Next()
	if !errors.Is(err, iotest.ErrTimeout) {
		t.Fatalf("got %v, want a timeout", err)
	}
	got, err := readAll(r)
	if !errors.Is(err, io.EOF) {
		t.Fatalf("got %v, want io.EOF", err)
	}
	checkPackets(t, got, want)
}

func TestReaderGivesUpOnAReaderThatReturnsNothing(t *testing.T) {
	if _, _, err := wire.NewReader(emptyReader{}, 0).Next(); !errors.Is(err, io.ErrNoProgress) {
		t.Fatalf("got %v, want io.ErrNoProgress", err)
	}
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }

func TestReaderDoesNotAllocateWhatWasOnlyAnnounced(t *testing.T) {
	input := append([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, make([]byte, 1000)...)
	got := testing.Benchmark(func(b *testing.B) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = wire.NewReader(bytes.NewReader(input), 0).Next()
		}
	})
	if n := got.AllocedBytesPerOp(); n > 32<<10 {
		t.Fatalf("1,005 bytes that announce 256 MiB made the Reader allocate %d bytes", n)
	}
}

func TestReaderSharesChunksBetweenSmallPackets(t *testing.T) {
	sizes := make([]int, 10_000)
	for i := range sizes {
		sizes[i] = 62
	}
	_, all := stream(sizes...)
	allocs := testing.AllocsPerRun(5, func() {
		r := wire.NewReader(bytes.NewReader(all), 0)
		for range sizes {
			if _, _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs > 30 {
		t.Fatalf("got %v allocations for 10,000 packets of 64 bytes, want at most 30", allocs)
	}
}

func TestReaderTakesSmallChunksWhenTrafficIsSlow(t *testing.T) {
	var largest int
	var buf []byte
	for range 3000 {
		_, one := stream(20)
		buf = append(buf, one...)
	}
	r := wire.NewReader(readerFunc(func(p []byte) (int, error) {
		largest = max(largest, len(p))
		n := copy(p, buf[:min(len(buf), 22)])
		buf = buf[n:]
		if n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}), 0)
	if got, err := readAll(r); !errors.Is(err, io.EOF) || len(got) != 3000 {
		t.Fatalf("got %d packets and %v", len(got), err)
	}
	if largest > 4<<10 {
		t.Fatalf("a packet at a time was read into chunks of %d bytes, want 4 KiB", largest)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func FuzzReader(f *testing.F) {
	_, all := stream(0, 5, 200, 5000)
	f.Add(all, uint64(1), uint32(0))
	f.Add([]byte("\x30\x80\x00"), uint64(2), uint32(0))
	f.Add([]byte("\x30\xFF\xFF\xFF\x7Fabc"), uint64(3), uint32(100))
	f.Fuzz(func(t *testing.T, input []byte, seed uint64, limit uint32) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		want, wantErr := readAll(wire.NewReader(bytes.NewReader(input), limit))
		rest := input
		got, err := readAll(wire.NewReader(readerFunc(func(p []byte) (int, error) {
			if len(rest) == 0 {
				return 0, io.EOF
			}
			n := copy(p, rest[:min(len(rest), 1+rnd.IntN(1+rnd.IntN(3000)))])
			rest = rest[n:]
			return n, nil
		}), limit))
		checkPackets(t, got, want)
		if err.Error() != wantErr.Error() {
			t.Fatalf("got error %v in pieces, %v at once", err, wantErr)
		}
		var again []byte
		for _, p := range got {
			again = append(wire.AppendHeader(again, p.first, len(p.body)), p.body...)
		}
		if !bytes.HasPrefix(input, again) {
			t.Fatal("the packets are not what the stream was made of")
		}
	})
}
