package fsio

import (
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// keep makes a part for the name and writes the text to it.
func keep(t testing.TB, r *Root, path, text string) string {
	t.Helper()
	id, err := r.NewPart(name(t, r, path), PartOptions{})
	check(t, err)
	p, err := r.OpenPart(id)
	check(t, err)
	_, err = p.WriteAt([]byte(text), 0)
	check(t, err)
	check(t, p.Close())
	return id
}

// finish goes on with a part that holds kept, and commits it.
func finish(t testing.TB, r *Root, id, kept, rest string) {
	t.Helper()
	p, err := r.OpenPart(id)
	check(t, err)
	if p.Size() != int64(len(kept)) {
		t.Fatalf("%d bytes are kept, want %d", p.Size(), len(kept))
	}
	_, err = p.WriteAt([]byte(rest), p.Size())
	check(t, err)
	check(t, p.Commit(CommitOptions{}))
}

func wantNoParts(t testing.TB, dir string) {
	t.Helper()
	wantNoTemporaries(t, dir)
	for _, line := range tree(t, dir) {
		if strings.Contains(line, ownPrefix) {
			t.Fatalf("left behind: %q", line)
		}
	}
}

func TestPartsOutliveTheServer(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		check(t, os.MkdirAll(dir+"/a/b", 0o777))
		link(t, "a/b", dir+"/tob")
		write(t, dir+"/a/b/old", "old")
		texts := []string{"new", "a/b/new", "tob/linked", "a/b/old", strings.Repeat("x", 255)}
		var ids []string
		r := open(t, dir, Options{})
		for _, text := range texts {
			ids = append(ids, keep(t, r, text, "hello "))
		}
		for i, text := range texts {
			r := open(t, dir, Options{}) // As after a restart: it knows what is on the disk.
			if _, err := r.OpenPart(ids[i]); KindOf(err) != KindNotFound {
				t.Fatalf("before the sweep: %v", err)
			}
			if n, err := r.Sweep(); n != 0 || err != nil {
				t.Fatalf("got %d, %v", n, err)
			}
			if kept, held := r.Parts(); kept != len(texts)-i || held != 0 {
				t.Fatalf("%d parts, %d held", kept, held)
			}
			p, err := r.OpenPart(ids[i])
			check(t, err)
			want := strings.Replace(text, "tob/", "a/b/", 1)
			if p.Name().String() != want || p.ID() != ids[i] || p.FD() < 0 {
				t.Fatalf("part %q of %q, descriptor %d", p.ID(), p.Name(), p.FD())
			}
			if got, _ := os.ReadFile(dir + "/" + text); string(got) != "old" && got != nil {
				t.Fatalf("%s holds %q before Commit", text, got)
			}
			_, err = p.WriteAt([]byte("world"), 6)
			check(t, err)
			check(t, p.Commit(CommitOptions{}))
			check(t, p.Commit(CommitOptions{}))
			check(t, errors.Join(p.Close(), p.Drop()))
			if got := content(t, dir+"/"+text); got != "hello world" {
				t.Fatalf("%s holds %q", text, got)
			}
			_, err = r.OpenPart(ids[i])
			wantKind(t, err, KindNotFound)
			_, err = p.WriteAt([]byte("x"), p.Size())
			wantKind(t, err, KindIO)
			if p.FD() != -1 {
				t.Fatalf("descriptor %d after Commit", p.FD())
			}
		}
		wantNoParts(t, dir)
	})
}

func TestOneHasThePartAtATime(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r, other := open(t, dir, Options{}), open(t, dir, Options{})
		id := keep(t, r, "a", "text")
		_, err := other.Sweep()
		check(t, err)
		p, err := r.OpenPart(id)
		check(t, err)
		for _, s := range []*Root{r, other} {
			_, err := s.OpenPart(id)
			wantKind(t, err, KindBusy)
		}
		if kept, held := r.Parts(); kept != 1 || held != 1 {
			t.Fatalf("%d kept, %d held", kept, held)
		}
		check(t, p.Close())
		q, err := other.OpenPart(id)
		check(t, err)
		_, err = r.OpenPart(id)
		wantKind(t, err, KindBusy)
		check(t, q.Drop())
		check(t, q.Drop())
		for _, s := range []*Root{r, other} {
			_, err := s.OpenPart(id)
			wantKind(t, err, KindNotFound)
		}
		if kept, _ := r.Parts(); kept != 0 {
			t.Fatalf("%d kept", kept)
		}
		wantNoParts(t, dir)
	})
}

