package dir

import (
	"errors"
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

// recorder notes the calls of the kinds that matter for durability, and lets one fail.
type recorder struct {
	mu    sync.Mutex
	calls []string
	fails func(op fsio.Op, n fsio.Name) bool
}

func (r *recorder) fault(op fsio.Op, n fsio.Name) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch op {
	case fsio.OpClose, fsio.OpSync, fsio.OpSyncAll, fsio.OpRename, fsio.OpSyncFolder:
		r.calls = append(r.calls, string(op)+" "+n.String())
	default:
	}
	if r.fails != nil && r.fails(op, n) {
		return syscall.EIO
	}
	return nil
}

// commitTogether commits the names in one batch, and returns what each of them was told.
func commitTogether(t *testing.T, r *store, names []string) map[string]error {
	t.Helper()
	pool := fsio.NewPool(1)
	s := r.NewSyncer(pool)
	gate := make(chan struct{})
	pool.Submit(jobFunc(func() { <-gate })) // Until all of them wait.
	told := map[string]error{}
	var mu sync.Mutex
	for _, text := range names {
		p, err := createSmall(r, name(t, r, text), []byte("text of "+text))
		if err != nil {
			told[text] = err
			continue
		}
		s.Commit(p, fsio.CommitOptions{}, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			if _, twice := told[text]; twice {
				t.Errorf("%s was told twice", text)
			}
			told[text] = err
		})
	}
	close(gate)
	pool.Close()
	if len(told) != len(names) {
		t.Fatalf("%d of %d were told: %v", len(told), len(names), told)
	}
	return told
}

func folders(t *testing.T) string {
	t.Helper()
	dir := scratchInMemory(t)
	check(t, os.MkdirAll(dir+"/a", 0o777))
	check(t, os.MkdirAll(dir+"/b", 0o777))
	return dir
}

var together = []string{"a/1", "b/1", "a/2", "b/2", "a/3"}

func wantStored(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, text := range names {
		if got := content(t, dir+"/"+text); got != "text of "+text {
			t.Errorf("%s holds %q", text, got)
		}
	}
}

func TestDurableCommitSyncsBytesBeforeTheNameAndTheFolderAfter(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := folders(t)
		var calls recorder
		r := open(t, dir, Options{Fault: calls.fault})
		check(t, r.StoreSmall(name(t, r, "a/1"), []byte("text of a/1"),
			fsio.CommitOptions{Durable: true}))
		want := []string{"close a/1", "sync a/1", "rename a/1", "sync folder a/1"}
		if !slices.Equal(calls.calls, want) {
			t.Fatalf("got %q, want %q", calls.calls, want)
		}
		calls.calls = nil
		check(t, r.StoreSmall(name(t, r, "a/1"), nil, fsio.CommitOptions{}))
		if want := []string{"close a/1", "rename a/1"}; !slices.Equal(calls.calls, want) {
			t.Fatalf("without Durable: got %q", calls.calls)
		}
	})
}

// TestManyShareOneSync is about the order of the calls, and about how few they are.
func TestManyShareOneSync(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := folders(t)
		var calls recorder
		r := open(t, dir, Options{Fault: calls.fault})
		for text, err := range commitTogether(t, r, together) {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		want := []string{"sync filesystem a/1"}
		if r.kernel == nil || !r.kernel.cached {
			want = []string{"sync a/1", "sync b/1", "sync a/2", "sync b/2", "sync a/3"}
		}
		want = slices.Concat(
			[]string{"close a/1", "close b/1", "close a/2", "close b/2", "close a/3"}, want,
			[]string{"rename a/1", "rename b/1", "rename a/2", "rename b/2", "rename a/3"},
			[]string{"sync folder a/1", "sync folder b/1"})
		if !slices.Equal(calls.calls, want) {
			t.Errorf("got %q, want %q", calls.calls, want)
		}
		wantStored(t, dir, together...)
		calls.calls = nil
		commitTogether(t, r, together[:2])
		want = []string{
			"close a/1", "close b/1", "sync a/1", "sync b/1", "rename a/1", "rename b/1",
			"sync folder a/1", "sync folder b/1",
		}
		if !slices.Equal(calls.calls, want) {
			t.Errorf("two: got %q, want %q", calls.calls, want)
		}
		wantNoTemporaries(t, dir)
	})
}

