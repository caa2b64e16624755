package dir

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"ferry/fsio"
)

// TestAFailedWriteKeepsTheNameAway commits in spite of it.
func TestAFailedWriteKeepsTheNameAway(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		writes, failing := 0, 2 // The second write of each upload fails.
		r := open(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpWrite {
				if writes++; writes == failing {
					return syscall.EDQUOT
				}
			}
			return nil
		}})
		p, err := r.Create(name(t, r, "a"), fsio.CreateOptions{})
		check(t, err)
		_, err = p.WriteAt([]byte("half"), 0)
		check(t, err)
		_, err = p.WriteAt([]byte("whole"), 4)
		wantKind(t, err, fsio.KindNoSpace)
		wantKind(t, p.Commit(fsio.CommitOptions{}), fsio.KindNoSpace)
		wantNoTemporaries(t, dir)
		id, err := r.NewPart(name(t, r, "a"), fsio.PartOptions{})
		check(t, err)
		q, err := r.OpenPart(id)
		check(t, err)
		writes = 0
		_, err = q.WriteAt([]byte("half"), 0)
		check(t, err)
		_, err = q.WriteAt([]byte("whole"), 4)
		wantKind(t, err, fsio.KindNoSpace)
		wantKind(t, q.Commit(fsio.CommitOptions{}), fsio.KindNoSpace)
		if _, err := os.Lstat(dir + "/a"); !os.IsNotExist(err) {
			t.Fatal(err)
		}
		finish(t, r, id, "half", " and half")
		if got := content(t, dir+"/a"); got != "half and half" {
			t.Fatalf("got %q", got)
		}
	})
}

// TestShortWritesAreGoneOnWith cuts every write short, and has the disk fill up in the middle of
// one.
func TestShortWritesAreGoneOnWith(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		writes, full := 0, 1000
		r := open(t, dir, Options{Fault: func(op fsio.Op, _ fsio.Name) error {
			if op != fsio.OpWrite {
				return nil
			}
			if writes++; writes > full {
				return syscall.ENOSPC
			}
			return Short(3)
		}})
		const text = "0123456789"
		check(t, r.StoreSmall(name(t, r, "a"), []byte(text), fsio.CommitOptions{}))
		if got := content(t, dir+"/a"); got != text || writes != 4 {
			t.Fatalf("%q in %d writes", got, writes)
		}
		writes, full = 0, 2
		p, err := r.Create(name(t, r, "b"), fsio.CreateOptions{})
		check(t, err)
		n, err := p.WriteAt([]byte(text), 0)
		if wantKind(t, err, fsio.KindNoSpace); n != 6 {
			t.Fatalf("%d bytes written", n)
		}
		if again := p.Commit(fsio.CommitOptions{}); !errors.Is(again, err) {
			t.Fatalf("got %v", again)
		}
		wantNoTemporaries(t, dir)
	})
}
