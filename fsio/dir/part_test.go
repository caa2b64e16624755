package dir

import (
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ferry/fsio"
)

// keep makes a part for the name and writes the text to it.
func keep(t testing.TB, r *store, path, text string) string {
	t.Helper()
	id, err := r.NewPart(name(t, r, path), fsio.PartOptions{})
	check(t, err)
	p, err := r.OpenPart(id)
	check(t, err)
	_, err = p.WriteAt([]byte(text), 0)
	check(t, err)
	check(t, p.Close())
	return id
}

// finish goes on with a part that holds kept, and commits it.
func finish(t testing.TB, r *store, id, kept, rest string) {
	t.Helper()
	p, err := r.OpenPart(id)
	check(t, err)
	if p.Size() != int64(len(kept)) {
		t.Fatalf("%d bytes are kept, want %d", p.Size(), len(kept))
	}
	_, err = p.WriteAt([]byte(rest), p.Size())
	check(t, err)
	check(t, p.Commit(fsio.CommitOptions{}))
}

// partPath is where a part's bytes are.
func partPath(dir, id string) string { return dir + "/" + fsio.ReservedParts + "/" + id }

func partIDs(r *store) (ids []string) {
	r.parts.mu.Lock()
	defer r.parts.mu.Unlock()
	for id := range r.parts.parts {
		ids = append(ids, id)
	}
	return ids
}