func TestTheFileOpenedFirstAsksForAll(t *testing.T) {
	dir := folders(t)
	var calls recorder
	r := openDefault(t, dir, Options{Fault: calls.fault})
	if r.kernel == nil || !r.kernel.cached {
		t.Skip("syncfs is not asked here")
	}
	pool := fsio.NewPool(1)
	s := r.NewSyncer(pool)
	gate := make(chan struct{})
	pool.Submit(jobFunc(func() { <-gate }))
	var made []fsio.Upload
	for _, text := range together {
		p, err := createSmall(r, name(t, r, text), nil)
		check(t, err)
		made = append(made, p)
	}
	for i := range made { // The last one first.
		s.Commit(made[len(made)-1-i], fsio.CommitOptions{}, func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	close(gate)
	pool.Close()
	if !slices.Contains(calls.calls, "sync filesystem a/1") {
		t.Fatalf("got %q", calls.calls)
	}
}

// TestBytesOfEarlierOpenersAreSyncedByTheirFile is about parts that were gone on with.
func TestBytesOfEarlierOpenersAreSyncedByTheirFile(t *testing.T) {
	dir := folders(t)
	var calls recorder
	r := openDefault(t, dir, Options{Fault: calls.fault})
	id := keep(t, r, "a/part", "text of a/part")
	pool := fsio.NewPool(1)
	s := r.NewSyncer(pool)
	gate := make(chan struct{})
	pool.Submit(jobFunc(func() { <-gate }))
	told := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	for _, text := range together {
		p, err := createSmall(r, name(t, r, text), []byte("text of "+text))
		check(t, err)
		s.Commit(p, fsio.CommitOptions{}, told)
	}
	p, err := r.OpenPart(id)
	check(t, err)
	s.Commit(p, fsio.CommitOptions{}, told)
	close(gate)
	pool.Close()
	if !slices.Contains(calls.calls, "sync a/part") {
		t.Fatalf("got %q", calls.calls)
	}
	wantStored(t, dir, "a/part")
}

func TestAfterAFailedSyncEachFileIsAskedByItself(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := folders(t)
		calls := recorder{fails: func(op fsio.Op, n fsio.Name) bool {
			return op == fsio.OpSyncAll || op == fsio.OpSync && n.String() == "b/1"
		}}
		r := open(t, dir, Options{Fault: calls.fault})
		told := commitTogether(t, r, together)
		for _, text := range together {
			if want := text == "b/1"; (fsio.KindOf(told[text]) == fsio.KindIO) != want {
				t.Errorf("%s: got %v", text, told[text])
			}
		}
		wantStored(t, dir, "a/1", "a/2", "a/3", "b/2")
		if _, err := os.Lstat(dir + "/b/1"); !os.IsNotExist(err) {
			t.Errorf("b/1: %v", err)
		}
		wantNoTemporaries(t, dir)
	})
}

func TestAFolderThatFailsIsToldToItsOwn(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := folders(t)
		calls := recorder{fails: func(op fsio.Op, n fsio.Name) bool {
			return op == fsio.OpSyncFolder && n.String() == "b/1"
		}}
		r := open(t, dir, Options{Fault: calls.fault})
		for text, err := range commitTogether(t, r, together) {
			var failed *fsio.Error
			if bad := errors.As(err, &failed); bad != strings.HasPrefix(text, "b/") ||
				bad && (failed.Op != fsio.OpSyncFolder || failed.Name.String() != text) {
				t.Errorf("%s: got %v", text, err)
			}
		}
		wantStored(t, dir, together...) // They have their names, and may lose them.
		wantNoTemporaries(t, dir)
	})
}

// TestFaultsOfSyncersTellEachFileTheTruth lets each call of a batch fail in turn.
func TestFaultsOfSyncersTellEachFileTheTruth(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		for failing := 0; ; failing++ {
			dir := folders(t)
			calls, failed := 0, fsio.Op("")
			calm := recorder{fails: func(op fsio.Op, _ fsio.Name) bool {
				if op == fsio.OpRoot || op == fsio.OpUnlink {
					return false
				}
				if calls++; calls-1 != failing {
					return false
				}
				failed = op
				return true
			}}
			r := open(t, dir, Options{Fault: calm.fault})
			held := len(descriptors())
			errs := 0
			for text, err := range commitTogether(t, r, together) {
				var e *fsio.Error
				switch {
				case err == nil:
					wantStored(t, dir, text)
				case errors.As(err, &e) && e.Op == fsio.OpSyncFolder:
					errs++
					wantStored(t, dir, text)
				default:
					errs++
					if _, err := os.Lstat(dir + "/" + text); !os.IsNotExist(err) {
						t.Fatalf("%v failed: %s: %v", failed, text, err)
					}
				}
			}
			if now := len(descriptors()); now > held {
				t.Fatalf("%v failed: %d descriptors, then %d", failed, held, now)
			}
			wantNoTemporaries(t, dir)
			if failed == fsio.Op("") {
				if errs != 0 || failing < 30 {
					t.Fatalf("%d calls, %d errors", failing, errs)
				}
				return
			}
			if errs == 0 && failed != fsio.OpSyncAll {
				t.Fatalf("%v failed, and nobody was told", failed)
			}
		}
	})
}

