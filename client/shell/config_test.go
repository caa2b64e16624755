package shell

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigIsParsed(t *testing.T) {
	c, err := ParseConfig("config", "# mine\n\n timeout = 30s\r\nno-progress=true\n\n[bookmarks]\n"+
		"lab = ferry://192.0.2.7:2121/in%20coming/\n# far away\nhome = [::1]:21\nold = h 21\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"timeout": "30s", "no-progress": "true"}; !maps.Equal(
		c.Settings, want) || c.Lines["timeout"] != 3 || c.Lines["no-progress"] != 4 {
		t.Errorf("settings %v in lines %v, want %v", c.Settings, c.Lines, want)
	}
	if want := map[string]string{
		"lab": "ferry://192.0.2.7:2121/in%20coming/", "home": "[::1]:21", "old": "h 21",
	}; !maps.Equal(c.Bookmarks, want) {
		t.Errorf("bookmarks %v, want %v", c.Bookmarks, want)
	}
	_, err = ParseConfig("config", "frob\n[other]\n= 3\n[bookmarks]\n80 = h:1\na b = h:1\nx = h\n"+
		"y = ferry://h:1/file\nhelp = h:1\n-z = h:1\n")
	for _, line := range []string{
		"config:1:", "config:2:", "config:3:", "config:5: 80:",
		"config:6: a b:", "config:7: x:", "config:8: y:", "config:9: help:", "config:10: -z:",
	} {
		if err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("%v says nothing of %s", err, line)
		}
	}
}

func TestBookmarkKeepsRestOfFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ferry", "config")
	set := func(name, place, want string) {
		t.Helper()
		c, err := ReadConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetBookmark(name, place); err != nil {
			t.Fatal(err)
		}
		if got, there := c.Bookmarks[name]; got != place || there != (place != "") {
			t.Errorf("%s is %q (%v)", name, got, there)
		}
		text, err := os.ReadFile(path)
		if err != nil || string(text) != want {
			t.Errorf("%s = %s: %q, %v; want %q", name, place, text, err, want)
		}
	}
	set("lab", "h:21", "[bookmarks]\nlab = h:21\n")
	if err := os.WriteFile(path, []byte("# mine\ntimeout = 3s\n[bookmarks]\n# old\nlab = h:21\n"+
		"lab = h:22"), 0o600); err != nil {
		t.Fatal(err)
	}
	set("far", "h:23", "# mine\ntimeout = 3s\n[bookmarks]\n# old\nlab = h:21\nlab = h:22\n"+
		"far = h:23\n")
	set("lab", "h:24", "# mine\ntimeout = 3s\n[bookmarks]\n# old\nfar = h:23\nlab = h:24\n")
	set("lab", "", "# mine\ntimeout = 3s\n[bookmarks]\n# old\nfar = h:23\n")
	c, err := ReadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "21", "a b", "-x", "a.b", "man"} {
		if err := c.SetBookmark(name, "h:1"); err == nil {
			t.Errorf("%q is a bookmark", name)
		}
	}
	if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 1 {
		t.Errorf("%d files are left", len(list))
	}
}

func TestBookmarksAreKeptAndOpened(t *testing.T) {
	f := newFake(t, map[string]string{"a/the b/c": "text"})
	path := filepath.Join(t.TempDir(), "config")
	shell := func() *Shell {
		c, err := ReadConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		return &Shell{Config: c}
	}
	dir := t.TempDir()
	f.run(shell(), dir, "HOST PORT", "bookmark\nbookmark top\ncd \"a/the b\"\nbookmark lab\n"+
		"bookmark\n").want(t, 0, "no bookmarks yet: bookmark NAME keeps the server that is open\n"+
		"bookmark top is HOST:PORT; open top goes there\n"+
		"bookmark lab is ferry://HOST:PORT/a/the%20b/; open lab goes there\n"+
		"lab              ferry://HOST:PORT/a/the%20b/\ntop              HOST:PORT\n", "")
	f.run(shell(), dir, "lab get c", "").want(t, 0, "got c: 4 bytes PACE\n", "")
	f.run(shell(), dir, "", "open top\nls\nopen lab\npwd\nbookmark -d lab\nopen lab\n").want(t, 2,
		"connected to HOST:PORT\na/\nconnected to HOST:PORT\n/a/the b\n",
		noServer("lab").Error()+"\n")
	f.run(shell(), dir, "", "bookmark new\n").want(t, 1, "", errNoPlace.Error()+"\n")
	f.run(shell(), dir, "", "bookmark -d new\n").want(t, 1, "",
		"new: no such bookmark\n")
	f.run(shell(), dir, "top", "bookmark 21\n").want(t, 2, "", "21: "+errBookmarkName.Error()+"\n")
}

// FuzzConfig holds that a bookmark is there after it was set, whatever the file holds, and that
// nothing else of the file has changed.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		"", "a = b\n[bookmarks]\nx = h:1\n", "[bookmarks]", "= \n[x]\n#",
		"x=h:1\n[bookmarks]\r\nx=h:2",
	} {
		f.Add(text)
	}
	path := filepath.Join(f.TempDir(), "config")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := ReadConfig(path)
		if err != nil {
			return
		}
		settings, bookmarks := maps.Clone(before.Settings), maps.Clone(before.Bookmarks)
		if err := before.SetBookmark("x", "h:3"); err != nil {
			t.Fatal(err)
		}
		after, err := ReadConfig(path)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		bookmarks["x"] = "h:3"
		if !maps.Equal(after.Settings, settings) || !maps.Equal(after.Bookmarks, bookmarks) {
			t.Errorf("%q: %v %v became %v %v", text, settings, bookmarks, after.Settings,
				after.Bookmarks)
		}
	})
}

func TestBookmarkKeepsConcurrentChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	first, err := ReadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := ReadConfig(path)
	if err := first.SetBookmark("a", "h:1"); err != nil {
		t.Fatal(err)
	}
	if err := second.SetBookmark("b", "h:2"); err != nil {
		t.Fatal(err)
	}
	c, err := ReadConfig(path)
	want := map[string]string{"a": "h:1", "b": "h:2"}
	if err != nil || !maps.Equal(c.Bookmarks, want) {
		t.Errorf("%v, %v", c.Bookmarks, err)
	}
}

func TestBookmarkKeepsLinkAndMode(t *testing.T) {
	dir := t.TempDir()
	kept, path := filepath.Join(dir, "kept"), filepath.Join(dir, "config")
	if err := os.WriteFile(kept, nil, 0o640); err != nil { //nolint:gosec // a mode of its own
		t.Fatal(err)
	}
	if err := os.Symlink("kept", path); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	c, err := ReadConfig(path)
	if err == nil {
		err = c.SetBookmark("a", "h:1")
	}
	if err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(path); err != nil || to != "kept" {
		t.Errorf("%q, %v", to, err)
	}
	info, err := os.Stat(kept)
	if err != nil || info.Mode().Perm() != 0o640 || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
}
