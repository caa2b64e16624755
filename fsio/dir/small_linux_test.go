//go:build linux && !ferryportable

package dir

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

// wantUnnamed skips where a filesystem has no files without names, or there is no openat2.
func wantUnnamed(t *testing.T, dir string) {
	t.Helper()
	if openDefault(t, dir, Options{}).kernel == nil {
		t.Skip("no openat2 here")
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o666)
	if err != nil {
		t.Skipf("no files without names here: %v", err)
	}
	check(t, unix.Close(fd))
}

// TestNewSmallFilesHaveNoNameUntilTheyAreWhole looks into the folder before each call: what a
// server that is killed there would leave is nothing.
func TestNewSmallFilesHaveNoNameUntilTheyAreWhole(t *testing.T) {
	dir := scratch(t)
	wantUnnamed(t, dir)
	looks := 0
	r := openDefault(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) > 0 {
			t.Errorf("before %v the folder holds %v: %v", op, entries, err)
		}
		looks++
		return err
	}})
	check(t, r.StoreSmall(name(t, r, "a"), []byte("text"), fsio.CommitOptions{}))
	if looks < 6 || content(t, dir+"/a") != "text" {
		t.Errorf("%d looks, the file holds %q", looks, content(t, dir+"/a"))
	}
	info, err := os.Stat(dir + "/a")
	check(t, err)
	write(t, dir+"/b", "")
	other, err := os.Stat(dir + "/b")
	check(t, err)
	if info.Mode()&^0o111 != other.Mode()&^0o111 {
		t.Errorf("its mode is %v, any other new file's %v", info.Mode(), other.Mode())
	}
}

// TestNamesTakenWhileSmallFilesAreStored has somebody else take the name at the last moment.
func TestNamesTakenWhileSmallFilesAreStored(t *testing.T) {
	write := func(path string) error { return os.WriteFile(path, []byte("theirs"), 0o666) }
	for _, c := range []struct {
		take      func(path string) error
		noReplace bool
		want      fsio.Kind
		holds     string
	}{
		{take: write, holds: "ours"},
		{take: write, noReplace: true, want: fsio.KindExists, holds: "theirs"},
		{
			take:      func(path string) error { return os.Symlink("nothing", path) },
			noReplace: true, want: fsio.KindExists,
		},
		{take: func(path string) error { return os.Symlink("nothing", path) }, holds: "ours"},
		{take: func(path string) error { return os.Mkdir(path, 0o777) }, want: fsio.KindNotPlain},
	} {
		dir := scratch(t)
		taken := false
		r := openDefault(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
			if op != fsio.OpRename || taken {
				return nil
			}
			taken = true
			return c.take(dir + "/a")
		}})
		err := r.StoreSmall(name(t, r, "a"), []byte("ours"),
			fsio.CommitOptions{NoReplace: c.noReplace})
		if kind := fsio.KindOf(err); kind != c.want {
			t.Errorf("got %v, want %v", err, c.want)
		}
		if c.holds != "" && content(t, dir+"/a") != c.holds {
			t.Errorf("the file holds %q, want %q", content(t, dir+"/a"), c.holds)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("there are %v", entries)
		}
	}
}

// TestSmallFilesThatASweepTookAreMadeAnew: what replaces a file is not locked while it has a
// temporary name.
func TestSmallFilesThatASweepTookAreMadeAnew(t *testing.T) {
	dir := scratch(t)
	write(t, dir+"/a", "old")
	sweeper := openDefault(t, dir, Options{})
	taken := 0
	r := openDefault(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
		if op != fsio.OpRename || taken >= 3 {
			return nil
		}
		n, err := sweeper.Sweep()
		taken += n
		return err
	}})
	if r.kernel == nil {
		t.Skip("no openat2 here: it is locked")
	}
	check(t, r.StoreSmall(name(t, r, "a"), []byte("new"), fsio.CommitOptions{}))
	if taken != 3 || content(t, dir+"/a") != "new" {
		t.Errorf("%d taken, the file holds %q", taken, content(t, dir+"/a"))
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("there are %v", entries)
	}
}