// TestRivalsForAPartWriteOneText lets many openers, of two servers, append to one part.
func TestRivalsForAPartWriteOneText(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		roots := []*Root{open(t, dir, Options{}), open(t, dir, Options{})}
		id := keep(t, roots[0], "a", "")
		_, err := roots[1].Sweep()
		check(t, err)
		const total = 60
		var rivals sync.WaitGroup
		var written, busy atomic.Int64
		for i := range 4 {
			rivals.Go(func() {
				for written.Load() < total {
					p, err := roots[i%2].OpenPart(id)
					if KindOf(err) == KindBusy {
						busy.Add(1)
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					if p.Size() < total {
						_, err = p.WriteAt([]byte{byte('a' + p.Size()%26)}, p.Size())
						written.Add(1)
					}
					if err = errors.Join(err, p.Close()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		rivals.Wait()
		finish(t, roots[0], id, strings.Repeat("x", total), "")
		want := strings.Repeat("abcdefghijklmnopqrstuvwxyz", 3)[:total]
		if got := content(t, dir+"/a"); got != want {
			t.Fatalf("got %q, busy %d times", got, busy.Load())
		}
	})
}

func TestBytesGoToThePartsEndAlone(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		p, err := r.OpenPart(keep(t, r, "a", "1234"))
		check(t, err)
		for _, off := range []int64{0, 3, 5, 1 << 40} {
			n, err := p.WriteAt([]byte("x"), off)
			if wantKind(t, err, KindOffset); n != 0 {
				t.Fatalf("%d bytes written", n)
			}
			_, err = p.SpliceFrom(-1, off, 1)
			wantKind(t, err, KindOffset)
		}
		check(t, p.Allocate(4, 1<<20))
		_, err = p.WriteAt([]byte("5"), 4)
		check(t, err)
		check(t, p.Close())
		finish(t, r, p.ID(), "12345", "6")
		if got := content(t, dir+"/a"); got != "123456" {
			t.Fatalf("got %q", got)
		}
	})
}

func TestPartsAreReachedByTheirIDAlone(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/a/plain", "x")
		r := open(t, dir, Options{Dotfiles: true})
		id := keep(t, r, "a/new", "text")
		if len(id) != 16 || strings.Trim(id, "0123456789abcdef") != "" {
			t.Fatalf("the id is %q", id)
		}
		folder := partFolder(id)
		if _, err := os.Lstat(dir + "/a/" + folder + "/new"); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"a/" + folder, "a/" + folder + "/new", folder} {
			if _, err := r.ParseName([]byte(text)); KindOf(err) != KindBadName {
				t.Errorf("%q: got %v", text, err)
			}
		}
		list, err := r.List(name(t, r, "a"), listMax)
		if string(list) != "plain\n" || err != nil {
			t.Errorf("listed: %q, %v", list, err)
		}
		list, err = r.ListLong(name(t, r, "a"), listMax)
		if err != nil || strings.Count(string(list), "\n") != 1 {
			t.Errorf("listed: %q, %v", list, err)
		}
		wantKind(t, r.Rmdir(name(t, r, "a")), KindNotEmpty)
		for _, other := range []string{
			"", "0", "0000000000000000", strings.ToUpper(id), id + "0",
			"../" + id, "\x00", folder,
		} {
			if _, err := r.OpenPart(other); KindOf(err) != KindNotFound && other != id {
				t.Errorf("%q: got %v", other, err)
			}
		}
		// Nor does an error tell the id.
		p, err := r.OpenPart(id)
		check(t, err)
		check(t, os.RemoveAll(dir+"/a/"+folder))
		if err := p.Commit(CommitOptions{}); err == nil || strings.Contains(err.Error(), id) {
			t.Errorf("got %v", err)
		}
		_, err = r.OpenPart(id)
		if wantKind(t, err, KindNotFound); strings.Contains(err.Error(), id) {
			t.Errorf("got %v", err)
		}
	})
}

func TestNewPartRefusesWhatCannotBeStored(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		furnish(t, dir)
		r := open(t, dir, Options{PartsMax: 2})
		for text, want := range map[string]Kind{
			"": KindNotPlain, "full": KindNotPlain, "plain/": KindNotPlain, "fifo": KindNotPlain,
			"missing/x": KindNotFound, "plain/x": KindNotFolder, "up/x": KindDenied,
		} {
			if _, err := r.NewPart(name(t, r, text), PartOptions{}); KindOf(err) != want {
				t.Errorf("%q: got %v, want %q", text, err, want)
			}
		}
		_, err := r.NewPart(name(t, r, "plain"), PartOptions{NoReplace: true})
		wantKind(t, err, KindExists)
		wantNoParts(t, dir)
		first := keep(t, r, "plain", "first")
		keep(t, r, "plain", "second")
		_, err = r.NewPart(name(t, r, "plain"), PartOptions{})
		wantKind(t, err, KindTooMany)
		p, err := r.OpenPart(first)
		check(t, err)
		wantKind(t, p.Commit(CommitOptions{NoReplace: true}), KindExists)
		finish(t, r, first, "first", "") // The refused Commit has kept it.
		keep(t, r, "plain", "third")
		readOnly := open(t, dir, Options{ReadOnly: true})
		_, err = readOnly.NewPart(name(t, r, "x"), PartOptions{})
		wantKind(t, err, KindDenied)
		_, err = readOnly.OpenPart(first)
		wantKind(t, err, KindDenied)
	})
}

