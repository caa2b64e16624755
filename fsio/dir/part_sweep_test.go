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
