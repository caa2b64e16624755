package shell

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/client"
)

func TestFolderIsFetchedRecursively(t *testing.T) {
	files := map[string]string{
		"docs/a": "a", "docs/sub/b": "bb", "docs/sub/deep/the c": "ccc", "other": "x",
	}
	want := map[string]string{
		"docs/a": "a", "docs/sub/b": "bb", "docs/sub/deep/the c": "ccc",
	}
	for _, parallel := range []int{0, 3} {
		for _, name := range []string{"docs", "docs/", "/docs"} {
			dir := t.TempDir()
			f := newFake(t, files)
			r := f.run(&Shell{Parallel: parallel}, dir, "HOST PORT get -r "+name, "")
			if r.status != 0 || !strings.Contains(r.out, "3 files, 6 bytes in") {
				t.Errorf("%s, %d at once: %+v", name, parallel, r)
			}
			wantTree(t, dir, want)
		}
	}
	// LOCAL may be a folder, or the name of one to be.
	dir := t.TempDir()
	f := newFake(t, files)
	f.run(&Shell{Quiet: true}, dir, "HOST PORT", "get -r docs/sub new\nget -r docs/sub new\n").
		want(t, 0, "", "")
	wantTree(t, dir, map[string]string{
		"new/b": "bb", "new/deep/the c": "ccc",
		"new/sub/b": "bb", "new/sub/deep/the c": "ccc",
	})
	f.run(&Shell{}, dir, "HOST PORT get -r nowhere", "").want(t, 1, "",
		"nowhere: no such folder\n")
	f.run(&Shell{}, dir, "HOST PORT get docs/", "").want(t, 1, "",
		"docs/: a folder; get -r fetches it, ls lists it\n")
}

func TestHostileFolderNeverLeavesTheLocalOne(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "in")
	writeFile(t, outer, "victim/kept", "kept")
	writeFile(t, dir, "docs/sub/old", "old")
	victim := filepath.Join(outer, "victim")
	if err := os.Symlink(victim, filepath.Join(dir, "docs/link")); err != nil {
		t.Skip(err)
	}
	f := newFake(t, map[string]string{
		"docs/good": "good", "docs/link/kept": "evil", "docs/link/new": "evil", "docs/sub/b": "b",
		"docs/../../victim/kept": "evil",
	})
	f.lists = map[string]string{
		"docs": "..\n../\n.\n../../victim/kept\n/etc/passwd\na/b\n" +
			"good\nlink/\nsub/\n/\n\x00\n",
		"docs/link": "kept\nnew\n",
	}
	r := f.run(&Shell{}, dir, "HOST PORT get -r docs", "")
	if r.status != StatusFailed || !strings.Contains(r.err, "symbolic link") ||
		strings.Count(r.err, "name not allowed") != 8 {
		t.Errorf("%+v", r)
	}
	wantTree(t, outer, map[string]string{
		"victim/kept": "kept", "in/docs/good": "good", "in/docs/sub/old": "old",
		"in/docs/sub/b": "b", "in/docs/link": "-> " + victim,
	})
	for _, asked := range f.commands() {
		if !slices.Contains([]string{"get docs/good", "get docs/sub/b"}, asked) {
			t.Errorf("the server was asked: %s", asked)
		}
	}
}

// TestHiddenNamesNeedOption: a listing is not to fill a home folder with settings.
func TestHiddenNamesNeedOption(t *testing.T) {
	dir := t.TempDir()
	f := newFake(t, map[string]string{
		"docs/.profile": "evil", "docs/.ssh/keys": "evil", "docs/a/.b": "evil", "docs/a/c": "c",
	})
	f.lists = map[string]string{
		"docs": ".profile\n.ssh/\na/\n", "docs/.ssh": "keys\n", "docs/a": ".b\nc\n",
	}
	r := f.run(&Shell{}, dir, "HOST PORT get -r docs", "")
	if r.status != StatusDone || !strings.Contains(r.out, "left out 3 names") {
		t.Errorf("%+v", r)
	}
	wantTree(t, dir, map[string]string{"docs/a/c": "c"})
	if r = f.run(&Shell{}, dir, "HOST PORT get -r -a docs", ""); r.status != StatusDone {
		t.Errorf("%+v", r)
	}
	wantTree(t, dir, map[string]string{
		"docs/.profile": "evil", "docs/.ssh/keys": "evil", "docs/a/.b": "evil", "docs/a/c": "c",
	})
}

func TestEndlessFolderIsBounded(t *testing.T) {
	f := newFake(t, nil)
	f.answer = func(c *control, command string) bool {
		if strings.HasPrefix(command, "ls") {
			send(c.data(), "a/\n")
			return true
		}
		return false
	}
	for _, command := range []string{"get -r x", "mget **/b", "mirror x y"} {
		r := f.run(&Shell{}, t.TempDir(), "HOST PORT "+command, "")
		if r.status != StatusFailed || !strings.Contains(r.err, errTooDeep.Error()) {
			t.Errorf("%s: %.300v", command, r)
		}
	}
}

