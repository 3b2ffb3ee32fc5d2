package dump_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mqx-cli/mqx/internal/dump"
	"github.com/mqx-cli/mqx/internal/message"
	"github.com/mqx-cli/mqx/internal/wire"
)

func TestPathsAreSafeEverywhere(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"acme/lyon/temp":      "acme/lyon/temp",
		"../../etc/passwd":    "%2E%2E/%2E%2E/etc/passwd",
		"a/./b":               "a/%2E/b",
		"/a//b/":              "%/a/%/b/%",
		"a\x00b/\x01\x7f":     "a%00b/%01%7F",
		`C:\x/<>:"|?*`:        "C%3A%5Cx/%3C%3E%3A%22%7C%3F%2A",
		"100%/%41":            "100%25/%2541",
		"a./b /.hid/ c":       "a%2E/b%20/%2Ehid/%20c",
		"CON/nul.txt/com1/lp": "%43ON/%6Eul.txt/%63om1/lp",
		"a.payload/b.JSON":    "a%2Epayload/b%2EJSON",
		"a.messages/v1.0":     "a%2Emessages/v1.0",
		"$SYS/broker":         "$SYS/broker",
		"日本/ü":                "日本/ü",
		"a\u202eb/\ufeff":     "a%E2%80%AEb/%EF%BB%BF",
		"a\xffb":              "a%FFb",
		"a b/c":               "a b/c",
	} {
		got, exact := dump.PathOf(name, false)
		if got != want || !exact {
			t.Errorf("%q: got %q, %v; want %q", name, got, exact, want)
		}
		if back, ok := dump.TopicOf(got); back != name || !ok {
			t.Errorf("%q: back came %q, %v", name, back, ok)
		}
	}
	if a, _ := dump.PathOf("Temp/ü", true); a != "%54emp/%C3%BC" {
		t.Errorf("folding: got %q", a)
	}
	for _, long := range []string{strings.Repeat("x", 300), strings.Repeat("ü", 150), strings.Repeat("%", 100), strings.Repeat("a/", 1000), strings.Repeat("日", 20_000)} {
		path, exact := dump.PathOf(long, false)
		if exact || len(path) > 900 || !utf8.ValidString(path) {
			t.Errorf("%.20s…: got %q, %v", long, path, exact)
		}
		if _, ok := dump.TopicOf(path); ok {
			t.Errorf("%q is taken for a topic", path)
		}
		if other, _ := dump.PathOf(long+"y", false); other == path {
			t.Errorf("%.20s… shares %q", long, path)
		}
	}
}

// awkward are topics that a file system makes hard, none of which may be mixed up with another.
func awkward() []string {
	return []string{
		"a", "A", "a/b", "a/b/c", "a/B", "a/b.payload", "a/b.json", "a/b.messages/000001", "a/b.messages", "a/", "/a", "//", "/", "a//b", "..", "../x", ".", "a%", "a%2F",
		"a\x01", "CON", "con.x", "ü", "u\u0308", "Ü", "日本", "a ", " a", "a.", ".a", "%long/x", "%", "%%", "%~", strings.Repeat("x", 300), strings.Repeat("x", 301),
		strings.Repeat("a/", 2000), strings.Repeat("y", 65_535), "$SYS/x", "a\\b", "000001",
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]bool{"the last one": false, "each": true} {
		for _, fold := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				roundTrip(t, each, fold)
			})
		}
	}
}

func roundTrip(t *testing.T, each, fold bool) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	w, err := dump.Create(dir, each)
	if err != nil {
		t.Fatal(err)
	}
	if fold {
		dump.Folding(w)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	props := &wire.Properties{ContentType: "x/y", UserProperties: []wire.UserProperty{{Key: "k", Value: "v"}}}
	props.Set(wire.PropContentType)
	var want []string
	put := func(m message.Message) {
		if err := w.Write(m); err != nil {
			t.Fatalf("%.50q: %v", m.Topic, err)
		}
	}
	for i, topic := range awkward() {
		first := message.Message{Topic: topic, Payload: []byte("before"), QoS: 2, Retain: true, Properties: props, Time: at}
		put(first)
		last := message.Message{Topic: topic, Payload: append([]byte{0, 0xff, '\n', '\r'}, byte(i)), Time: at}
		if i%2 == 0 {
			last.QoS, last.Properties = 1, props
		}
		put(last)
		if each {
			want = append(want, text(first))
		}
		want = append(want, text(last))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := read(t, dir)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%.2000s", diff)
	}
	staysInside(t, dir)
	if !fold {
		return
	}
	var names []string // no two may be the same to a system that folds case
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
		names = append(names, strings.ToLower(path))
		return nil
	})
	slices.Sort(names)
	if n := len(names); n != len(slices.Compact(names)) {
		t.Error("two names differ in case only")
	}
}

