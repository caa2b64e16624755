package dir

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ferry/fsio"
)

func TestPartsExpireAfterTheirLastByte(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		check(t, os.Mkdir(dir+"/sub", 0o777))
		o := Options{PartLifetime: time.Hour}
		for _, sweep := range []func(*store) (int, error){(*store).Sweep, (*store).SweepParts} {
			r := open(t, dir, o)
			id := map[string]string{}
			for _, text := range []string{"old", "sub/old", "young", "held", "touched"} {
				id[text] = keep(t, r, text, "x")
			}
			_, err := r.NewPart(name(t, r, "empty"), fsio.PartOptions{})
			check(t, err)
			p, err := r.OpenPart(id["held"])
			check(t, err)
			long := time.Now().Add(-time.Hour - time.Minute)
			for _, text := range []string{"old", "sub/old", "held", "touched"} {
				check(t, os.Chtimes(partPath(dir, id[text]), long, long))
			}
			finishLater, err := r.OpenPart(id["touched"])
			check(t, err)
			_, err = finishLater.WriteAt([]byte("y"), 1)
			check(t, err)
			check(t, finishLater.Close())
			if n, err := sweep(r); n != 2 || err != nil {
				t.Fatalf("%d removed, %v", n, err)
			}
			if n, err := sweep(open(t, dir, o)); n != 0 || err != nil {
				t.Fatalf("the held one is locked: %d removed, %v", n, err)
			}
			check(t, p.Commit(fsio.CommitOptions{}))
			finish(t, r, id["touched"], "xy", "")
			finish(t, r, id["young"], "x", "")
			for _, text := range []string{"old", "sub/old"} {
				_, err := r.OpenPart(id[text])
				wantKind(t, err, fsio.KindNotFound)
			}
			_, err = open(t, dir, Options{PartLifetime: time.Nanosecond}).Sweep()
			check(t, err)
			wantNoParts(t, dir)
		}
	})
}

// TestPartsAndSweepsMeet lets sweeps run all the time while parts begin, go on and end.
func TestPartsAndSweepsMeet(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		o := Options{PartLifetime: time.Hour}
		r, other := open(t, dir, o), open(t, dir, o)
		var stop atomic.Bool
		var sweeps, uploads sync.WaitGroup
		for _, s := range []*store{r, other} {
			sweeps.Go(func() {
				for !stop.Load() {
					_, err := s.Sweep()
					_, second := s.SweepParts()
					if err = errors.Join(err, second); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for i := range 3 {
			uploads.Go(func() {
				for k := range 60 {
					text := string(rune('a' + i))
					id, err := r.NewPart(name(t, r, text), fsio.PartOptions{})
					if err != nil {
						t.Error(err)
						return
					}
					p, err := r.OpenPart(id)
					if err != nil {
						t.Error(err)
						return
					}
					_, err = p.WriteAt([]byte(text), 0)
					if k%3 == 0 {
						err = errors.Join(err, p.Drop())
					} else {
						err = errors.Join(err, p.Commit(fsio.CommitOptions{}))
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		uploads.Wait()
		stop.Store(true)
		sweeps.Wait()
		wantNoParts(t, dir)
		names, err := os.ReadDir(dir)
		check(t, err)
		if !slices.EqualFunc(names, []string{"a", "b", "c"}, func(e fs.DirEntry, n string) bool {
			return e.Name() == n
		}) {
			t.Fatalf("got %v", names)
		}
	})
}

// TestPartWithoutWholeNoteIsRemoved cuts notes short, as a full disk or a power cut may.
func TestPartWithoutWholeNoteIsRemoved(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		whole := content(t, partPath(dir, keep(t, r, "a\xff\"", "x"))+noteSuffix)
		for n := range len(whole) {
			id := keep(t, r, "b", "x")
			write(t, partPath(dir, id)+noteSuffix, whole[:n])
		}
		again := open(t, dir, Options{})
		removed, err := again.Sweep()
		if kept, _ := again.Parts(); removed != len(whole) || kept != 1 || err != nil {
			t.Fatalf("%d removed, %d kept, %v", removed, kept, err)
		}
		finish(t, again, partIDs(again)[0], "x", "y")
		if got := content(t, dir+"/a\xff\""); got != "xy" {
			t.Fatalf("got %q", got)
		}
		if _, err := os.Lstat(dir + "/.ferry-parts"); !os.IsNotExist(err) {
			t.Errorf("the folder of parts stayed: %v", err)
		}
	})
}

func TestOwnersAreKnownAfterARestart(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		o := Options{PartsMax: 4}
		r := open(t, dir, o)
		mine := fsio.PartOptions{Owner: "a \"b\"\n"}
		for range 2 {
			_, err := r.NewPart(name(t, r, "x"), mine)
			check(t, err)
		}
		again := open(t, dir, o)
		_, err := again.Sweep()
		check(t, err)
		_, err = again.NewPart(name(t, r, "x"), mine)
		wantKind(t, err, fsio.KindTooMany)
		_, err = again.NewPart(name(t, r, "x"), fsio.PartOptions{Owner: "c"})
		check(t, err)
	})
}

// TestPartsCommittedByHalfAreEnded is about filesystems that cannot rename without replacing: a
// server was killed when the file had both names.
func TestPartsCommittedByHalfAreEnded(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		id := keep(t, r, "a", "whole")
		check(t, os.Link(partPath(dir, id), dir+"/a"))
		_, err := r.OpenPart(id)
		wantKind(t, err, fsio.KindNotFound)
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
		file := partPath(dir, id)
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
