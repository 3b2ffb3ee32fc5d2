package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/mqx-cli/mqx/internal/config"
)

func TestContextsAreReadFromAFileAndNothingElse(t *testing.T) {
	t.Parallel()
	f := contextFile(t, "x")
	if err := os.Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.DevNull, f.Path); err != nil {
		t.Skip("needs symbolic links")
	}
	if _, err := f.Read(); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a device: got %v", err)
	}
}

func TestAByteOrderMarkIsNoPartOfContexts(t *testing.T) {
	t.Parallel()
	f := contextFile(t, "\uFEFFcontexts:\r\n  a:\r\n    host: x\r\n")
	c, err := f.Read()
	if x, ok := c.Find("a"); err != nil || !ok || x.Value("host") != "x" {
		t.Fatalf("got %+v, %v", c, err)
	}
	if err := f.Update(func(c *config.Contexts) error { c.Current = "a"; return nil }); err != nil {
		t.Fatal(err)
	}
	if c, err := f.Read(); err != nil || c.Current != "a" || len(c.List) != 1 {
		t.Errorf("after a change: got %+v, %v", c, err)
	}
}
