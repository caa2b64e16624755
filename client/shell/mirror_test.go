package shell

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/client"
)

// statusMirror runs a mirror against a status server with these long listings, and returns the
// commands that changed the server.
func statusMirror(
	t *testing.T, dir, command string, listings map[string]string,
) (ran, []string) {
	t.Helper()
	f := newFake(t, nil)
	var mu mutexed[string]
	f.speaksStatus(listings, func(c *control, command string) bool {
		mu.add(command)
		c.reply(250, "done")
		return true
	})
	s := &Shell{Options: client.Options{Exchange: client.Status}}
	r := f.run(s, dir, "HOST PORT", command+"\n")
	return r, mu.all()
}

func line(kind, name string) string {
	return kind + "\t1\t2040-01-01T00:00:00Z\t" + name + "\n"
}

// TestReverseMirrorDeletesOnlyWhatItsSourceLacks: hidden names and names that the source has but
// did not send are no reason to delete.
func TestReverseMirrorDeletesOnlyWhatItsSourceLacks(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "m/same", "x")
	writeFile(t, dir, "m/.config", "x")
	for link, to := range map[string]string{"m/link": "same", "m/folder": "."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	listings := map[string]string{
		"m": line("file", "same") + line("file", "link") + line("dir", "folder") +
			line("file", ".hidden") + line("dir", ".git") + line("dir", "gone") +
			line("dir", "partly") + line("file", "old"),
		"m/folder": line("file", "precious"),
		"m/.git":   line("file", "HEAD"),
		"m/gone":   line("file", "x") + line("dir", "y"),
		"m/partly": line("file", "x") + line("file", ".kept"),
	}
	want := []string{"rm m/gone/x", "rm m/old", "rm m/partly/x", "rmdir m/gone", "rmdir m/gone/y"}
	r, asked := statusMirror(t, dir, "mirror -R --delete m m", listings)
	if slices.Sort(asked); r.status != 0 || !slices.Equal(asked, want) {
		t.Errorf("%q, want %q; %+v", asked, want, r)
	}
	r, asked = statusMirror(t, dir, "mirror -R --delete -n m m", listings)
	if r.status != 0 || len(asked) != 0 ||
		!strings.HasSuffix(r.out, "would remove 5 names; 1 unchanged\n") {
		t.Errorf("%q, %+v", asked, r)
	}
}

// TestMirrorDeletesNothingFromEndlessFolder: a listing that never ends deletes nothing.
func TestMirrorDeletesNothingFromEndlessFolder(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "m/same", "x")
	listings := map[string]string{"m": line("file", "same") + line("dir", "x")}
	for name := "m/x"; len(name) < 600; name += "/x" {
		listings[name] = line("dir", "x")
	}
	r, asked := statusMirror(t, dir, "mirror -R --delete m m", listings)
	if r.status != StatusFailed || len(asked) != 0 ||
		!strings.Contains(r.err, errTooDeep.Error()) {
		t.Errorf("%d commands, %.300v", len(asked), r)
	}
}

// TestMirrorReplacesNameOfOtherKind: a file takes a folder's place, and the other way.
func TestMirrorReplacesNameOfOtherKind(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "m/folder/a", "x")
	writeFile(t, dir, "m/file", "x")
	listings := map[string]string{
		"m":      line("file", "folder") + line("dir", "file"),
		"m/file": line("file", "b"),
	}
	_, asked := statusMirror(t, dir, "mirror -R --delete m m", listings)
	if len(asked) < 4 || !slices.Equal(asked[:4],
		[]string{"rm m/folder", "rm m/file/b", "rmdir m/file", "mkdir m/folder"}) {
		t.Errorf("%q", asked)
	}

	dir = t.TempDir()
	writeFile(t, dir, "m/a/b", "old")
	writeFile(t, dir, "m/c", "old")
	writeFile(t, dir, "m/keep/.hidden", "old")
	f := newFake(t, map[string]string{"m/a": "new", "m/c/d": "new", "m/keep": "new"})
	r := f.run(&Shell{Quiet: true}, dir, "HOST PORT mirror --delete m", "")
	if r.status != StatusFailed || !strings.HasPrefix(r.err, filepath.Join(dir, "m/keep")) {
		t.Errorf("%+v", r)
	}
	wantTree(t, dir, map[string]string{
		"m/a": "new", "m/c/d": "new", "m/keep/.hidden": "old",
	})
}

// TestMirrorKeepsFolderOfHiddenNames: what stays keeps the folders above it, without a failure.
func TestMirrorKeepsFolderOfHiddenNames(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "m/gone/.hidden", "old")
	writeFile(t, dir, "m/gone/x", "old")
	f := newFake(t, map[string]string{"m/a": "new"})
	f.run(&Shell{Quiet: true}, dir, "HOST PORT mirror --delete m", "").want(t, 0, "", "")
	wantTree(t, dir, map[string]string{"m/a": "new", "m/gone/.hidden": "old"})
}

// TestMirrorDeletesNothingAfterUnreadableListing, neither what is surplus nor what conflicts.
func TestMirrorDeletesNothingAfterUnreadableListing(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "m/folder/a", "x")
	writeFile(t, dir, "m/same", "x")
	_, asked := statusMirror(t, dir, "mirror -R --delete m m", map[string]string{
		"m": line("file", "folder") + line("file", "same") + line("file", "old") + "strange\n",
	})
	if slices.ContainsFunc(asked, func(c string) bool { return strings.HasPrefix(c, "rm") }) {
		t.Errorf("%q", asked)
	}
}
