package client

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSizeOfZeroNeverReplacesContent(t *testing.T) {
	const nothing = ": nothing sent: not found, not readable, or too large " +
		"(this server does not say which)"
	f := newFake(t, "127.0.0.1", serveFiles(map[string]string{"empty": "", "dir/empty": ""}))
	c := f.dial(Options{})
	for _, test := range []struct {
		name, old string
		exists    bool
		fails     bool
	}{
		{name: "empty"},
		{name: "dir/empty"},
		{name: "missing", fails: true},
		{name: "dir/missing", fails: true},
		{name: "nodir/empty", fails: true},
		{name: "empty", exists: true},
		{name: "missing", exists: true, fails: true},
		{name: "empty", exists: true, old: "content", fails: true},
		{name: "missing", exists: true, old: "content", fails: true},
	} {
		dir := t.TempDir()
		local := filepath.Join(dir, "a")
		want := map[string]string{}
		if test.exists {
			if err := os.WriteFile(local, []byte(test.old), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if test.exists || !test.fails {
			want["a"] = test.old
		}
		n, err := c.GetFile(t.Context(), test.name, local)
		switch {
		case !test.fails && (err != nil || n != 0):
			t.Errorf("%+v: %d, %v", test, n, err)
		case test.fails && (!errors.Is(err, ErrNothingSent) || err.Error() != test.name+nothing):
			t.Errorf("%+v: %v", test, err)
		}
		wantFiles(t, dir, want)
	}
}

func TestOnlyPlainFilesAreReplaced(t *testing.T) {
	f := newFake(t, "127.0.0.1", func(_ *session, command string) {
		t.Errorf("the server was asked: %s", command)
	})
	c := f.dial(Options{})
	dir := t.TempDir()
	for _, local := range []string{
		dir, dir + "/", "", ".", "..", dir + "/..", dir + "/nodir/", dir + "/a\x00b", os.DevNull,
	} {
		if _, err := c.GetFile(t.Context(), "a", local); err == nil {
			t.Errorf("%q was written", local)
		}
	}
	if _, err := c.GetFile(t.Context(), "", dir+"/a"); !errors.Is(err, ErrName) {
		t.Errorf("no name: %v", err)
	}
	wantFiles(t, dir, nil)
}

func TestLinkIsReplacedAndNotFollowed(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	target := filepath.Join(outside, "target")
	if err := os.WriteFile(target, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(dir, "a")); err != nil {
		t.Skip(err)
	}
	c := newFake(t, "127.0.0.1", serveFiles(map[string]string{"a": "text"})).dial(Options{})
	if _, err := c.GetFile(t.Context(), "a", filepath.Join(dir, "a")); err != nil {
		t.Error(err)
	}
	wantFiles(t, outside, map[string]string{"target": "outside"})
	wantFiles(t, dir, map[string]string{"a": "text"})
}

func TestLocalNameNeverLeavesItsFolder(t *testing.T) {
	for remote, want := range map[string]string{
		"a": "a", "a/b": "b", "../../x": "x", "/etc/passwd": "passwd", ".hidden": ".hidden",
		"a b": "a b", "...": "...",
		"": "", "a/": "", ".": "", "..": "", "a/..": "", "a/.": "", "/": "", "a\x00b": "",
	} {
		got, err := LocalName(remote)
		if got != want || (want == "") != errors.Is(err, ErrName) {
			t.Errorf("%q: %q, %v; want %q", remote, got, err, want)
		}
	}
}

func TestNamesThatWindowsCannotHoldAreRefused(t *testing.T) {
	for _, base := range []string{
		`a\b`, `C:`, `a:stream`, "a*", "a?", `a"b`, "a<b", "a>b", "a|b", "a\nb", "\x1f",
		"a.", "a ",
	} {
		if checkLocal(base, true) == nil {
			t.Errorf("%q is allowed on windows", base)
		}
	}
	for _, base := range []string{"a", "a b", "console", "com", "com10", "a.b.c", ".x", "ü"} {
		if err := checkLocal(base, true); err != nil {
			t.Errorf("%q: %v", base, err)
		}
	}
	if err := checkLocal(strings.Repeat("a:", 3), false); err != nil {
		t.Errorf("a colon elsewhere: %v", err)
	}
}

// writeFile makes a file and the folders above it.
func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
