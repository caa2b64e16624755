package fsio_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ferry/fsio"
	"ferry/fsio/dir"
	"ferry/fsio/mem"
)

// kit makes stores of one kind, and what they cannot make themselves.
type kit struct {
	open func(t *testing.T, fault func(fsio.Op, fsio.Name) error) fsio.Store
	link func(s fsio.Store, target, name string) error // Nil without symbolic links.
}

// eachStore runs a test on every kind of store: this is the one suite for all of them.
func eachStore(t *testing.T, test func(t *testing.T, k kit)) {
	t.Helper()
	paths := map[fsio.Store]string{}
	folder := func(portable bool) kit {
		return kit{
			func(t *testing.T, fault func(fsio.Op, fsio.Name) error) fsio.Store {
				path := t.TempDir()
				s, err := dir.Open(path, dir.Options{Portable: portable, Fault: fault, PartsMax: 3})
				check(t, err)
				t.Cleanup(func() { check(t, s.Close()) })
				paths[s] = path
				return s
			},
			func(s fsio.Store, target, name string) error {
				return os.Symlink(target, paths[s]+"/"+name)
			},
		}
	}
	for name, k := range map[string]kit{
		"dir": folder(false), "portable": folder(true),
		"mem": {open: func(_ *testing.T, fault func(fsio.Op, fsio.Name) error) fsio.Store {
			return mem.New(mem.Options{Call: fault, PartsMax: 3})
		}},
	} {
		t.Run(name, func(t *testing.T) { test(t, k) })
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, err error, kind fsio.Kind) {
	t.Helper()
	if got := fsio.KindOf(err); got != kind {
		t.Fatalf("got %q (%v), want %q", got, err, kind)
	}
}

func at(t testing.TB, text string) fsio.Name {
	t.Helper()
	n, err := fsio.Parser{}.Parse([]byte(text))
	check(t, err)
	return n
}

func put(t testing.TB, s fsio.Store, name, text string) {
	t.Helper()
	check(t, s.StoreSmall(at(t, name), []byte(text), fsio.CommitOptions{}))
}

func get(s fsio.Store, n fsio.Name) (string, error) {
	var f fsio.File
	if err := s.Open(&f, n); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.NewSectionReader(&f, 0, f.Size()))
	return string(text), errors.Join(err, f.Close())
}

// tree writes down everything in the store: a line each.
func tree(t testing.TB, s fsio.Store, n fsio.Name) (lines []string) {
	t.Helper()
	l, err := s.Entries(n, fsio.NamesOnly)
	check(t, err)
	defer l.Close()
	page := make([]fsio.Entry, 2)
	for {
		got, err := l.Next(page)
		if errors.Is(err, io.EOF) {
			slices.Sort(lines)
			return lines
		}
		if check(t, err); got < 1 {
			t.Fatal("a page without entries")
		}
		for _, e := range page[:got] {
			inner := n.Join(e.Name)
			switch e.Kind {
			case fsio.EntryFolder:
				lines = append(append(lines, inner.String()+"/"), tree(t, s, inner)...)
			case fsio.EntryFile:
				text, err := get(s, inner)
				check(t, err)
				lines = append(lines, inner.String()+" "+text)
			case fsio.EntryLink, fsio.EntryOther:
				lines = append(lines, inner.String()+" link")
			}
		}
	}
}

func wantTree(t testing.TB, s fsio.Store, want ...string) {
	t.Helper()
	if got := tree(t, s, fsio.Name{}); !slices.Equal(got, want) {
		t.Fatalf("the store holds %q, want %q", got, want)
	}
}

func TestStoreOpensPlainFiles(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		s := k.open(t, nil)
		check(t, s.Mkdir(at(t, "d")))
		put(t, s, "d/a", "0123456789")
		for name, kind := range map[string]fsio.Kind{
			"": fsio.KindNotPlain, "d": fsio.KindNotPlain, "d/a/": fsio.KindNotPlain,
			"d/b": fsio.KindNotFound, "e/a": fsio.KindNotFound, "d/a/x": fsio.KindNotFolder,
		} {
			_, err := get(s, at(t, name))
			want(t, err, kind)
		}
		var f fsio.File
		check(t, s.Open(&f, at(t, "d/a")))
		if f.Size() != 10 || f.Name() != at(t, "d/a") || time.Since(f.ModTime()) > time.Minute {
			t.Errorf("%d bytes of %v, changed %v", f.Size(), f.Name(), f.ModTime())
		}
		piece := make([]byte, 4)
		n, err := f.ReadAt(piece, 8)
		if n != 2 || !errors.Is(err, io.EOF) || string(piece[:n]) != "89" {
			t.Errorf("at the end: %d, %v", n, err)
		}
		n, err = f.ReadCached(piece, 3)
		if err == nil && string(piece[:n]) != "3456" ||
			err != nil && !errors.Is(err, fsio.ErrWouldBlock) {
			t.Errorf("cached: %q, %v", piece[:n], err)
		}
		_ = f.Cached(0, 10)
		check(t, f.ReadAhead(0, 10, piece))
		put(t, s, "d/a", "replaced") // Who has the old file open reads it to its end.
		if text, err := io.ReadAll(io.NewSectionReader(&f, 0, 10)); string(text) != "0123456789" {
			t.Errorf("got %q, %v", text, err)
		}
		check(t, f.Close())
		if check(t, f.Close()); f.FD() != -1 {
			t.Errorf("descriptor %d of a closed file", f.FD())
		}
		switch err := s.OpenCached(&f, at(t, "d/a")); {
		case err == nil:
			check(t, f.Close())
		case !errors.Is(err, fsio.ErrWouldBlock):
			t.Error(err)
		}
	})
}