func wantNoParts(t testing.TB, dir string) {
	t.Helper()
	wantNoTemporaries(t, dir)
	for _, line := range tree(t, dir) {
		if strings.Contains(line, fsio.ReservedPrefix) {
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
			if _, err := r.OpenPart(ids[i]); fsio.KindOf(err) != fsio.KindNotFound {
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
			if p.Name().String() != text {
				t.Fatalf("part of %q", p.Name())
			}
			if got, _ := os.ReadFile(dir + "/" + text); string(got) != "old" && got != nil {
				t.Fatalf("%s holds %q before Commit", text, got)
			}
			_, err = p.WriteAt([]byte("world"), 6)
			check(t, err)
			check(t, p.Commit(fsio.CommitOptions{}))
			check(t, p.Commit(fsio.CommitOptions{}))
			check(t, errors.Join(p.Close(), p.Drop()))
			if got := content(t, dir+"/"+text); got != "hello world" {
				t.Fatalf("%s holds %q", text, got)
			}
			_, err = r.OpenPart(ids[i])
			wantKind(t, err, fsio.KindNotFound)
			_, err = p.WriteAt([]byte("x"), p.Size())
			wantKind(t, err, fsio.KindIO)
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
		for _, s := range []*store{r, other} {
			_, err := s.OpenPart(id)
			wantKind(t, err, fsio.KindBusy)
		}
		if kept, held := r.Parts(); kept != 1 || held != 1 {
			t.Fatalf("%d kept, %d held", kept, held)
		}
		check(t, p.Close())
		q, err := other.OpenPart(id)
		check(t, err)
		_, err = r.OpenPart(id)
		wantKind(t, err, fsio.KindBusy)
		check(t, q.Drop())
		check(t, q.Drop())
		for _, s := range []*store{r, other} {
			_, err := s.OpenPart(id)
			wantKind(t, err, fsio.KindNotFound)
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
		roots := []*store{open(t, dir, Options{}), open(t, dir, Options{})}
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
					if fsio.KindOf(err) == fsio.KindBusy {
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
		id := keep(t, r, "a", "1234")
		p, err := r.OpenPart(id)
		check(t, err)
		for _, off := range []int64{0, 3, 5, 1 << 40} {
			n, err := p.WriteAt([]byte("x"), off)
			if wantKind(t, err, fsio.KindOffset); n != 0 {
				t.Fatalf("%d bytes written", n)
			}
			_, err = p.SpliceFrom(-1, off, 1)
			wantKind(t, err, fsio.KindOffset)
		}
		check(t, p.Allocate(4, 1<<20))
		_, err = p.WriteAt([]byte("5"), 4)
		check(t, err)
		check(t, p.Close())
		finish(t, r, id, "12345", "6")
		if got := content(t, dir+"/a"); got != "123456" {
			t.Fatalf("got %q", got)
		}
	})
}

func TestPartsAreReachedByTheirIDAlone(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/a/plain", "x")
		r := open(t, dir, Options{})
		id := keep(t, r, "a/new", "text")
		if len(id) != 16 || strings.Trim(id, "0123456789abcdef") != "" {
			t.Fatalf("the id is %q", id)
		}
		if info, err := os.Lstat(dir + "/.ferry-parts"); err != nil || info.Mode().Perm() != 0o700 {
			t.Fatalf("got %v, %v", info, err)
		}
		if got := content(t, dir+"/.ferry-parts/"+id); got != "text" {
			t.Fatalf("the part holds %q", got)
		}
		for _, text := range []string{
			".ferry-parts", ".ferry-parts/" + id, ".FERRY-Parts/x", "a/.ferry-parts/x",
		} {
			if _, err := parseAny(text); fsio.KindOf(err) != fsio.KindBadName {
				t.Errorf("%q: got %v", text, err)
			}
		}
		for text, want := range map[string]string{"": "a/\n", "a": "plain\n"} {
			list, err := list(r, name(t, r, text))
			if string(list) != want || err != nil {
				t.Errorf("%q: listed %q, %v", text, list, err)
			}
			list, err = listLong(r, name(t, r, text))
			if err != nil || strings.Count(string(list), "\n") != 1 {
				t.Errorf("%q: listed %q, %v", text, list, err)
			}
		}
		for _, other := range []string{
			"", "0", "0000000000000000", strings.ToUpper(id), id + "0",
			"../" + id, "\x00", id + noteSuffix,
		} {
			if _, err := r.OpenPart(other); fsio.KindOf(err) != fsio.KindNotFound && other != id {
				t.Errorf("%q: got %v", other, err)
			}
		}
		// Nor does an error tell the id.
		p, err := r.OpenPart(id)
		check(t, err)
		check(t, os.RemoveAll(dir+"/.ferry-parts"))
		if err := p.Commit(fsio.CommitOptions{}); err == nil || strings.Contains(err.Error(), id) {
			t.Errorf("got %v", err)
		}
		_, err = r.OpenPart(id)
		if wantKind(t, err, fsio.KindNotFound); strings.Contains(err.Error(), id) {
			t.Errorf("got %v", err)
		}
	})
}

func TestNewPartRefusesWhatCannotBeStored(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		furnish(t, dir)
		r := open(t, dir, Options{PartsMax: 2})
		for text, want := range map[string]fsio.Kind{
			"": fsio.KindNotPlain, "full": fsio.KindNotPlain,
			"plain/": fsio.KindNotPlain, "fifo": fsio.KindNotPlain,
			"missing/x": fsio.KindNotFound, "plain/x": fsio.KindNotFolder, "up/x": fsio.KindDenied,
		} {
			if _, err := r.NewPart(name(t, r, text), fsio.PartOptions{}); fsio.KindOf(err) != want {
				t.Errorf("%q: got %v, want %q", text, err, want)
			}
		}
		_, err := r.NewPart(name(t, r, "plain"), fsio.PartOptions{NoReplace: true})
		wantKind(t, err, fsio.KindExists)
		wantNoParts(t, dir)
		first := keep(t, r, "plain", "first")
		keep(t, r, "plain", "second")
		_, err = r.NewPart(name(t, r, "plain"), fsio.PartOptions{})
		wantKind(t, err, fsio.KindTooMany)
		p, err := r.OpenPart(first)
		check(t, err)
		wantKind(t, p.Commit(fsio.CommitOptions{NoReplace: true}), fsio.KindExists)
		finish(t, r, first, "first", "") // The refused Commit has kept it.
		keep(t, r, "plain", "third")
		readOnly := open(t, dir, Options{ReadOnly: true})
		_, err = readOnly.NewPart(name(t, r, "x"), fsio.PartOptions{})
		wantKind(t, err, fsio.KindDenied)
		_, err = readOnly.OpenPart(first)
		wantKind(t, err, fsio.KindDenied)
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
			wantKind(t, p.Commit(fsio.CommitOptions{}), fsio.KindNotPlain)
		}
		if got := changed(before, tree(t, dir)); got != nil {
			t.Fatalf("changed %q", got)
		}
	})
}