// text is a message as one can compare it.
func text(m message.Message) string {
	m.Time, m.Dup = time.Time{}, false
	return string(message.AppendJSON(nil, m))
}

func read(t *testing.T, dir string) []string {
	t.Helper()
	r, err := dump.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for m, err := range r.Messages(message.Message{}) {
		if err != nil {
			t.Error(err)
		}
		all = append(all, text(m))
	}
	if n, first := r.Ignored(); n > 0 {
		t.Errorf("%d files were ignored, first %s", n, first)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	return all
}

func staysInside(t *testing.T, dir string) {
	t.Helper()
	beside, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(beside) != 1 {
		t.Errorf("beside the folder there is %v, %v", beside, err)
	}
}

func TestNumbersGoOnInAnotherRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for run := range 3 {
		w, err := dump.Create(dir, true)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			if err := w.Write(message.Message{Topic: "a", Payload: []byte{byte('0' + 4*run + i)}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "a.messages", "000012.payload"))
	if err != nil || string(got) != ";" {
		t.Errorf("got %q, %v", got, err)
	}
	r, err := dump.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var order strings.Builder
	for m := range r.Messages(message.Message{}) {
		order.Write(m.Payload)
	}
	if order.String() != "0123456789:;" {
		t.Errorf("the order is %s", &order)
	}
}

func TestWriterDoesNotFollowLinksOutOfItsFolder(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "a")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	w, err := dump.Create(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(message.Message{Topic: "a/b", Payload: []byte("x")}); err == nil {
		t.Error("no error")
	}
	if files, err := os.ReadDir(outside); err != nil || len(files) > 0 {
		t.Errorf("outside there is %v, %v", files, err)
	}
}

func TestReaderTakesFoldersMadeByHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a/b.payload": "1", "a/c.payload": "2", "a/c.json": `{"topic":"x","qos":0}`, "README.md": "", "a/d.json": "{}", "a/e.payload": "", "a/e.json": "{",
		"a/f%.payload": "", "a/%2B.payload": "", ".hidden.payload": "",
	} {
		if err := os.MkdirAll(filepath.Join(dir, "a"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := dump.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got, wrong []string
	for m, err := range r.Messages(message.Message{QoS: 1, Retain: true}) {
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		got = append(got, text(m))
	}
	want := []string{
		`{"topic":"a/b","qos":1,"retain":true,"dup":false,"payload":1,"encoding":"json"}`, `{"topic":"x","qos":0,"retain":true,"dup":false,"payload":2,"encoding":"json"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(wrong) != 3 || !strings.HasPrefix(wrong[0], "a/%2B.payload: ") || !strings.HasPrefix(wrong[1], "a/e.payload: ") || !strings.HasPrefix(wrong[2], "a/f%.payload: ") {
		t.Errorf("wrong are %q", wrong)
	}
	if n, first := r.Ignored(); n != 2 || first != "README.md" {
		t.Errorf("ignored are %d, first %s", n, first)
	}
}

func FuzzPath(f *testing.F) {
	for _, topic := range awkward() {
		f.Add(topic, false)
		f.Add(topic, true)
	}
	f.Fuzz(func(t *testing.T, topic string, fold bool) {
		path, exact := dump.PathOf(topic, fold)
		if !filepath.IsLocal(filepath.FromSlash(path)) || !utf8.ValidString(path) || len(path) > 900 {
			t.Fatalf("%q: unsafe path %q", topic, path)
		}
		for level := range strings.SplitSeq(path, "/") {
			if level == "" || level[0] == '.' || len(level) > 180 || strings.HasSuffix(level, ".payload") || strings.HasSuffix(level, ".json") {
				t.Fatalf("%q: unsafe level %q", topic, level)
			}
		}
		if back, ok := dump.TopicOf(path); exact && (!ok || back != topic) || !exact && ok {
			t.Fatalf("%q: %q came back as %q, %v", topic, path, back, ok)
		}
	})
}