func TestStoreListsFoldersByPages(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		s := k.open(t, nil)
		check(t, s.Mkdir(at(t, "d")))
		var names []string
		for i := range 50 {
			names = append(names, fmt.Sprintf("%02d", i))
			put(t, s, names[i], strings.Repeat("x", i))
		}
		for _, details := range []fsio.Details{fsio.NamesOnly, fsio.AllDetails} {
			l, err := s.Entries(fsio.Name{}, details)
			check(t, err)
			var got []string
			inodes := map[uint64]bool{}
			page := make([]fsio.Entry, 7)
			n := 0
			for ; err == nil; n, err = l.Next(page) {
				for _, e := range page[:n] {
					got = append(got, e.Name)
					inodes[e.Inode] = true
					if folder := e.Name == "d"; (e.Kind == fsio.EntryFolder) != folder ||
						bool(details) && !folder && fmt.Sprintf("%02d", e.Size) != e.Name {
						t.Errorf("%+v", e)
					}
				}
			}
			slices.Sort(got)
			if !errors.Is(err, io.EOF) || !slices.Equal(got, append(names, "d")) {
				t.Errorf("got %q, %v", got, err)
			}
			if details == fsio.AllDetails && len(inodes) != 51 {
				t.Errorf("%d inodes", len(inodes))
			}
			l.Close()
		}
		for name, kind := range map[string]fsio.Kind{
			"01": fsio.KindNotFolder, "e": fsio.KindNotFound, "01/x": fsio.KindNotFolder,
		} {
			_, err := s.Entries(at(t, name), fsio.NamesOnly)
			want(t, err, kind)
		}
	})
}

func TestStoreUploadsAreAtomic(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		s := k.open(t, nil)
		put(t, s, "a", "old")
		for _, name := range []string{"a", "b"} {
			u, err := s.Create(at(t, name), fsio.CreateOptions{})
			check(t, err)
			check(t, u.Allocate(0, 100))
			for i, piece := range []string{"world", "hello "} { // In any order.
				_, err = u.WriteAt([]byte(piece), int64(6-6*i))
				check(t, err)
			}
			if n, err := u.SpliceFrom(-1, 11, 0); n != 0 || err != nil {
				want(t, err, fsio.KindUnsupported)
			}
			before := tree(t, s, fsio.Name{})
			if name == "a" {
				wantTree(t, s, "a old")
			}
			check(t, u.Commit(fsio.CommitOptions{}))
			check(t, u.Commit(fsio.CommitOptions{}))
			check(t, u.Abort())
			if slices.Equal(before, tree(t, s, fsio.Name{})) || u.Name() != at(t, name) {
				t.Error("nothing changed")
			}
			_, err = u.WriteAt([]byte("x"), 0)
			want(t, err, fsio.KindIO)
			u, err = s.Create(at(t, name), fsio.CreateOptions{})
			check(t, err)
			_, err = u.WriteAt([]byte("never"), 0)
			check(t, errors.Join(err, u.Abort(), u.Abort()))
			if u.Commit(fsio.CommitOptions{}) == nil {
				t.Error("Commit after Abort says that it stored something")
			}
		}
		wantTree(t, s, "a hello world", "b hello world")
	})
}

