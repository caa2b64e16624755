package dir_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ferry/codec"
	"ferry/fsio"
)

// world is one run of the script: a root whose calls fail as they are told to, and what should be
// on the disk.
type world struct {
	t       *testing.T
	dir     string
	r       fsio.Store
	files   map[string]string
	folders map[string]bool
	cache   *fsio.SumCache
	part    string
}

// step is one line of the script.
type step struct {
	text string
	do   func(w *world) error
	// then is what it changes when it succeeds.
	then func(w *world)
	// without is what it returns when nothing fails.
	without func(w *world) fsio.Kind
}

// big is stored in pieces.
var big = strings.Repeat("0123456789abcdef", 640)

const bigPiece = 4 << 10

func put(path, text string, o fsio.CommitOptions) step {
	return step{
		text: fmt.Sprintf("put %s %+v", path, o),
		do: func(w *world) error {
			return w.r.StoreSmall(name(w.t, path), []byte(text), o)
		},
		then: func(w *world) { w.files[path] = text },
		without: func(w *world) fsio.Kind {
			if _, taken := w.files[path]; taken && o.NoReplace {
				return fsio.KindExists
			}
			return fsio.KindNone
		},
	}
}

func move(from, to string, o fsio.CommitOptions) step {
	return step{
		text: "mv " + from + " " + to,
		do: func(w *world) error {
			return w.r.Rename(name(w.t, from), name(w.t, to), o)
		},
		then: func(w *world) {
			w.files[to] = w.files[from]
			delete(w.files, from)
		},
		without: func(w *world) fsio.Kind {
			if folder, _, _ := strings.Cut(to, "/"); !w.folders[folder] {
				return fsio.KindNotFound
			}
			return w.missing(from)
		},
	}
}

func (w *world) missing(path string) fsio.Kind {
	if _, there := w.files[path]; there || w.folders[path] {
		return fsio.KindNone
	}
	return fsio.KindNotFound
}

// script is what a server does in a day.
var script = []step{
	{
		text: "mkdir e", do: func(w *world) error { return w.r.Mkdir(name(w.t, "e")) },
		then: func(w *world) { w.folders["e"] = true },
	},
	put("d/small", "small", fsio.CommitOptions{}),
	put("d/old", "new", fsio.CommitOptions{Durable: true}),
	put("d/kept", "refused", fsio.CommitOptions{NoReplace: true}),
	{
		text: "put d/big by splice",
		do:   func(w *world) error { return w.putBig("d/big") },
		then: func(w *world) { w.files["d/big"] = big },
	},
	{text: "put d/never, given up", do: func(w *world) error { return w.giveUp("d/never") }},
	{text: "get d/kept", do: func(w *world) error { return w.get("d/kept") }},
	{text: "get d/kept cached", do: func(w *world) error { return w.getCached("d/kept") }},
	{text: "sum d/kept", do: func(w *world) error { return w.sum("d/kept") }},
	{text: "stat d", do: func(w *world) error { return w.stat("d") }},
	{text: "ls d", do: func(w *world) error { return w.list(fsio.NamesOnly) }},
	{text: "ls -l d", do: func(w *world) error { return w.list(fsio.AllDetails) }},
	move("d/small", "d/moved", fsio.CommitOptions{}),
	move("d/moved", "e/moved", fsio.CommitOptions{NoReplace: true}),
	{
		text: "rm e/moved",
		do:   func(w *world) error { return w.r.Remove(name(w.t, "e/moved")) },
		then: func(w *world) { delete(w.files, "e/moved") },
		without: func(w *world) fsio.Kind {
			return w.missing("e/moved")
		},
	},
	{
		text: "rmdir e",
		do:   func(w *world) error { return w.r.Rmdir(name(w.t, "e")) },
		then: func(w *world) { delete(w.folders, "e") },
		without: func(w *world) fsio.Kind {
			if w.missing("e/moved") == fsio.KindNone {
				return fsio.KindNotEmpty
			}
			return w.missing("e")
		},
	},
	{text: "newpart d/part", do: func(w *world) error { return w.newPart("d/part") }},
	{text: "putpart, broken off", do: func(w *world) error { return w.goOn("hello ") }},
	{
		text: "putpart to the end",
		do:   func(w *world) error { return w.finish("hello ", "world") },
		then: func(w *world) {
			if w.part != "" {
				w.files["d/part"] = "hello world"
			}
		},
	},
	{text: "newpart d/dropped", do: func(w *world) error { return w.newPart("d/dropped") }},
	{text: "droppart", do: func(w *world) error { return w.drop() }},
	{text: "sweep", do: func(w *world) error { _, err := w.r.Sweep(); return err }},
	{text: "sweep parts", do: func(w *world) error { _, err := w.r.SweepParts(); return err }},
	{text: "free", do: func(w *world) error { _, err := w.r.Free(); return err }},
}