func TestBatchContinuesAfterFailure(t *testing.T) {
	files := map[string]string{}
	for i := range 9 {
		files[fmt.Sprintf("f/%d", i)] = "text"
	}
	f := newFake(t, files)
	f.lists = map[string]string{
		"f": "0\n1\ngone1\n2\n3\ngone2\ngone3\ngone4\ngone5\ngone6\ngone7\n",
	}
	f.answer = func(c *control, command string) bool {
		if !strings.Contains(command, "gone") {
			return false
		}
		conn := c.data()
		reset(conn)
		return true
	}
	dir := t.TempDir()
	r := f.run(&Shell{}, dir, "HOST PORT get -r f", "")
	if r.status != StatusFailed || strings.Count(r.err, "transfer broken off") != 7 ||
		!strings.Contains(r.out, "4 files, 16 bytes in") || !strings.HasSuffix(r.err,
		"7 failed: f/gone1, f/gone2, f/gone3, f/gone4, f/gone5 and 2 more\n") {
		t.Errorf("%+v", r)
	}
	wantTree(t, dir, map[string]string{"f/0": "text", "f/1": "text", "f/2": "text", "f/3": "text"})
}

func TestBatchEndsWithTheConnection(t *testing.T) {
	f := newFake(t, map[string]string{"f/a": "a", "f/c": "c"})
	f.lists = map[string]string{"f": "a\nb\nc\nd\n"}
	f.answer = func(c *control, command string) bool {
		if command != "get f/b" {
			return false
		}
		_ = c.conn.Close()
		_ = f.listener.Close()
		return true
	}
	r := f.run(&Shell{}, t.TempDir(), "HOST PORT get -r f", "")
	if r.status != StatusLost || !strings.Contains(r.err, "1 failed: f/b; 2 not tried\n") {
		t.Errorf("%+v", r)
	}
}

func TestFolderIsStoredWhereItsFoldersAre(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"docs/a", "docs/sub/b", "docs/none/c", "docs/.git/x", "docs/.y"} {
		writeFile(t, dir, name, name)
	}
	if err := os.Symlink("a", filepath.Join(dir, "docs", "link")); err != nil {
		t.Skip(err)
	}
	files := map[string]string{"docs/old": "", "docs/sub/old": ""}
	f := newFake(t, files)
	f.run(&Shell{}, dir, "HOST PORT put -r docs", "").want(t, 1,
		"skipped link: neither a plain file nor a folder\n"+
			"left out 2 names beginning with a dot; -a stores such names too\n"+
			"stored docs/a: 6 bytes PACE\nstored docs/sub/b: 10 bytes PACE\n"+
			"2 files, 16 bytes PACE; 1 skipped\n",
		"docs/none: there is no such folder on the server, and it cannot make one\n"+
			"1 failed: docs/none\n")
	if len(files) != 4 || files["docs/a"] != "docs/a" || files["docs/sub/b"] != "docs/sub/b" {
		t.Errorf("the server has %q", files)
	}
	f.run(&Shell{Quiet: true}, dir, "HOST PORT put -r docs/sub", "").want(t, 1, "",
		"sub: there is no such folder on the server, and it cannot make one\n")
	f.run(&Shell{Quiet: true}, dir, "HOST PORT put -r docs", "").want(t, 1, "",
		"docs/none: there is no such folder on the server, and it cannot make one\n"+
			"1 skipped: neither a plain file nor a folder\n1 failed: docs/none\n")
	f.run(&Shell{}, dir, "HOST PORT put -r docs gone", "").want(t, 1,
		"skipped link: neither a plain file nor a folder\n"+
			"left out 2 names beginning with a dot; -a stores such names too\n",
		"gone: there is no such folder on the server, and it cannot make one\n")
	f.run(&Shell{}, dir, "HOST PORT put -r nowhere", "").want(t, 1, "",
		"nowhere: not a folder\n")
}