func TestStoreReplacesOnlyWhatItMay(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		s := k.open(t, nil)
		check(t, s.Mkdir(at(t, "d")))
		put(t, s, "a", "old")
		keep := fsio.CommitOptions{NoReplace: true}
		_, err := s.Create(at(t, "a"), fsio.CreateOptions{NoReplace: true})
		want(t, err, fsio.KindExists)
		want(t, s.StoreSmall(at(t, "a"), nil, keep), fsio.KindExists)
		early, err := s.Create(at(t, "b"), fsio.CreateOptions{NoReplace: true})
		check(t, err)
		late, err := s.Create(at(t, "b"), fsio.CreateOptions{})
		check(t, err)
		put(t, s, "b", "taken meanwhile")
		want(t, early.Commit(fsio.CommitOptions{}), fsio.KindExists)
		want(t, late.Commit(keep), fsio.KindExists)
		for name, kind := range map[string]fsio.Kind{
			"": fsio.KindNotPlain, "d": fsio.KindNotPlain, "a/": fsio.KindNotPlain,
			"e/a": fsio.KindNotFound, "a/x": fsio.KindNotFolder,
		} {
			_, err := s.Create(at(t, name), fsio.CreateOptions{})
			want(t, err, kind)
			want(t, s.StoreSmall(at(t, name), nil, fsio.CommitOptions{}), kind)
			_, err = s.NewPart(at(t, name), fsio.PartOptions{})
			want(t, err, kind)
		}
		wantTree(t, s, "a old", "b taken meanwhile", "d/")
	})
}

func TestStoreKeepsParts(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		s := k.open(t, nil)
		put(t, s, "a", "old")
		check(t, s.Mkdir(at(t, "d")))
		ids := map[string]string{}
		for _, name := range []string{"a", "d/b", "dropped"} {
			id, err := s.NewPart(at(t, name), fsio.PartOptions{})
			if check(t, err); !fsio.IsID(id) {
				t.Errorf("the id is %q", id)
			}
			ids[name] = id
			p, err := s.OpenPart(id)
			check(t, err)
			_, err = s.OpenPart(id)
			want(t, err, fsio.KindBusy)
			if kept, held := s.Parts(); kept != len(ids) || held != 1 {
				t.Errorf("%d parts, %d held", kept, held)
			}
			_, err = p.WriteAt([]byte("hello "), 0)
			check(t, err)
			for _, off := range []int64{0, 5, 7} {
				_, err = p.WriteAt([]byte("x"), off)
				want(t, err, fsio.KindOffset)
			}
			check(t, errors.Join(p.Close(), p.Close()))
		}
		_, err := s.NewPart(at(t, "more"), fsio.PartOptions{})
		want(t, err, fsio.KindTooMany)
		wantTree(t, s, "a old", "d/")

		p, err := s.OpenPart(ids["dropped"])
		check(t, err)
		text := make([]byte, p.Size())
		_, err = p.ReadAt(text, 0)
		if check(t, err); string(text) != "hello " {
			t.Errorf("kept %q", text)
		}
		check(t, errors.Join(p.Drop(), p.Drop()))
		_, err = s.OpenPart(ids["dropped"])
		want(t, err, fsio.KindNotFound)

		check(t, s.Rename(at(t, "d"), at(t, "moved"), fsio.CommitOptions{}))
		p, err = s.OpenPart(ids["d/b"])
		check(t, err)
		err = p.Commit(fsio.CommitOptions{})
		if want(t, err, fsio.KindNotFound); !strings.HasSuffix(err.Error(), ": no such folder") {
			t.Errorf("got %v", err)
		}
		check(t, s.Rename(at(t, "moved"), at(t, "d"), fsio.CommitOptions{}))
		for _, name := range []string{"a", "d/b"} {
			p, err := s.OpenPart(ids[name])
			check(t, err)
			_, err = p.WriteAt([]byte("world"), p.Size())
			check(t, errors.Join(err, p.Commit(fsio.CommitOptions{})))
		}
		if kept, held := s.Parts(); kept != 0 || held != 0 {
			t.Errorf("%d parts, %d held", kept, held)
		}
		wantTree(t, s, "a hello world", "d/", "d/b hello world")
	})
}