// putBig stores as the server does: out of a pipe, with blocks set aside, and by plain writes where
// splice is not to be had.
func (w *world) putBig(path string) error {
	p, err := w.r.Create(name(w.t, path), fsio.CreateOptions{})
	if err != nil {
		return err
	}
	in, out, err := os.Pipe()
	if err != nil {
		w.t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	err = p.Allocate(0, int64(len(big)))
	for off := 0; err == nil && off < len(big); {
		piece := big[off:min(off+bigPiece, len(big))]
		_, err = out.WriteString(piece)
		if err != nil {
			w.t.Fatal(err)
		}
		n, failed := p.SpliceFrom(int(in.Fd()), int64(off), len(piece))
		if off += n; fsio.KindOf(failed) == fsio.KindUnsupported {
			rest := make([]byte, len(piece)-n)
			if _, err := io.ReadFull(in, rest); err != nil {
				w.t.Fatal(err)
			}
			n, failed = p.WriteAt(rest, int64(off))
			off += n
		}
		err = failed
	}
	if err != nil {
		return errors.Join(err, p.Abort())
	}
	return p.Commit(fsio.CommitOptions{})
}

func (w *world) giveUp(path string) error {
	p, err := w.r.Create(name(w.t, path), fsio.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = p.WriteAt([]byte("half"), 0)
	return errors.Join(err, p.Abort())
}

// get reads the file, and wants all of it or an error.
func (w *world) get(path string) (err error) {
	var f fsio.File
	if err := w.r.Open(&f, name(w.t, path)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.ReadAhead(0, f.Size(), make([]byte, 1<<10)); err != nil {
		return err
	}
	got := make([]byte, f.Size())
	if _, err := f.ReadAt(got, 0); err != nil {
		return err
	}
	if string(got) != w.files[path] {
		w.t.Fatalf("got %d bytes of %s, want %d", len(got), path, len(w.files[path]))
	}
	return nil
}

func (w *world) getCached(path string) error {
	var f fsio.File
	err := w.r.OpenCached(&f, name(w.t, path))
	if errors.Is(err, fsio.ErrWouldBlock) {
		return w.get(path)
	}
	if err != nil {
		return err
	}
	got := make([]byte, f.Size())
	_ = f.Cached(0, f.Size())
	n, err := f.ReadCached(got, 0)
	if err == nil && string(got) != w.files[path] {
		w.t.Fatalf("got %d bytes of %s", n, path)
	}
	if errors.Is(err, fsio.ErrWouldBlock) {
		return errors.Join(f.Close(), w.get(path))
	}
	return errors.Join(err, f.Close())
}

func (w *world) sum(path string) (err error) {
	var f fsio.File
	if err := w.r.Open(&f, name(w.t, path)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	d, err := w.cache.Sum(nil, &f, codec.AlgoXXH3, 0, -1)
	if err == nil && d.Size != int64(len(w.files[path])) {
		w.t.Fatalf("the sum of %d bytes", d.Size)
	}
	return err
}

func (w *world) stat(path string) error {
	info, err := w.r.Stat(name(w.t, path))
	if err == nil && info.Kind != fsio.EntryFolder {
		w.t.Fatalf("got %v", info)
	}
	return err
}

func (w *world) list(details fsio.Details) error {
	l, err := w.r.Entries(name(w.t, "d"), details)
	if err != nil {
		return err
	}
	defer l.Close()
	var names []string
	page := make([]fsio.Entry, 1)
	for err == nil {
		var n int
		if n, err = l.Next(page); n > 0 {
			names = append(names, page[0].Name)
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if !slices.Contains(names, "kept") || strings.Contains(fmt.Sprint(names), ".ferry") {
		w.t.Fatalf("listed %q", names)
	}
	return nil
}

func (w *world) newPart(path string) (err error) {
	w.part, err = w.r.NewPart(name(w.t, path), fsio.PartOptions{})
	return err
}

// goOn adds to the part, if there is one.
func (w *world) goOn(text string) error {
	if w.part == "" {
		return nil
	}
	p, err := w.r.OpenPart(w.part)
	if err != nil {
		return err
	}
	_, err = p.WriteAt([]byte(text), p.Size())
	return errors.Join(err, p.Close())
}

// finish starts over with what is there, as a client does whose sum does not agree.
func (w *world) finish(kept, rest string) error {
	if w.part == "" {
		return nil
	}
	p, err := w.r.OpenPart(w.part)
	if err != nil {
		return err
	}
	if _, err := fsio.Sum(nil, p, codec.AlgoSHA256, 0, -1); err != nil {
		return errors.Join(err, p.Close())
	}
	whole := kept + rest
	if _, err := p.WriteAt([]byte(whole[p.Size():]), p.Size()); err != nil {
		return errors.Join(err, p.Close())
	}
	return p.Commit(fsio.CommitOptions{Durable: true})
}

func (w *world) drop() error {
	if w.part == "" {
		return nil
	}
	p, err := w.r.OpenPart(w.part)
	if err != nil {
		return err
	}
	return p.Drop()
}

// wantDisk compares the disk with what should be there, our own hidden files aside.
func (w *world) wantDisk(after string) {
	w.t.Helper()
	var got, want []string
	err := filepath.WalkDir(w.dir, func(path string, e os.DirEntry, err error) error {
		line := strings.TrimPrefix(path, w.dir+"/")
		switch {
		case err != nil || path == w.dir:
			return err
		case e.IsDir() && strings.HasPrefix(e.Name(), ".ferry-"):
			return filepath.SkipDir
		case strings.HasPrefix(e.Name(), ".ferry-"):
			return nil
		case e.IsDir():
			line += "/"
		default:
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += " " + string(text)
		}
		got = append(got, line)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for path, text := range w.files {
		want = append(want, path+" "+text)
	}
	for path := range w.folders {
		want = append(want, path+"/")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Fatalf("after %s: the disk holds %.200q, want %.200q", after, got, want)
	}
}