func TestPatternsFindFilesOnBothSides(t *testing.T) {
	files := map[string]string{
		"a.txt": "1", "b.txt": "2", "c.md": "3", ".h.txt": "4", "s/a.txt": "5", "s/t/a.txt": "6",
		"s/t/b.md": "7", "up/old": "", "up/t/old": "",
	}
	for patterns, want := range map[string]string{
		"*.txt": "a.txt b.txt", "[ab].*": "a.txt b.txt", "{a,c}.*": "a.txt c.md", "?.md": "c.md",
		"**/a.txt": "a.txt s/a.txt s/t/a.txt", "s/**/*.txt": "a.txt t/a.txt", "s/t/*": "a.txt b.md",
		"*/a.txt": "s/a.txt", "*.txt *.md a.*": "a.txt b.txt c.md", ".*.txt": ".h.txt",
		"s/**": "a.txt t/a.txt t/b.md", "a.txt": "a.txt",
	} {
		dir := t.TempDir()
		f := newFake(t, files)
		r := f.run(&Shell{Quiet: true}, dir, "HOST PORT mget "+patterns, "")
		r.want(t, 0, "", "")
		var got []string
		_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, _ error) error {
			if name, _ := filepath.Rel(dir, path); !e.IsDir() {
				got = append(got, filepath.ToSlash(name))
			}
			return nil
		})
		if strings.Join(got, " ") != want {
			t.Errorf("mget %s: %q, want %s", patterns, got, want)
		}
	}
	f := newFake(t, files)
	r := f.run(&Shell{}, t.TempDir(), "HOST PORT mget a.txt s/a.txt", "")
	if r.status != StatusFailed || !strings.Contains(r.err, "s/a.txt: name not allowed: another") {
		t.Errorf("%+v", r)
	}
	f.run(&Shell{}, t.TempDir(), "HOST PORT mget *.go", "").want(t, 1, "",
		"*.go: nothing matches\n")
	f.run(&Shell{}, t.TempDir(), "HOST PORT mget s", "").want(t, 1, "",
		"s: only folders match; get -r and put -r move a folder\n")
	if r := f.run(&Shell{}, t.TempDir(), "HOST PORT mget [a", ""); r.status != StatusWrongUse {
		t.Errorf("%+v", r)
	}

	dir := t.TempDir()
	for name, text := range files {
		writeFile(t, dir, name, text)
	}
	f.run(&Shell{Quiet: true}, dir, "HOST PORT mput s/**/*.txt c.*", "").want(t, 1, "",
		"t: there is no such folder on the server, and it cannot make one\n1 failed: t\n")
	f.run(&Shell{Quiet: true}, dir, "HOST PORT", "cd up\nmput s/**/*.txt c.*\n").want(t, 0, "", "")
	if files["up/a.txt"] != "5" || files["up/t/a.txt"] != "6" || files["up/c.md"] != "3" {
		t.Errorf("the server has %q", files)
	}
}

func TestMirrorDeletesSurplus(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"m/a", "m/old", "m/gone/x/y", "m/.kept", "m/b/old", "n/out"} {
		writeFile(t, dir, name, "old")
	}
	if err := os.Symlink("../n", filepath.Join(dir, "m/link")); err != nil {
		t.Skip(err)
	}
	f := newFake(t, map[string]string{"m/a": "new", "m/b/c": "new"})
	before := map[string]string{
		"m/a": "old", "m/old": "old", "m/gone/x/y": "old", "m/.kept": "old",
		"m/b/old": "old", "n/out": "old", "m/link": "-> ../n",
	}
	r := f.run(&Shell{}, dir, "HOST PORT mirror --dry-run --delete m", "")
	if r.status != 0 || strings.Count(r.out, "would get ") != 2 ||
		strings.Count(r.out, "would rm ") != 6 {
		t.Errorf("%+v", r)
	}
	wantTree(t, dir, before)
	// Without --delete nothing goes.
	f.run(&Shell{Quiet: true}, dir, "HOST PORT mirror m", "").want(t, 0, "", "")
	before["m/a"], before["m/b/c"] = "new", "new"
	wantTree(t, dir, before)
	f.run(&Shell{Quiet: true}, dir, "HOST PORT mirror --delete m", "").want(t, 0, "", "")
	wantTree(t, dir, map[string]string{
		"m/a": "new", "m/b/c": "new", "m/.kept": "old", "n/out": "old",
	})
	// A folder that could not be listed whole is no reason to remove what may be in it.
	f.lists = map[string]string{"m": "a\n../x\n"}
	if r := f.run(&Shell{}, dir, "HOST PORT mirror --delete m", ""); r.status != StatusFailed {
		t.Errorf("%+v", r)
	}
	wantTree(t, filepath.Join(dir, "m/b"), map[string]string{"c": "new"})
}

func TestJSONIsAnObjectForEachTransfer(t *testing.T) {
	dir := t.TempDir()
	f := newFake(t, map[string]string{"a": "text", "d/b": "x", "e": ""})
	r := f.run(&Shell{JSON: true}, dir, "HOST PORT", "get a\n-get missing\nput a new\nget -r d\n"+
		"ls\npwd\nget e\n")
	if r.status != 0 {
		t.Errorf("%+v", r)
	}
	var got []string
	for line := range strings.Lines(r.out) {
		var o result
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		got = append(got, fmt.Sprint(o.Command, " ", o.Remote, " ", o.Outcome, " ", o.Bytes, " ",
			o.Kind))
		if o.Outcome == outcomeFailed != (o.Error != "") {
			t.Errorf("%q", line)
		}
	}
	if want := []string{
		"get a done 4 ", "get missing failed 0 nothing-sent", "put new done 4 ", "get d/b done 1 ",
		"ls  done 0 ", "pwd / done 0 ", "get e done 0 ",
	}; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if !strings.Contains(r.out, `"names":["a","d/","e","new"]`) ||
		!strings.Contains(r.out, `"note":"empty, not readable, or too large`) {
		t.Errorf("%s", r.out)
	}
}

func TestKindOfEveryFailureHasAWord(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range kindWords {
		var r result
		if r.fail(&client.Error{Name: "a", Kind: k.kind}); r.Kind != k.word || seen[k.word] {
			t.Errorf("%v is %q, want %q", k.kind, r.Kind, k.word)
		}
		seen[k.word] = true
	}
}
