package dir_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ferry/fsio"
	store "ferry/fsio/dir"
)

// begin makes the folder anew, in memory where that can be had: the script syncs a lot.
func begin(t *testing.T, o store.Options) *world {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "fsio") //nolint:usetesting // In memory.
	if err != nil {
		dir = t.TempDir()
	} else {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	if err := os.Mkdir(dir+"/d", 0o777); err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, dir: dir, cache: fsio.NewSumCache(4096), folders: map[string]bool{"d": true},
		files: map[string]string{"d/old": "old", "d/kept": "kept"},
	}
	for path, text := range w.files {
		if err := os.WriteFile(dir+"/"+path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if w.r, err = store.Open(dir, o); err != nil {
		t.Fatal(err)
	}
	return w
}

// descriptors counts what is open, where the system shows it.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

var injected = []error{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.EIO, syscall.EACCES, store.Short(1),
}

// TestEveryFaultOfAScriptIsToldAndLeavesNothing lets every call of the script fail in turn, with
// every error: the step is told, of the right kind, every other step does what it would have, at
// no time is there half a file under a name, and in the end nothing is left over.
func TestEveryFaultOfAScriptIsToldAndLeavesNothing(t *testing.T) {
	for _, portable := range []bool{false, true} {
		for i, err := range injected {
			if portable && i%2 == 0 {
				continue // The other way is the same, up to the calls themselves.
			}
			t.Run(fmt.Sprintf("portable=%t/%v", portable, err), func(t *testing.T) {
				n := 0
				for run(t, portable, n, err) {
					n++
				}
				if n < 100 {
					t.Fatalf("%d calls only", n)
				}
			})
		}
	}
}

// run reports whether the script came as far as its nth call.
func run(t *testing.T, portable bool, n int, err error) bool {
	t.Helper()
	hit, calls := fsio.Op(""), 0
	held := descriptors()
	w := begin(t, store.Options{
		Portable: portable, Durable: true, Fault: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpRoot {
				return nil
			}
			if calls++; calls != n+1 {
				return nil
			}
			hit = op
			return err
		},
	})
	for _, s := range script {
		was := hit
		got := s.do(w)
		w.judge(s, got, err, was == "" && hit != "", hit)
		w.wantDisk(fmt.Sprintf("%s, call %d (%v) failing with %v", s.text, n, hit, err))
	}
	if err := w.r.Close(); hit != fsio.OpClose && err != nil {
		t.Fatal(err)
	}
	if now := descriptors(); now > held {
		t.Fatalf("call %d (%v): %d descriptors, then %d", n, hit, held, now)
	}
	w.wantNothingLeft()
	return hit != ""
}

// judge compares what a step returned with what it should, and takes note of what it changed.
func (w *world) judge(s step, got, injected error, failed bool, hit fsio.Op) {
	w.t.Helper()
	want := fsio.KindNone
	if s.without != nil {
		want = s.without(w)
	}
	var short store.Short
	kind := fsio.KindOf(got)
	switch {
	case !failed || errors.As(injected, &short):
		if kind != want {
			w.t.Fatalf("%s: got %v, want %q", s.text, got, want)
		}
	case got == nil:
		// Not every failure is worth an error: a sum that is not remembered, an empty folder that
		// waits for a sweep, a folder that cannot be opened to be synced.
		switch hit {
		case fsio.OpStat, fsio.OpRmdir, fsio.OpSyncFolder, fsio.OpRead:
		default:
			w.t.Fatalf("%s: %v failed with %v, and nobody was told", s.text, hit, injected)
		}
	case kind != fsio.KindOf(injected):
		w.t.Fatalf("%s: %v failed with %v, got %v", s.text, hit, injected, got)
	}
	var e *fsio.Error
	done := got == nil || errors.As(got, &e) && e.Op == fsio.OpSyncFolder
	if done && s.then != nil {
		s.then(w)
	}
}

// wantNothingLeft does what the next server does at its start, and wants nothing hidden to stay
// but parts, which can be had.
func (w *world) wantNothingLeft() {
	w.t.Helper()
	r, err := store.Open(w.dir, store.Options{PartLifetime: 1})
	if err == nil {
		_, err = r.Sweep()
		err = errors.Join(err, r.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	err = filepath.WalkDir(w.dir, func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(path, ".ferry-") {
			w.t.Fatalf("left over: %s", path)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.RemoveAll(w.dir); err != nil {
		w.t.Fatal(err)
	}
}

func name(t *testing.T, text string) fsio.Name {
	t.Helper()
	n, err := fsio.Parser{}.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
