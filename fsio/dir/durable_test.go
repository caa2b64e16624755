package dir

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ferry/fsio"
)

// durableTests are changes of names in a tree that furnish made, and the folders that are to be on
// the disk after each, in the order in which they come there.
var durableTests = []struct {
	what string
	do   func(t *testing.T, r *store) error
	want string
}{
	{"mkdir", func(t *testing.T, r *store) error {
		return r.Mkdir(name(t, r, "full/new"))
	}, "full/new"},
	{"mkdir by a link", func(t *testing.T, r *store) error {
		return r.Mkdir(name(t, r, "tofull/new2"))
	}, "tofull/new2"},
	{"rmdir", func(t *testing.T, r *store) error {
		return r.Rmdir(name(t, r, "full/new"))
	}, "full/new"},
	{"rm", func(t *testing.T, r *store) error {
		return r.Remove(name(t, r, "other"))
	}, "other"},
	{"rename in a folder", func(t *testing.T, r *store) error {
		return r.Rename(name(t, r, "plain"), name(t, r, "plainer"), fsio.CommitOptions{})
	}, "plainer"},
	{"rename to another folder", func(t *testing.T, r *store) error {
		return r.Rename(name(t, r, "plainer"), name(t, r, "full/plain"), fsio.CommitOptions{})
	}, "full/plain plainer"},
	{"rename of a folder", func(t *testing.T, r *store) error {
		return r.Rename(name(t, r, "full/sub"), name(t, r, "empty/sub"), fsio.CommitOptions{})
	}, "empty/sub full/sub"},
	{"rename by a link to the same folder", func(t *testing.T, r *store) error {
		return r.Rename(name(t, r, "full/plain"), name(t, r, "tofull/p"), fsio.CommitOptions{})
	}, "tofull/p full/plain"},
	{"rename to the same name", func(t *testing.T, r *store) error {
		return r.Rename(name(t, r, "full/p"), name(t, r, "full/p"), fsio.CommitOptions{})
	}, ""},
	{"mkdir that fails", func(t *testing.T, r *store) error {
		if err := r.Mkdir(name(t, r, "full")); fsio.KindOf(err) != fsio.KindExists {
			return errors.Join(err, errTaken)
		}
		return nil
	}, ""},
}

// TestChangesAreOnTheDisk: with Durable, and only then, each folder that a change changed is
// brought to the disk, once and after the change.
func TestChangesAreOnTheDisk(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		for _, durable := range []bool{true, false} {
			dir := scratchInMemory(t)
			furnish(t, dir)
			var mu sync.Mutex
			var synced []string
			var before []string
			late := false
			r := open(t, dir, Options{Durable: durable, Fault: func(op fsio.Op, n fsio.Name) error {
				if op == fsio.OpSyncFolder {
					mu.Lock()
					defer mu.Unlock()
					synced = append(synced, n.String())
					late = late || len(changed(before, tree(t, dir))) == 0
				}
				return nil
			}})
			for _, test := range durableTests {
				before, synced, late = tree(t, dir), nil, false
				if err := test.do(t, r); err != nil {
					t.Fatalf("%s: %v", test.what, err)
				}
				want := strings.Fields(test.want)
				if !durable {
					want = nil
				}
				if !slices.Equal(synced, want) || late {
					t.Errorf("durable %v: %s: synced %q (before the change: %v), want %q",
						durable, test.what, synced, late, want)
				}
			}
		}
	})
}

// TestChangeThatMayNotLastIsTold: it is done, and what the disk said is the error.
func TestChangeThatMayNotLastIsTold(t *testing.T) {
	dir := scratchInMemory(t)
	r := openDefault(t, dir, Options{Durable: true, Fault: func(op fsio.Op, _ fsio.Name) error {
		if op == fsio.OpSyncFolder {
			return syscall.EIO
		}
		return nil
	}})
	err := r.Mkdir(name(t, r, "new"))
	wantKind(t, err, fsio.KindIO)
	if info, err := os.Stat(dir + "/new"); err != nil || !info.IsDir() {
		t.Error(err)
	}
	err = r.Rename(name(t, r, "new"), name(t, r, "newer"), fsio.CommitOptions{})
	wantKind(t, err, fsio.KindIO)
	wantKind(t, r.Rmdir(name(t, r, "newer")), fsio.KindIO)
	if _, err := os.Stat(dir + "/newer"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestChangesInDropBoxesAreDurable: where the folder cannot be opened to be synced, its filesystem
// is, and nothing stays of the file that this takes.
func TestChangesInDropBoxesAreDurable(t *testing.T) {
	if errors.Is(syncFilesystem(os.Stdin), errors.ErrUnsupported) {
		t.Skip("no syncfs here")
	}
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratchInMemory(t)
		r := open(t, dir, Options{Durable: true, Fault: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpSyncFolder {
				return syscall.EACCES
			}
			return nil
		}})
		check(t, r.Mkdir(name(t, r, "a")))
		check(t, r.Rename(name(t, r, "a"), name(t, r, "b"), fsio.CommitOptions{}))
		check(t, r.Rmdir(name(t, r, "b")))
		wantNoTemporaries(t, dir)
	})
}