func TestPartsAndEndedUploadsAreCommittedTogether(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := folders(t)
		r := open(t, dir, Options{})
		pool := fsio.NewPool(1)
		s := r.NewSyncer(pool)
		var told []error
		tell := func(err error) { told = append(told, err) }
		p, err := r.OpenPart(keep(t, r, "a/1", "text of a/1"))
		check(t, err)
		kept, err := r.OpenPart(keep(t, r, "a/2", "text of a/2"))
		check(t, err)
		write(t, dir+"/a/2", "taken")
		aborted, err := r.Create(name(t, r, "b/1"), fsio.CreateOptions{})
		check(t, err)
		check(t, aborted.Abort())
		done, err := createSmall(r, name(t, r, "b/2"), []byte("text of b/2"))
		check(t, err)
		check(t, done.Commit(fsio.CommitOptions{}))
		gate := make(chan struct{})
		pool.Submit(jobFunc(func() { <-gate }))
		s.Commit(p, fsio.CommitOptions{}, tell)
		s.Commit(kept, fsio.CommitOptions{NoReplace: true}, tell)
		s.Commit(aborted, fsio.CommitOptions{}, tell)
		s.Commit(done, fsio.CommitOptions{}, tell)
		close(gate)
		pool.Close()
		var kinds []fsio.Kind
		for _, err := range told {
			kinds = append(kinds, fsio.KindOf(err))
		}
		// Those that have ended are told at once.
		want := []fsio.Kind{fsio.KindIO, fsio.KindNone, fsio.KindNone, fsio.KindExists}
		if !slices.Equal(kinds, want) {
			t.Fatalf("got %v, want %v", told, want)
		}
		wantStored(t, dir, "a/1", "b/2")
		finish(t, r, kept.(*upload).id, "text of a/2", "") // The refused one is kept.
		wantStored(t, dir, "a/2")
		wantNoParts(t, dir)
	})
}

// TestSyncersServeWhoeverComes lets many commit all the time, from batches of any size.
func TestSyncersServeWhoeverComes(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := folders(t)
		r := open(t, dir, Options{})
		pool := fsio.NewPool(3)
		s := r.NewSyncer(pool)
		var writers sync.WaitGroup
		var stored atomic.Int64
		for i := range 8 {
			writers.Go(func() {
				done := make(chan error)
				for k := range 5 {
					text := fmt.Sprintf("%c/%d-%d", "ab"[k%2], i, k)
					p, err := createSmall(r, name(t, r, text), []byte("text of "+text))
					if err == nil {
						s.Commit(p, fsio.CommitOptions{}, func(err error) { done <- err })
						err = <-done
					}
					if err != nil {
						t.Error(err)
						continue
					}
					wantStored(t, dir, text)
					stored.Add(1)
				}
			})
		}
		writers.Wait()
		pool.Close()
		if stored.Load() != 40 {
			t.Fatalf("%d stored", stored.Load())
		}
		wantNoTemporaries(t, dir)
	})
}

// TestDropBoxesAreDurable stores to a folder that nobody may read, and that so cannot be synced.
func TestDropBoxesAreDurable(t *testing.T) {
	if errors.Is(syncFilesystem(os.Stdin), errors.ErrUnsupported) {
		t.Skip("no syncfs here")
	}
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := folders(t)
		r := open(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpSyncFolder {
				return syscall.EACCES
			}
			return nil
		}})
		check(t, r.StoreSmall(name(t, r, "a/1"), []byte("text of a/1"),
			fsio.CommitOptions{Durable: true}))
		for text, err := range commitTogether(t, r, together) {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		wantStored(t, dir, together...)
	})
}

// BenchmarkStore stores new files of 4 KiB for 64 clients by the server's eight workers, and
// reports how many a second: as they are, committed by a Syncer, and each with an fsync of its own
// and of its folder. It is for a disk that nothing else writes to.
func BenchmarkStore(b *testing.B) {
	const clients, workers = 64, 8
	data := noise(4096)
	pool := fsio.NewPool(workers)
	b.Cleanup(pool.Close)
	s := new(store).NewSyncer(pool)
	none := func(r *store, n fsio.Name, done func(error)) {
		done(r.StoreSmall(n, data, fsio.CommitOptions{}))
	}
	alone := func(r *store, n fsio.Name, done func(error)) {
		done(r.StoreSmall(n, data, fsio.CommitOptions{Durable: true}))
	}
	shared := func(r *store, n fsio.Name, done func(error)) {
		p, err := createSmall(r, n, data)
		if err != nil {
			done(err)
			return
		}
		s.Commit(p, fsio.CommitOptions{}, done)
	}
	for _, c := range []struct {
		name  string
		store func(*store, fsio.Name, func(error))
	}{{"none", none}, {"commit", shared}, {"fsync-each", alone}} {
		b.Run("durability="+c.name, func(b *testing.B) {
			r := openDefault(b, scratch(b), Options{})
			var next atomic.Int64
			var served sync.WaitGroup
			b.ResetTimer()
			for range clients {
				served.Go(func() {
					done := make(chan error)
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						n := name(b, r, fmt.Sprint(i))
						pool.Submit(jobFunc(func() {
							c.store(r, n, func(err error) { done <- err })
						}))
						if err := <-done; err != nil {
							b.Error(err)
						}
					}
				})
			}
			served.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}
