package dir

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"ferry/fsio"
)

func TestSweepTakesOnlyWhatNobodyHolds(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		left, foreign := temporaryName(1), temporaryName(2)
		keep := []string{
			"plain", ".ferry-notes.tmp", "ferry-0123456789abcdef.tmp", left + "x",
			temporaryName(3) + "/plain", // A folder that is called so.
		}
		for _, path := range keep {
			write(t, dir+"/"+path, "x")
		}
		gone := []string{left, "a/b/" + left, ".hidden/" + left, temporaryName(3) + "/" + left}
		for _, path := range gone {
			write(t, dir+"/"+path, "x")
		}
		write(t, dir+"/../outside/"+left, "x")
		link(t, "../outside", dir+"/tooutside")
		link(t, "a", dir+"/toa")
		link(t, "../secret", dir+"/"+foreign) // A link that is called so.
		other := open(t, dir, Options{})
		p, err := other.Create(name(t, other, "a/b/c"), fsio.CreateOptions{})
		check(t, err)
		readOnly := open(t, dir, Options{ReadOnly: true})
		if n, err := readOnly.Sweep(); n != 0 || err != nil {
			t.Fatalf("read-only: got %d, %v", n, err)
		}
		r := open(t, dir, Options{})
		if n, err := r.Sweep(); n != len(gone) || err != nil {
			t.Fatalf("got %d, %v; want %d", n, err, len(gone))
		}
		for _, path := range append(keep, "../outside/"+left, foreign) {
			if _, err := os.Lstat(dir + "/" + path); err != nil {
				t.Error(err)
			}
		}
		for _, path := range gone {
			if _, err := os.Lstat(dir + "/" + path); !os.IsNotExist(err) {
				t.Errorf("%s stayed: %v", path, err)
			}
		}
		_, err = p.WriteAt([]byte("whole"), 0)
		check(t, err)
		check(t, p.Commit(fsio.CommitOptions{}))
		if content(t, dir+"/a/b/c") != "whole" {
			t.Error("the upload under way was hurt")
		}
	})
}

func TestSweepGoesOnAfterErrors(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		for _, bad := range []fsio.Op{
			fsio.OpFolder, fsio.OpList, fsio.OpOpen, fsio.OpLock, fsio.OpUnlink,
		} {
			dir := scratch(t)
			for _, path := range []string{"a", "b", "c"} {
				write(t, dir+"/"+path+"/"+temporaryName(7), "x")
			}
			r := open(t, dir, Options{Fault: func(op fsio.Op, n fsio.Name) error {
				if op == bad && strings.HasPrefix(n.String(), "b") {
					return syscall.EACCES
				}
				return nil
			}})
			n, err := r.Sweep()
			if n != 2 || fsio.KindOf(err) != fsio.KindDenied || len(temporaries(t, dir)) != 1 {
				t.Errorf("%v: removed %d, %v", bad, n, err)
			}
		}
	})
}

// TestSweepsAndUploadsMeet lets sweeps run all the time while uploads begin and end.
func TestSweepsAndUploadsMeet(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		var stop atomic.Bool
		var sweeps, uploads sync.WaitGroup
		for range 2 {
			sweeps.Go(func() {
				for !stop.Load() {
					if _, err := r.Sweep(); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for i := range 4 {
			uploads.Go(func() {
				for k := range 150 {
					text := fmt.Sprint(i, " ", k)
					n := name(t, r, fmt.Sprint(i))
					if err := r.StoreSmall(n, []byte(text), fsio.CommitOptions{}); err != nil {
						t.Error(err)
						return
					}
					if got := content(t, dir+"/"+fmt.Sprint(i)); got != text {
						t.Errorf("got %q, want %q", got, text)
					}
				}
			})
		}
		uploads.Wait()
		stop.Store(true)
		sweeps.Wait()
		wantNoTemporaries(t, dir)
	})
}

// TestFilesTakenBeforeTheyWereLockedAreMadeAnew is the race that the one above rarely meets: a
// sweep has the file between its making and its locking.
func TestFilesTakenBeforeTheyWereLockedAreMadeAnew(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		sweeper := open(t, dir, Options{})
		taken := 0
		r := open(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpLock && taken < 3 {
				n, err := sweeper.Sweep()
				taken += n
				return err
			}
			return nil
		}})
		p, err := r.Create(name(t, r, "a"), fsio.CreateOptions{})
		check(t, err)
		_, err = p.WriteAt([]byte("text"), 0)
		check(t, err)
		check(t, p.Commit(fsio.CommitOptions{}))
		if taken != 3 || content(t, dir+"/a") != "text" {
			t.Fatalf("%d taken, the file holds %q", taken, content(t, dir+"/a"))
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Fatalf("got %v", entries)
		}
	})
}

func TestSweepOfDeepTreesHoldsFewDescriptors(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		path := strings.Repeat("/d", 200)
		write(t, dir+path+"/"+temporaryName(9), "x")
		most, base := 0, len(descriptors())
		r := open(t, dir, Options{Fault: func(fsio.Op, fsio.Name) error {
			most = max(most, len(descriptors())-base)
			return nil
		}})
		n, err := r.Sweep()
		if n != 1 || err != nil || most > 10 {
			t.Fatalf("removed %d, %v, with %d descriptors", n, err, most)
		}
		if left := temporaries(t, dir); !slices.Equal(left, nil) {
			t.Fatalf("left %q", left)
		}
	})
}
