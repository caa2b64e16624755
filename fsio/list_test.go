package fsio

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// listMax is more than any listing of these tests takes.
const listMax = 1 << 20

func TestListNamesWhatGetCanServe(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		for _, path := range []string{
			"b", "B", "a b", "a-", "a/inside", "\xff", "ä", "control\x01", "line\nfeed", ".hidden",
			temporaryName(5), " ", "a0",
		} {
			write(t, dir+"/"+path, "x")
		}
		check(t, os.Mkdir(dir+"/.folder", 0o777))
		check(t, os.Mkdir(dir+"/empty", 0o777))
		check(t, syscall.Mkfifo(dir+"/fifo", 0o666))
		for path, target := range map[string]string{
			"l-plain": "b", "l-folder": "a", "l-out": "../secret", "l-up": "..", "l-loop": "l-loop",
			"l-absolute": "/etc", "l-nowhere": "nowhere", "l-fifo": "fifo", "l-self": ".",
			"l-proc": "/proc/self/root", "a/l-back": "../b", "a/l-out": "../../secret",
		} {
			link(t, target, dir+"/"+path)
		}
		const want = " \nB\na/\na b\na-\na0\nb\nempty/\nl-folder/\nl-plain\nl-self/\nä\n\xff\n"
		r := open(t, dir, Options{})
		for text, want := range map[string]string{
			"": want, "/": want, "a": "inside\nl-back\n", "a/": "inside\nl-back\n",
			"l-folder": "inside\nl-back\n", "empty": "",
		} {
			got, err := r.List(name(t, r, text), listMax)
			if string(got) != want || err != nil {
				t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
			}
		}
		for text, want := range map[string]Kind{
			"missing": KindNotFound, "b": KindNotFolder, "b/": KindNotFolder, "b/x": KindNotFolder,
			"fifo": KindNotFolder, "l-up": KindDenied, "l-out": KindDenied, "l-loop": KindNotFound,
			"l-absolute": KindDenied, "l-fifo": KindNotFolder,
		} {
			if got, err := r.List(name(t, r, text), listMax); KindOf(err) != want || got != nil {
				t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
			}
		}
		// Every line can be asked for.
		for line := range strings.Lines(want) {
			line = strings.TrimSuffix(line, "\n")
			n := name(t, r, line)
			if text, folder := strings.CutSuffix(line, "/"); folder {
				_, err := r.List(name(t, r, text), listMax)
				check(t, err)
			} else if text, err := fetch(r, n); text != "x" || err != nil {
				t.Errorf("%q is listed, and get has %q, %v", line, text, err)
			}
		}
		r = open(t, dir, Options{Dotfiles: true})
		got, err := r.List(Name{}, listMax)
		if string(got) != " \n.folder/\n.hidden\n"+want[2:] || err != nil {
			t.Errorf("with dotfiles: got %q, %v", got, err)
		}
	})
}

func TestNamesTooLongWithTheirFolderAreNotListed(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		r := open(t, scratch(t), Options{})
		folder := name(t, r, strings.Repeat("x/", 2000))
		for length, want := range map[int]bool{1: true, 96: true, 97: false, 255: false} {
			if got := r.lists(folder, strings.Repeat("y", length)); got != want {
				t.Errorf("%d bytes: %t", length, got)
			}
		}
		if !r.lists(Name{}, strings.Repeat("y", 255)) {
			t.Error("255 bytes in the root are not listed")
		}
	})
}

func TestListIsQuickWithManyNames(t *testing.T) {
	if testing.Short() {
		t.Skip("making so many files takes seconds")
	}
	const files = 50_000
	dir := t.TempDir()
	for i := range files {
		check(t, os.WriteFile(fmt.Sprintf("%s/file-%d", dir, i), nil, 0o666))
	}
	eachWay(t, func(t *testing.T, open openFunc) {
		r := open(t, dir, Options{})
		start := time.Now()
		text, err := r.List(Name{}, listMax)
		took := time.Since(start)
		if err != nil || strings.Count(string(text), "\n") != files {
			t.Fatalf("got %d lines, %v", strings.Count(string(text), "\n"), err)
		}
		t.Logf("%d names took %v", files, took)
		if took > 5*time.Second { // Some 50 ms, however slow the machine: never a stat a name.
			t.Fatalf("%d names took %v", files, took)
		}
	})
}

// A listing that fits exactly is given, and occupies no more than it may; one byte less and it is
// too large, not cut short.
func TestListHoldsItsLimit(t *testing.T) {
	dir := scratch(t)
	const names = readDirNames + 1 // more than one look at the folder fetches
	var limit int64
	for i := range names {
		base := fmt.Sprintf("name-%05d", i)
		write(t, dir+"/"+base, "")
		limit += int64(len(base) + len("/\n"))
	}
	eachWay(t, func(t *testing.T, open openFunc) {
		r := open(t, dir, Options{})
		text, err := r.List(Name{}, limit)
		if err != nil || strings.Count(string(text), "\n") != names || int64(cap(text)) > limit {
			t.Errorf("%d lines in %d bytes of %d, %v", strings.Count(string(text), "\n"),
				cap(text), limit, err)
		}
		text, err = r.List(Name{}, limit-1)
		if text != nil || KindOf(err) != KindTooLarge {
			t.Errorf("a byte less: %d bytes, %v", len(text), err)
		}
	})
}