func TestPartCommitsUnderTheNameThatItBeganWith(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		d := name(t, r, "d")
		check(t, r.Mkdir(d))
		id := keep(t, r, "d/new", "x")
		check(t, r.Rename(d, name(t, r, "moved"), fsio.CommitOptions{}))
		p, err := r.OpenPart(id)
		check(t, err)
		err = p.Commit(fsio.CommitOptions{})
		wantKind(t, err, fsio.KindNotFound)
		if !strings.HasSuffix(err.Error(), ": no such folder") {
			t.Errorf("got %q", err)
		}
		if kept, held := r.Parts(); kept != 1 || held != 0 {
			t.Fatalf("%d parts, %d held", kept, held)
		}
		check(t, r.Mkdir(d))
		finish(t, r, id, "x", "y")
		if got := content(t, dir+"/d/new"); got != "xy" {
			t.Fatalf("got %q", got)
		}
		wantNoParts(t, dir)
	})
}

func TestFolderOfAPartsNameCanBeRemoved(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		r := open(t, scratch(t), Options{})
		check(t, r.Mkdir(name(t, r, "d")))
		keep(t, r, "d/new", "x")
		check(t, r.Rmdir(name(t, r, "d")))
	})
}

// TestPartsAcrossAMountAreRefused has renames fail as they do across a mount.
func TestPartsAcrossAMountAreRefused(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		mounted := false
		r := open(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpRename && mounted {
				return syscall.EXDEV
			}
			return nil
		}})
		mounted = true
		_, err := r.NewPart(name(t, r, "a"), fsio.PartOptions{})
		wantKind(t, err, fsio.KindCrossDevice)
		wantNoParts(t, dir)
		mounted = false
		id := keep(t, r, "a", "x")
		mounted = true
		p, err := r.OpenPart(id)
		check(t, err)
		wantKind(t, p.Commit(fsio.CommitOptions{}), fsio.KindCrossDevice)
		mounted = false
		finish(t, r, id, "x", "y")
		wantNoParts(t, dir)
	})
}

// TestNoPartIsWhatItSeems plants links, FIFOs and more where a part would be.
func TestNoPartIsWhatItSeems(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/inside", "inside")
		r := open(t, dir, Options{PartLifetime: time.Nanosecond})
		ids := make([]string, 4)
		for i := range ids {
			ids[i] = keep(t, r, "new", "x")
		}
		for _, id := range ids {
			check(t, os.Remove(partPath(dir, id)))
		}
		link(t, "../../secret", partPath(dir, ids[0]))
		link(t, "../inside", partPath(dir, ids[1]))
		check(t, syscall.Mkfifo(partPath(dir, ids[2]), 0o666))
		write(t, partPath(dir, ids[3])+"/sub/new", "x")
		write(t, partPath(dir, "not-ours"), "x")
		before := tree(t, dir)
		for _, id := range ids {
			p, err := r.OpenPart(id)
			if err == nil {
				t.Errorf("%s was opened: %v", id, p.Close())
			}
		}
		again := open(t, dir, Options{PartLifetime: time.Nanosecond})
		n, err := again.Sweep()
		if kept, _ := again.Parts(); n != 0 || err != nil || kept != 0 {
			t.Fatalf("removed %d, learned %d, %v", n, kept, err)
		}
		if got := changed(before, tree(t, dir)); got != nil {
			t.Fatalf("changed %q", got)
		}
	})
}

// TestFolderOfPartsIsNoLink plants a link where the folder of parts would be.
func TestFolderOfPartsIsNoLink(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		check(t, os.Mkdir(dir+"/mine", 0o777))
		link(t, "mine", dir+"/.ferry-parts")
		r := open(t, dir, Options{})
		if id, err := r.NewPart(name(t, r, "a"), fsio.PartOptions{}); err == nil {
			t.Errorf("began %s", id)
		}
		if entries, err := os.ReadDir(dir + "/mine"); err != nil || len(entries) != 0 {
			t.Errorf("the folder holds %v, %v", entries, err)
		}
		wantNoTemporaries(t, dir)
	})
}
