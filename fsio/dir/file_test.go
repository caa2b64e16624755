package dir

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"ferry/fsio"
)

func TestOpenReadsPlainFiles(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/a/b", "0123456789")
		write(t, dir+"/empty", "")
		when := time.Date(2001, 2, 3, 4, 5, 6, 7000, time.UTC)
		check(t, os.Chtimes(dir+"/a/b", when, when))
		r := open(t, dir, Options{})
		var f fsio.File
		if f.FD() != -1 {
			t.Fatalf("the zero File has descriptor %d", f.FD())
		}
		n := name(t, r, "a/b")
		check(t, r.Open(&f, n))
		if f.Size() != 10 || !f.ModTime().Equal(when) || f.Name() != n || f.FD() < 0 {
			t.Fatalf("got size %d, time %v, name %q, descriptor %d",
				f.Size(), f.ModTime(), f.Name(), f.FD())
		}
		buf := make([]byte, 20)
		for _, c := range []struct {
			length, off, want int
			err               error
		}{
			{10, 0, 10, nil},
			{4, 3, 4, nil},
			{20, 0, 10, io.EOF},
			{5, 8, 2, io.EOF},
			{1, 10, 0, io.EOF},
			{1, 99, 0, io.EOF},
			{0, 0, 0, nil},
		} {
			got, err := f.ReadAt(buf[:c.length], int64(c.off))
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("ReadAt(%d, %d): got %d, %v; want %d, %v",
					c.length, c.off, got, err, c.want, c.err)
			}
			got, err = f.ReadCached(buf[:c.length], int64(c.off))
			if !errors.Is(err, fsio.ErrWouldBlock) && (got != c.want || !errors.Is(err, c.err)) {
				t.Errorf("ReadCached(%d, %d): got %d, %v; want %d, %v",
					c.length, c.off, got, err, c.want, c.err)
			}
		}
		check(t, f.ReadAhead(0, 10, make([]byte, 3)))
		check(t, f.ReadAhead(5, 1000, make([]byte, 3)))
		check(t, f.ReadAhead(0, 10, nil))
		if !f.Cached(10, 5) && !r.options.Portable {
			t.Error("what lies past the end is not cached")
		}
		check(t, f.Close())
		check(t, f.Close())
		if f.FD() != -1 {
			t.Fatalf("a closed File has descriptor %d", f.FD())
		}
		check(t, r.Open(&f, name(t, r, "empty")))
		if n, err := f.ReadAt(buf, 0); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("empty file: got %d, %v", n, err)
		}
		defer func() {
			if recover() == nil {
				t.Error("an open File was opened again")
			}
			check(t, f.Close())
		}()
		_ = r.Open(&f, n)
	})
}

func TestFilesThatShrinkEndEarly(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/a", "0123456789")
		r := open(t, dir, Options{})
		var f fsio.File
		check(t, r.Open(&f, name(t, r, "a")))
		defer f.Close()
		check(t, os.Truncate(dir+"/a", 4))
		buf := make([]byte, 10)
		if n, err := f.ReadAt(buf, 0); n != 4 || !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt: got %d, %v", n, err)
		}
		if _, err := f.ReadCached(buf, 0); !errors.Is(err, fsio.ErrWouldBlock) {
			t.Errorf("ReadCached cannot know whether it shrank, and said %v", err)
		}
		check(t, f.ReadAhead(0, 10, buf))
	})
}

func TestOpenErrors(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/plain", "x")
		write(t, dir+"/.hidden", "x")
		check(t, os.Mkdir(dir+"/folder", 0o777))
		link(t, "../secret", dir+"/out")
		link(t, dir+"/plain", dir+"/absolute")
		link(t, "loop", dir+"/loop")
		link(t, "nowhere", dir+"/dangling")
		link(t, "folder", dir+"/tofolder")
		link(t, "folder/../plain", dir+"/toplain")
		link(t, ".hidden", dir+"/tohidden")
		link(t, "../root/plain", dir+"/outandin")
		r := open(t, dir, Options{})
		for text, want := range map[string]fsio.Kind{
			"plain": fsio.KindNone, "toplain": fsio.KindNone, "tohidden": fsio.KindNone,
			"missing": fsio.KindNotFound, "missing/x": fsio.KindNotFound,
			"dangling": fsio.KindNotFound,
			"loop":     fsio.KindNotFound, "folder": fsio.KindNotPlain, "": fsio.KindNotPlain,
			"plain/":   fsio.KindNotPlain,
			"tofolder": fsio.KindNotPlain, "plain/x": fsio.KindNotFolder, "out": fsio.KindDenied,
			"absolute": fsio.KindDenied, "outandin": fsio.KindDenied,
		} {
			_, err := fetch(r, name(t, r, text))
			if got := fsio.KindOf(err); got != want {
				t.Errorf("Open %q: got %q (%v), want %q", text, got, err, want)
			}
			var f fsio.File
			err = r.OpenCached(&f, name(t, r, text))
			if got := fsio.KindOf(err); got != want && got != fsio.KindWouldBlock {
				t.Errorf("OpenCached %q: got %q (%v), want %q", text, got, err, want)
			}
			check(t, f.Close())
		}
	})
}

func TestFaultsOfReadingReachTheCaller(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/a", "0123456789")
		var bad fsio.Op
		fault := func(op fsio.Op, _ fsio.Name) error {
			if op == bad {
				return syscall.EIO
			}
			return nil
		}
		r := open(t, dir, Options{Fault: fault})
		n := name(t, r, "a")
		var f fsio.File
		bad = fsio.OpOpen
		wantKind(t, r.Open(&f, n), fsio.KindIO)
		wantKind(t, r.OpenCached(&f, n), fsio.KindIO)
		bad = fsio.Op("")
		check(t, r.Open(&f, n))
		bad = fsio.OpRead
		buf := make([]byte, 4)
		_, err := f.ReadAt(buf, 0)
		wantKind(t, err, fsio.KindIO)
		_, err = f.ReadCached(buf, 0)
		wantKind(t, err, fsio.KindIO)
		wantKind(t, f.ReadAhead(0, 4, buf), fsio.KindIO)
		if f.Cached(0, 4) {
			t.Error("Cached does not ask Fault")
		}
		bad = fsio.OpClose
		wantKind(t, f.Close(), fsio.KindIO)
		check(t, f.Close())
		bad = fsio.OpList
		_, err = list(r, fsio.Name{})
		wantKind(t, err, fsio.KindIO)
		bad = fsio.OpFree
		_, err = r.Free()
		wantKind(t, err, fsio.KindIO)
	})
}

func TestFreeSpaceIsKnown(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		n, err := open(t, scratch(t), Options{}).Free()
		if err != nil || n <= 0 {
			t.Fatalf("got %d, %v", n, err)
		}
	})
}
