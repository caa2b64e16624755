package reactor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ferry/fsio"
	"ferry/fsio/dir"
)

// scratch makes a folder `root` with a neighbour `secret` outside of it, and returns root's path.
func scratch(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	check(t, os.Mkdir(root, 0o777))
	write(t, root+"/../secret", "secret")
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o777))
	check(t, os.WriteFile(path, []byte(text), 0o666))
}

func openFolder(t *testing.T, path string, o dir.Options) fsio.Store {
	t.Helper()
	r, err := dir.Open(path, o)
	check(t, err)
	t.Cleanup(func() { check(t, r.Close()) })
	return r
}

// listOf builds the listing of a folder, for a server that shows no dotfiles.
func listOf(t *testing.T, s fsio.Store, path string, long bool) (string, error) {
	t.Helper()
	n, err := fsio.Parser{}.Parse([]byte(path))
	check(t, err)
	l := lister{store: s, name: n, long: long, bytesMax: 1 << 20}
	text, err := l.build()
	if err != nil && text != nil {
		t.Errorf("%q with %v", text, err)
	}
	return string(text), err
}

func TestListNamesWhatGetCanServe(t *testing.T) {
	for _, portable := range []bool{false, true} {
		root := scratch(t)
		for _, path := range []string{
			"b", "B", "a b", "a-", "a/inside", "\xff", "ä", "control\x01", "line\nfeed", ".hidden",
			".ferry-0123456789abcdef.tmp", " ", "a0", ".ferry-parts/0123456789abcdef",
		} {
			write(t, root+"/"+path, "x")
		}
		check(t, os.Mkdir(root+"/.folder", 0o777))
		check(t, os.Mkdir(root+"/empty", 0o777))
		check(t, syscall.Mkfifo(root+"/fifo", 0o666))
		for path, target := range map[string]string{
			"l-plain": "b", "l-folder": "a", "l-out": "../secret", "l-up": "..", "l-loop": "l-loop",
			"l-absolute": "/etc", "l-nowhere": "nowhere", "l-fifo": "fifo", "l-self": ".",
			"l-proc": "/proc/self/root", "a/l-back": "../b", "a/l-out": "../../secret",
		} {
			check(t, os.Symlink(target, root+"/"+path))
		}
		const want = " \nB\na/\na b\na-\na0\nb\nempty/\nl-folder/\nl-plain\nl-self/\nä\n\xff\n"
		s := openFolder(t, root, dir.Options{Portable: portable})
		for text, want := range map[string]string{
			"": want, "/": want, "a": "inside\nl-back\n", "a/": "inside\nl-back\n",
			"l-folder": "inside\nl-back\n", "empty": "",
		} {
			got, err := listOf(t, s, text, false)
			if got != want || err != nil {
				t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
			}
		}
		for text, want := range map[string]fsio.Kind{
			"missing": fsio.KindNotFound, "b": fsio.KindNotFolder, "b/": fsio.KindNotFolder,
			"b/x": fsio.KindNotFolder, "fifo": fsio.KindNotFolder, "l-up": fsio.KindDenied,
			"l-out": fsio.KindDenied, "l-loop": fsio.KindNotFound,
			"l-absolute": fsio.KindDenied, "l-fifo": fsio.KindNotFolder,
		} {
			for _, long := range []bool{false, true} {
				if got, err := listOf(t, s, text, long); fsio.KindOf(err) != want {
					t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
				}
			}
		}
		l := lister{store: s, parser: fsio.Parser{Dotfiles: true}, bytesMax: 1 << 20}
		got, err := l.build()
		if string(got) != " \n.folder/\n.hidden\n"+want[2:] || err != nil {
			t.Errorf("with dotfiles: got %q, %v", got, err)
		}
	}
}

// TestListAsksForNamesAlone counts the calls that a listing of plain files takes.
func TestListAsksForNamesAlone(t *testing.T) {
	root := scratch(t)
	for i := range 3 * listingPage {
		write(t, fmt.Sprintf("%s/%d", root, i), "")
	}
	calls := 0
	s := openFolder(t, root, dir.Options{Fault: func(fsio.Op, fsio.Name) error {
		calls++
		return nil
	}})
	calls = 0
	text, err := listOf(t, s, "", false)
	if calls > 2 || strings.Count(text, "\n") != 3*listingPage || err != nil {
		t.Errorf("%d calls for %d names, %v", calls, strings.Count(text, "\n"), err)
	}
}