func TestPartsReplaceNoDevicesOrFolders(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		ids := []string{keep(t, r, "fifo", "x"), keep(t, r, "folder", "x")}
		check(t, syscall.Mkfifo(dir+"/fifo", 0o666))
		check(t, os.Mkdir(dir+"/folder", 0o777))
		before := tree(t, dir)
		for _, id := range ids {
			p, err := r.OpenPart(id)
			check(t, err)
			wantKind(t, p.Commit(CommitOptions{}), KindNotPlain)
		}
		if got := changed(before, tree(t, dir)); got != nil {
			t.Fatalf("changed %q", got)
		}
	})
}

func TestPartsGoWithTheirFolder(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		furnish(t, dir)
		r := open(t, dir, Options{})
		ids := []string{keep(t, r, "full/new", "x"), keep(t, r, "full/sub/new", "x")}
		check(t, r.Rename(name(t, r, "full"), name(t, r, "empty/moved"), CommitOptions{}))
		finish(t, r, ids[0], "x", "y")
		if got := content(t, dir+"/empty/moved/new"); got != "xy" {
			t.Fatalf("got %q", got)
		}
		// By somebody else: a sweep finds it.
		check(t, os.Rename(dir+"/empty/moved", dir+"/there"))
		_, err := r.Sweep()
		check(t, err)
		finish(t, r, ids[1], "x", "y")
		if got := content(t, dir+"/there/sub/new"); got != "xy" {
			t.Fatalf("got %q", got)
		}
		wantNoParts(t, dir)
	})
}

// TestNoPartIsWhatItSeems plants links, FIFOs and more where a part would be.
func TestNoPartIsWhatItSeems(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/../outside/new", "outside")
		write(t, dir+"/inside/new", "inside")
		folders := make([]string, 7)
		for i := range folders {
			folders[i] = partFolder(hexadecimal(uint64(i)))
		}
		link(t, "../outside", dir+"/"+folders[0])
		link(t, "inside", dir+"/"+folders[1])
		link(t, "../../secret", dir+"/"+folders[2]+"/new")
		link(t, "../inside/new", dir+"/"+folders[3]+"/new")
		check(t, os.Mkdir(dir+"/"+folders[4], 0o777))
		check(t, syscall.Mkfifo(dir+"/"+folders[4]+"/new", 0o666))
		write(t, dir+"/"+folders[5]+"/sub/new", "x")
		write(t, dir+"/"+folders[6], "a plain file")
		before := tree(t, dir)
		r := open(t, dir, Options{PartLifetime: time.Nanosecond})
		n, err := r.Sweep()
		if kept, _ := r.Parts(); n != 0 || err != nil || kept != 0 {
			t.Fatalf("removed %d, learned %d, %v", n, kept, err)
		}
		// Even if the server believed in them.
		for i := range folders {
			id := hexadecimal(uint64(i))
			r.parts.met(id, name(t, r, "new"), inode{}, meta{}, walk{number: 1})
			p, err := r.OpenPart(id)
			if err == nil {
				t.Errorf("%s was opened: %v", folders[i], p.Close())
			}
			r.parts.met(id, name(t, r, "new"), inode{}, meta{}, walk{number: 1})
		}
		if n, err := r.SweepParts(); n != 0 || err != nil {
			t.Fatalf("removed %d, %v", n, err)
		}
		if got := changed(before, tree(t, dir)); got != nil {
			t.Fatalf("changed %q", got)
		}
	})
}

// TestPartsCommittedByHalfAreEnded is about filesystems that cannot rename without replacing: a
// server was killed when the file had both names.
func TestPartsCommittedByHalfAreEnded(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		id := keep(t, r, "a", "whole")
		check(t, os.Link(dir+"/"+partFolder(id)+"/a", dir+"/a"))
		_, err := r.OpenPart(id)
		wantKind(t, err, KindNotFound)
		if got := content(t, dir+"/a"); got != "whole" {
			t.Fatalf("got %q", got)
		}
		wantNoParts(t, dir)
	})
}

// TestLookingAtAPartDoesNotKeepIt: its lifetime counts from the last byte that came, also for one
// of which a killed server left blocks that nothing was written to.
func TestLookingAtAPartDoesNotKeepIt(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{PartLifetime: time.Hour})
		id := keep(t, r, "a", "abc")
		file := dir + "/" + partFolder(id) + "/a"
		long := time.Now().Add(-2 * time.Hour)
		check(t, os.Chtimes(file, long, long))
		p, err := r.OpenPart(id)
		check(t, err)
		check(t, p.Close())
		if info, err := os.Stat(file); err != nil || info.ModTime().After(long.Add(time.Second)) {
			t.Errorf("%v, %v", info, err)
		}
		if n, err := r.SweepParts(); n != 1 || err != nil {
			t.Errorf("%d parts went, %v", n, err)
		}
	})
}
