package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mqx-cli/mqx/internal/config"
	"github.com/mqx-cli/mqx/internal/yamlfile"
)

// contextFile is a file of contexts in a folder of its own that holds a text, or is not there when that is empty.
func contextFile(tb testing.TB, text string) config.ContextFile {
	tb.Helper()
	f := config.ContextFile{
		Path: filepath.Join(tb.TempDir(), "mqx", "contexts.yaml"),
		Keys: []config.Key{
			{Flag: "url"},
			{Flag: "host"},
			{Flag: "username"},
			{Flag: "password"},
			{Flag: "client-id"},
			{Flag: "cafile"},
			{Flag: "port", Bare: true, Check: func(v string) error {
				if _, err := strconv.ParseUint(v, 10, 16); err != nil {
					return errors.New("no port")
				}
				return nil
			}},
			{Flag: "user-property", Repeated: true},
		},
	}
	if text == "" {
		return f
	}
	if err := os.Mkdir(filepath.Dir(f.Path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(f.Path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return f
}

func contentOf(t *testing.T, f config.ContextFile) string {
	t.Helper()
	text, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func ignoreBody() cmp.Option { return cmpopts.IgnoreUnexported(config.Context{}) }

func TestContextsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	got, err := contextFile(t, `current: b
contexts:
  a: {}
  b:
    url: mqtts://h
    port: 0x10
    client-id: 007     # a dash is as good as an underscore
    user_property: [a=b, "c=d e"]
    guard: true
  c:
    user_property: x=y
`).Read()
	if err == nil || !strings.Contains(err.Error(), ":6:11: port: no port") {
		t.Errorf("got %v", err)
	}
	want := config.Contexts{Current: "b", List: []config.Context{
		{Name: "a"},
		{Name: "b", Guard: true, Settings: []config.Setting{
			{Flag: "url", Values: []string{"mqtts://h"}},
			{Flag: "port", Values: []string{"0x10"}},
			{Flag: "client-id", Values: []string{"007"}},
			{Flag: "user-property", Values: []string{"a=b", "c=d e"}},
		}},
		{Name: "c", Settings: []config.Setting{{Flag: "user-property", Values: []string{"x=y"}}}},
	}}
	if diff := cmp.Diff(want, got, ignoreBody()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestContextsThatAreNotThereAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", "# nothing\n", "contexts:\n", "contexts: {}\n", "current:\ncontexts: ~\n"} {
		if c, err := contextFile(t, text).Read(); err != nil || len(c.List) != 0 || c.Current != "" {
			t.Errorf("%q: got %+v, %v", text, c, err)
		}
	}
}

func TestAPlaceThatIsNoFolderHoldsNoContexts(t *testing.T) {
	t.Parallel()
	f := contextFile(t, "contexts: {}\n")
	below := config.ContextFile{Path: filepath.Join(f.Path, "mqx", "contexts.yaml"), Keys: f.Keys}
	if c, err := below.Read(); err != nil || len(c.List) != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
	if err := below.Update(func(c *config.Contexts) error { c.Put(config.Context{Name: "a"}); return nil }); err == nil {
		t.Error("a context was kept nowhere")
	}
}

func TestMistakesInContextsAreShownWithTheirPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"contexts:\n  a: [\n":                                   "contexts.yaml:2:",
		"- a\n":                                                 ":1:1: a mapping is expected",
		"contxts:\n":                                            `:1:1: unknown key "contxts" - did you mean "contexts"?`,
		"contexts: a\n":                                         ":1:11: contexts: names",
		"contexts:\n  a b: {}\n":                                `:2:3: "a b": a name is made of`,
		"contexts:\n  a: x\n":                                   ":2:3: settings are expected",
		"contexts:\n  a:\n    hots: x\n":                        `:3:5: unknown key "hots" - did you mean "host"?`,
		"contexts:\n  a:\n    guard: maybe\n":                   ":3:12: guard: true or false",
		"contexts:\n  a:\n    port: x\n":                        ":3:11: port: no port",
		"contexts:\n  a:\n    host: [x]\n":                      ":3:5: host: one word or a text",
		"contexts:\n  a:\n    host:\n":                          ":3:5: host: one word or a text",
		"contexts:\n  a:\n    password: 'env:'\n":               `password: "env:": what stands after the colon is missing`,
		"contexts:\n  a:\n    client_id: x\n    client-id: x\n": ":4:5: client_id is there twice",
		"contexts:\n  prod: {}\ncurrent: prd\n":                 `:3:10: there is no context "prd" - did you mean "prod"?`,
		"contexts:\n  a: {}\n  a: {}\n":                         ":3:3:",
	} {
		_, err := contextFile(t, text).Read()
		if _, ok := errors.AsType[*yamlfile.Error](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestUpdatesKeepWhatTheyDoNotChange(t *testing.T) {
	t.Parallel()
	const text = `# mine

contexts:
    # about a
    a:
        host: x   # inside
    # about b

    b:
        host: y
        # at its end
    # about c
    c: {host: z}

# the end
`
	f := contextFile(t, text)
	err := f.Update(func(c *config.Contexts) error {
		c.Remove("a")
		c.Put(config.Context{Name: "b", Settings: []config.Setting{{Flag: "host", Values: []string{"new"}}}})
		c.Put(config.Context{Name: "d", Guard: true, Settings: []config.Setting{
			{Flag: "username", Values: []string{"null"}},
			{Flag: "password", Values: []string{`a"b: #c`}},
			{Flag: "user-property", Values: []string{"a=b", " é\t"}},
		}})
		c.Current = "b"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `# mine

current: b
contexts:
    # about b

    b:
      host: new
    # about c
    c: {host: z}
    d:
      username: "null"
      password: "a\"b: #c"
      user_property:
        - a=b
        - " é\t"
      guard: true

# the end
`
	if diff := cmp.Diff(want, contentOf(t, f)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := f.Update(func(c *config.Contexts) error { c.Remove("b"); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, f); strings.Contains(got, "host: new") || !strings.Contains(got, "# about c") || strings.Contains(got, "current") {
		t.Errorf("got\n%s", got)
	}
}

func TestAFileInAnotherFormIsWrittenAnew(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"current": "a", "contexts": {"a": {"host": "x"}, "b": {"host": "y"}}}`,
		"contexts: {a: {host: x}, b: {host: y}}\ncurrent: a",
		"contexts:\n  a: &a {host: x}\n  b: {<<: *a, host: y}\ncurrent: a",
		"contexts:\n  a:\n    host: |-\n      x\n  b: {host: y}\ncurrent: a",
	} {
		f := contextFile(t, text)
		if err := f.Update(func(c *config.Contexts) error { c.Remove("a"); c.Put(config.Context{Name: "z"}); return nil }); err != nil {
			t.Fatal(err)
		}
		want := config.Contexts{List: []config.Context{{Name: "b", Settings: []config.Setting{{Flag: "host", Values: []string{"y"}}}}, {Name: "z"}}}
		got, err := f.Read()
		if diff := cmp.Diff(want, got, ignoreBody()); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", text, err, diff)
		}
	}
}

func TestUpdatesAtTheSameTimeLoseNothing(t *testing.T) {
	t.Parallel()
	f := contextFile(t, "")
	const n = 30
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			err := f.Update(func(c *config.Contexts) error {
				c.Put(config.Context{Name: fmt.Sprintf("c%d", i), Settings: []config.Setting{{Flag: "host", Values: []string{"h"}}}})
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if c, err := f.Read(); err != nil || len(c.List) != n {
		t.Errorf("got %d contexts, want %d: %v", len(c.List), n, err)
	}
}

func TestTheFileIsForItsUserAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	f := contextFile(t, "contexts: {a: {password: 'env:X', username: u}}\n")
	if err := os.Chmod(f.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(); err != nil {
		t.Errorf("a file without secrets is refused: %v", err)
	}
	put := func(value string) error {
		return f.Update(func(c *config.Contexts) error {
			c.Put(config.Context{Name: "b", Settings: []config.Setting{{Flag: "url", Values: []string{value}}}})
			return nil
		})
	}
	if err := put("mqtt://u:hunter2@h"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(f.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("got mode %v, %v", info.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(f.Path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(); !errors.Is(err, config.ErrExposed) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("mode %o: got %v", mode, err)
		}
		if err := put("mqtt://x"); !errors.Is(err, config.ErrExposed) {
			t.Errorf("mode %o: got %v", mode, err)
		}
	}
}

func TestALinkStaysALink(t *testing.T) {
	t.Parallel()
	f := contextFile(t, "contexts: {}\n")
	link := filepath.Join(t.TempDir(), "contexts.yaml")
	if err := os.Symlink(f.Path, link); err != nil {
		t.Skip(err)
	}
	linked := config.ContextFile{Path: link, Keys: f.Keys}
	if err := linked.Update(func(c *config.Contexts) error { c.Put(config.Context{Name: "a"}); return nil }); err != nil {
		t.Fatal(err)
	}
	if c, err := f.Read(); err != nil || len(c.List) != 1 {
		t.Errorf("got %+v, %v", c, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

func TestReplaceDoesNotOverwriteWhatSomebodyElseWrote(t *testing.T) {
	t.Parallel()
	f := contextFile(t, "contexts: {}\n")
	if err := f.Replace([]byte("contexts: {a: {}}\n"), []byte("x")); !errors.Is(err, config.ErrContextsChanged) {
		t.Errorf("got %v", err)
	}
	if err := f.Replace([]byte("contexts: {}\n"), []byte("contexts: {b: {}}\n")); err != nil {
		t.Error(err)
	}
	if got := contentOf(t, f); got != "contexts: {b: {}}\n" {
		t.Errorf("got %q", got)
	}
}

func TestTheBodyOfAContextComesBackWithItsComments(t *testing.T) {
	t.Parallel()
	f := contextFile(t, "contexts:\n  a:\n    # why\n    host: x\n  b: {host: y}\n")
	text, c, err := f.Text()
	if err != nil {
		t.Fatal(err)
	}
	a, _ := c.Find("a")
	b, _ := c.Find("b")
	if got := string(f.Body(text, a)); got != "# why\nhost: x\n" {
		t.Errorf("a: got %q", got)
	}
	if got := string(f.Body(text, b)); got != "host: y\n" {
		t.Errorf("b: got %q", got)
	}
	edited, err := f.ParseContext("copy", "a", []byte("# why not\nhost: z\nguard: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Update(func(c *config.Contexts) error { c.Put(edited); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, f); got != "contexts:\n  a:\n    # why not\n    host: z\n    guard: true\n  b: {host: y}\n" {
		t.Errorf("got %q", got)
	}
	if _, err := f.ParseContext("copy", "a", []byte("hots: z\n")); err == nil || !strings.Contains(err.Error(), "copy:1:1: unknown key") {
		t.Errorf("got %v", err)
	}
}

func TestContextPathFollowsTheEnvironment(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	get := func(env map[string]string) string {
		return config.ContextPath(func(name string) string { return env[name] })
	}
	if got, want := get(map[string]string{"XDG_CONFIG_HOME": root, "HOME": "/h"}), filepath.Join(root, "mqx", "contexts.yaml"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := get(nil); got != "" {
		t.Errorf("got %s for no environment", got)
	}
	if runtime.GOOS == "linux" {
		for _, xdg := range []string{"", "relative"} {
			if got := get(map[string]string{"XDG_CONFIG_HOME": xdg, "HOME": "/h"}); got != "/h/.config/mqx/contexts.yaml" {
				t.Errorf("%q: got %s", xdg, got)
			}
		}
	}
}

func TestAnchoredMakesPathsAbsolute(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("paths are others there")
	}
	for _, tt := range []struct{ flag, value, want string }{
		{"cafile", "ca.pem", "/dir/ca.pem"},
		{"cafile", "/ca.pem", "/ca.pem"},
		{"cafile", "~/ca.pem", "/home/ca.pem"},
		{"password", "file:secret", "file:/dir/secret"},
		{"password", "file:~/secret", "file:/home/secret"},
		{"password", "env:X", "env:X"},
		{"password", "plain", "plain"},
		{"host", "file:x", "file:x"},
		{"host", "x", "x"},
	} {
		if got := config.Anchored(tt.flag, tt.value, "/dir", "/home"); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.flag, tt.value, got, tt.want)
		}
	}
}

// Whatever a user wrote: what is understood is understood in the same way after a change elsewhere in the file.
func FuzzUpdateChangesNothingElse(f *testing.F) {
	for _, s := range []string{
		"", "contexts:\n  a:\n    host: x\n", "current: a\ncontexts: {a: {}}", "contexts:\n- a\n", "contexts:\n    a: # x\n      host: y\n\n  \n# end",
		"a: b\n", "contexts:\n  a: {host: 'x'}\n  b:\n    user_property: [a=b, c=d]\ncurrent: b\n", "contexts: &x\n  a: {}\n", "---\ncontexts: {}\n...\n",
		"contexts:\n  a:\n    user_property: []\n", "contexts:\r\n  a:\r\n    host: x\r\n", "contexts:\n  a:\n    host: |\n      #x\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := contextFile(t, text)
		before, err := file.Read()
		if err != nil {
			return
		}
		if err := file.Update(func(c *config.Contexts) error {
			c.Put(config.Context{Name: "zz", Settings: []config.Setting{{Flag: "host", Values: []string{text[:min(len(text), 5)] + "h"}}}})
			c.Current = "zz"
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := file.Update(func(c *config.Contexts) error { c.Remove("zz"); c.Current = before.Current; return nil }); err != nil {
			t.Fatalf("%v\n%s", err, contentOf(t, file))
		}
		after, err := file.Read()
		if diff := cmp.Diff(before, after, ignoreBody(), cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	})
}