// A listing that fits exactly is given, and occupies no more than it may; one byte less and it is
// too large, not cut short. Names that are not listed take nothing.
func TestListHoldsItsLimit(t *testing.T) {
	root := scratch(t)
	const names = 2*listingPage + 1
	var limit int64
	for i := range names {
		base := fmt.Sprintf("name-%05d", i)
		write(t, root+"/"+base, "")
		write(t, root+"/."+base, "")
		limit += int64(len(base) + len("/\n"))
	}
	for _, long := range []bool{false, true} {
		if long {
			limit += int64(names * longBytes)
		}
		l := lister{store: openFolder(t, root, dir.Options{}), long: long, bytesMax: limit}
		text, err := l.build()
		if err != nil || strings.Count(string(text), "\n") != names || int64(cap(text)) > limit {
			t.Errorf("%d lines in %d bytes of %d, %v", strings.Count(string(text), "\n"),
				cap(text), limit, err)
		}
		l.lines, l.details, l.bytesMax = nil, nil, limit-1
		text, err = l.build()
		if text != nil || fsio.KindOf(err) != fsio.KindTooLarge {
			t.Errorf("a byte less: %d bytes, %v", len(text), err)
		}
	}
}

func TestLongListTellsWhatListNames(t *testing.T) {
	at := time.Date(2001, 2, 3, 4, 5, 6, 7000, time.UTC)
	for _, portable := range []bool{false, true} {
		root := scratch(t)
		for _, path := range []string{
			"plain", "full/inside", ".hidden", "line\nfeed", "tab\tulator",
		} {
			write(t, root+"/"+path, "plain")
		}
		check(t, syscall.Mkfifo(root+"/fifo", 0o666))
		for path, target := range map[string]string{
			"tofull": "full", "toplain": "plain", "nowhere": "missing", "tosecret": "../secret",
		} {
			check(t, os.Symlink(target, root+"/"+path))
		}
		check(t, os.Chtimes(root+"/plain", at, at))
		check(t, os.Chtimes(root+"/full", at, at))
		s := openFolder(t, root, dir.Options{Portable: portable})
		const time = "\t2001-02-03T04:05:06Z\t"
		const want = "dir\t0" + time + "full\nfile\t5" + time + "plain\ndir\t0" + time +
			"tofull\nfile\t5" + time + "toplain\n"
		if got, err := listOf(t, s, "", true); got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
		if got, err := listOf(t, s, "", false); got != "full/\nplain\ntofull/\ntoplain\n" {
			t.Errorf("List says %q, %v", got, err)
		}
	}
}

// TestLongListLeavesOutNothingItCouldNotLookAt lets each call fail in turn.
func TestLongListLeavesOutNothingItCouldNotLookAt(t *testing.T) {
	root := scratch(t)
	write(t, root+"/a", "x")
	write(t, root+"/b/c", "x")
	check(t, os.Symlink("a", root+"/link"))
	for failing := 0; ; failing++ {
		calls := 0
		s := openFolder(t, root, dir.Options{Fault: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpRoot {
				return nil
			}
			if calls++; calls-1 == failing {
				return syscall.EIO
			}
			return nil
		}})
		text, err := listOf(t, s, "", true)
		if calls <= failing {
			check(t, err)
			if failing < 6 { // Folder, list, a look at each of three, and where the link leads.
				t.Fatalf("%d calls", failing)
			}
			return
		}
		if fsio.KindOf(err) != fsio.KindIO {
			t.Fatalf("call %d failed: got %q, %v", failing, text, err)
		}
	}
}

// TestListedTimesCanBeReadAgain holds years to those that have four digits, as RFC 3339 demands:
// filesystems keep times of other years.
func TestListedTimesCanBeReadAgain(t *testing.T) {
	date := func(year int) time.Time { return time.Date(year, 3, 4, 5, 6, 7, 0, time.UTC) }
	first := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for at, want := range map[time.Time]time.Time{
		date(2026): date(2026), date(0): date(0), date(9999): date(9999),
		date(10_000): last, date(300_000): last, date(-1): first, first.Add(-1): first,
		last.Add(time.Second): last,
	} {
		e := listedEntry{name: "name"}
		text := strings.Split(string(e.appendLong(nil, listedDetails{0, at.Unix()})), "\t")[2]
		got, err := time.Parse(time.RFC3339, text)
		if err != nil || !got.Equal(want) {
			t.Errorf("%v is told as %q", at, text)
		}
	}
}