func TestStoreChangesNames(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		s := k.open(t, nil)
		move := func(from, to string, o fsio.CommitOptions) error {
			return s.Rename(at(t, from), at(t, to), o)
		}
		keep := fsio.CommitOptions{NoReplace: true}
		check(t, errors.Join(s.Mkdir(at(t, "d")), s.Mkdir(at(t, "d/e/")), s.Mkdir(at(t, "f"))))
		put(t, s, "a", "a")
		put(t, s, "d/b", "b")
		for _, c := range []struct {
			err  error
			kind fsio.Kind
		}{
			{s.Mkdir(at(t, "")), fsio.KindExists},
			{s.Mkdir(at(t, "a")), fsio.KindExists},
			{s.Mkdir(at(t, "x/y")), fsio.KindNotFound},
			{s.Mkdir(at(t, "a/y")), fsio.KindNotFolder},
			{s.Rmdir(at(t, "")), fsio.KindDenied},
			{s.Rmdir(at(t, "d")), fsio.KindNotEmpty},
			{s.Rmdir(at(t, "a")), fsio.KindNotFolder},
			{s.Rmdir(at(t, "x")), fsio.KindNotFound},
			{s.Remove(at(t, "d")), fsio.KindNotPlain},
			{s.Remove(at(t, "a/")), fsio.KindNotPlain},
			{s.Remove(at(t, "x")), fsio.KindNotFound},
			{move("x", "y", keep), fsio.KindNotFound},
			{move("a", "x/y", keep), fsio.KindNotFound},
			{move("a", "d/b", keep), fsio.KindExists},
			{move("a", "d", fsio.CommitOptions{}), fsio.KindExists},
			{move("d", "a", fsio.CommitOptions{}), fsio.KindExists},
			{move("d", "f", fsio.CommitOptions{}), fsio.KindExists},
			{move("d", "d/e/g", fsio.CommitOptions{}), fsio.KindBadName},
			{move("", "g", fsio.CommitOptions{}), fsio.KindDenied},
			{move("a", "", fsio.CommitOptions{}), fsio.KindExists},
			{move("a", "g/", fsio.CommitOptions{}), fsio.KindNotFolder},
			{move("a", "a", fsio.CommitOptions{}), fsio.KindNone},
		} {
			want(t, c.err, c.kind)
		}
		wantTree(t, s, "a a", "d/", "d/b b", "d/e/", "f/")
		check(t, errors.Join(
			move("a", "d/b", fsio.CommitOptions{}), move("d/b", "f/c", keep),
			move("d/e", "e", keep), s.Rmdir(at(t, "d"))))
		wantTree(t, s, "e/", "f/", "f/c a")
		check(t, errors.Join(s.Remove(at(t, "f/c")), s.Rmdir(at(t, "f/"))))
		wantTree(t, s, "e/")
	})
}

func TestStoreDescribesAndChangesFiles(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		s := k.open(t, nil)
		check(t, s.Mkdir(at(t, "d")))
		put(t, s, "d/a", "12345")
		then := time.Date(2001, 2, 3, 4, 5, 6, 7000, time.UTC)
		keeps := fsio.KindOf(s.SetMeta(at(t, "d"), fsio.Meta{})) != fsio.KindUnsupported
		for name, size := range map[string]int64{"d/a": 5, "d": 0, "": 0} {
			mode := fs.FileMode(0o640)
			if size == 0 {
				mode = 0o750
			}
			if keeps {
				check(t, s.SetMeta(at(t, name), fsio.Meta{ModTime: then}))
				err := s.SetMeta(at(t, name), fsio.Meta{Mode: mode, SetMode: true})
				if name == "" {
					want(t, err, fsio.KindDenied)
				} else {
					check(t, err)
				}
			}
			e, err := s.Stat(at(t, name))
			if err != nil || e.Size != size || (e.Kind == fsio.EntryFolder) != (size == 0) ||
				keeps && (!e.ModTime.Equal(then) || name != "" && e.Mode != mode) {
				t.Errorf("%q: %+v, %v", name, e, err)
			}
		}
		for name, kind := range map[string]fsio.Kind{
			"x": fsio.KindNotFound, "d/a/": fsio.KindNotFolder, "d/a/x": fsio.KindNotFolder,
		} {
			_, err := s.Stat(at(t, name))
			want(t, err, kind)
			if keeps {
				want(t, s.SetMeta(at(t, name), fsio.Meta{ModTime: then}), kind)
			}
		}
		err := s.SetMeta(at(t, "d/a"), fsio.Meta{Mode: fs.ModeSetuid | 0o755, SetMode: true})
		want(t, err, fsio.KindUnsupported)
		if free, err := s.Free(); free < 1 || err != nil {
			t.Errorf("%d bytes are free, %v", free, err)
		}
	})
}

func TestStoreFollowsLinksWithinIt(t *testing.T) {
	eachStore(t, func(t *testing.T, k kit) {
		if k.link == nil {
			t.Skip("no links here")
		}
		s := k.open(t, nil)
		put(t, s, "a", "text")
		check(t, s.Mkdir(at(t, "d")))
		for name, target := range map[string]string{"toa": "a", "tod": "d", "out": "../.."} {
			check(t, k.link(s, target, name))
		}
		put(t, s, "tod/b", "through a link")
		if text, err := get(s, at(t, "toa")); text != "text" || err != nil {
			t.Errorf("got %q, %v", text, err)
		}
		_, err := s.Entries(at(t, "out"), fsio.NamesOnly)
		want(t, err, fsio.KindDenied)
		l, err := s.Entries(fsio.Name{}, fsio.AllDetails)
		check(t, err)
		page := make([]fsio.Entry, 10)
		n, err := l.Next(page)
		l.Close()
		for _, e := range page[:n] {
			if (e.Target != "") != (e.Kind == fsio.EntryLink) ||
				e.Name == "tod" && e.Target != "d" {
				t.Errorf("%+v, %v", e, err)
			}
		}
		put(t, s, "toa", "replaces the link")
		check(t, s.Remove(at(t, "tod")))
		wantTree(t, s, "a text", "d/", "d/b through a link", "out link", "toa replaces the link")
	})
}
