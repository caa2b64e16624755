package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"ferry/fsio"
)

func TestCommitGivesTheWholeFileItsName(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		check(t, os.Mkdir(dir+"/sub", 0o777))
		link(t, "sub", dir+"/tosub")
		r := open(t, dir, Options{})
		for _, text := range []string{"new", "sub/new", "tosub/linked"} {
			p, err := r.Create(name(t, r, text), fsio.CreateOptions{})
			check(t, err)
			if _, err := os.Lstat(dir + "/" + text); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%s is there before Commit: %v", text, err)
			}
			if len(temporaries(t, dir)) != 1 {
				t.Fatalf("%q", temporaries(t, dir))
			}
			for i, part := range []string{"world", "hello "} { // In any order.
				if n, err := p.WriteAt([]byte(part), int64(6-6*i)); n != len(part) || err != nil {
					t.Fatalf("got %d, %v", n, err)
				}
			}
			check(t, p.Commit(fsio.CommitOptions{}))
			check(t, p.Commit(fsio.CommitOptions{}))
			check(t, p.Abort())
			if got := content(t, dir+"/"+text); got != "hello world" {
				t.Fatalf("%s holds %q", text, got)
			}
			_, err = p.WriteAt([]byte("x"), 0)
			wantKind(t, err, fsio.KindIO)
		}
		if content(t, dir+"/sub/linked") != "hello world" {
			t.Fatal("a link to a folder was not followed")
		}
		wantNoTemporaries(t, dir)
	})
}

func TestAbortedUploadLeavesOldFile(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/a", "old")
		r := open(t, dir, Options{})
		for _, text := range []string{"a", "b"} {
			p, err := r.Create(name(t, r, text), fsio.CreateOptions{})
			check(t, err)
			_, err = p.WriteAt([]byte("new"), 0)
			check(t, err)
			check(t, p.Abort())
			check(t, p.Abort())
			if p.Commit(fsio.CommitOptions{}) == nil {
				t.Fatal("Commit after Abort says that it stored something")
			}
		}
		if content(t, dir+"/a") != "old" {
			t.Fatal("the old file changed")
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Fatalf("got %v, %v", entries, err)
		}
	})
}

func TestUmaskDecidesTheMode(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		for _, umask := range []int{0, 0o022, 0o027, 0o077} {
			dir := scratch(t)
			r := open(t, dir, Options{})
			old := syscall.Umask(umask)
			err := r.StoreSmall(name(t, r, "a"), nil, fsio.CommitOptions{})
			syscall.Umask(old)
			check(t, err)
			info, err := os.Stat(dir + "/a")
			check(t, err)
			if got, want := info.Mode().Perm(), fs.FileMode(0o666&^umask); got != want {
				t.Errorf("umask %03o: mode %03o, want %03o", umask, got, want)
			}
		}
	})
}

func TestCreateRefusesWhatCannotBeStored(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/plain", "x")
		check(t, os.Mkdir(dir+"/folder", 0o777))
		check(t, syscall.Mkfifo(dir+"/fifo", 0o666))
		link(t, "..", dir+"/up")
		link(t, "fifo", dir+"/tofifo")
		r := open(t, dir, Options{})
		for text, want := range map[string]fsio.Kind{
			"": fsio.KindNotPlain, "folder": fsio.KindNotPlain,
			"plain/": fsio.KindNotPlain, "fifo": fsio.KindNotPlain,
			"missing/x": fsio.KindNotFound, "plain/x": fsio.KindNotFolder,
			"fifo/x": fsio.KindNotFolder,
			"up/x":   fsio.KindDenied, "tofifo/x": fsio.KindNotFolder,
		} {
			p, err := r.Create(name(t, r, text), fsio.CreateOptions{})
			if err == nil {
				check(t, p.Abort())
			}
			if got := fsio.KindOf(err); got != want {
				t.Errorf("%q: got %q (%v), want %q", text, got, err, want)
			}
		}
		_, err := r.Create(name(t, r, "plain"), fsio.CreateOptions{NoReplace: true})
		wantKind(t, err, fsio.KindExists)
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("%v is not fs.ErrExist", err)
		}
		r = open(t, dir, Options{ReadOnly: true})
		_, err = r.Create(name(t, r, "x"), fsio.CreateOptions{})
		wantKind(t, err, fsio.KindDenied)
		wantKind(t, r.StoreSmall(name(t, r, "x"), nil, fsio.CommitOptions{}), fsio.KindDenied)
		wantNoTemporaries(t, dir)
	})
}

func TestLinksUnderTheNameAreReplacedThemselves(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/inside", "inside")
		check(t, os.Mkdir(dir+"/folder", 0o777))
		for i, target := range []string{"inside", "../secret", "../new", "nowhere", "folder"} {
			link(t, target, dir+"/link")
			r := open(t, dir, Options{})
			check(t, r.StoreSmall(name(t, r, "link"), []byte{byte('0' + i)}, fsio.CommitOptions{}))
			info, err := os.Lstat(dir + "/link")
			check(t, err)
			if !info.Mode().IsRegular() || content(t, dir+"/link") != string(rune('0'+i)) {
				t.Errorf("link to %s: now %v", target, info.Mode())
			}
			check(t, os.Remove(dir+"/link"))
		}
		if content(t, dir+"/inside") != "inside" || content(t, dir+"/../secret") != "secret" {
			t.Error("a link was written through")
		}
		entries, err := os.ReadDir(dir + "/..")
		check(t, err)
		if len(entries) != 2 {
			t.Errorf("outside the root: %v", entries)
		}
	})
}

func TestCommitOntoAFolderFails(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		p, err := r.Create(name(t, r, "a"), fsio.CreateOptions{})
		check(t, err)
		check(t, os.Mkdir(dir+"/a", 0o777))
		first := p.Commit(fsio.CommitOptions{})
		if kind := fsio.KindOf(first); kind != fsio.KindNotPlain && kind != fsio.KindExists {
			t.Fatalf("got %q (%v)", kind, first)
		}
		if again := p.Commit(fsio.CommitOptions{}); !errors.Is(again, first) {
			t.Fatalf("a further Commit returned %v, after %v", again, first)
		}
		wantNoTemporaries(t, dir)
	})
}

// TestReadersMeetOneWholeFile reads a name all the time while it is replaced over and over.
func TestReadersMeetOneWholeFile(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		n := name(t, r, "a")
		text := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 1000+i) }
		check(t, r.StoreSmall(n, []byte(text(0)), fsio.CommitOptions{}))
		var stop atomic.Bool
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for !stop.Load() {
					got, err := fetch(r, n)
					kind := fsio.KindOf(err)
					if kind == fsio.KindBusy || kind == fsio.KindNotFound && r.kernel == nil {
						continue // os.Root looks at a name and opens it in two steps.
					}
					if err != nil || got != text(len(got)-1000) {
						t.Errorf("got %d bytes, %v", len(got), err)
						return
					}
				}
			})
		}
		for i := range 300 {
			p, err := r.Create(n, fsio.CreateOptions{})
			check(t, err)
			whole := text(i)
			_, err = p.WriteAt([]byte(whole[:500]), 0)
			check(t, err)
			_, err = p.WriteAt([]byte(whole[500:]), 500)
			check(t, err)
			check(t, p.Commit(fsio.CommitOptions{}))
		}
		stop.Store(true)
		readers.Wait()
		wantNoTemporaries(t, dir)
	})
}

func TestOneOfManyWinsWithNoReplace(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		for range 30 {
			const rivals = 6
			var won atomic.Int64
			var winner atomic.Value
			var start, done sync.WaitGroup
			start.Add(rivals)
			for i := range rivals {
				done.Go(func() {
					p, err := r.Create(name(t, r, "a"), fsio.CreateOptions{NoReplace: i%2 == 0})
					start.Done()
					start.Wait()
					if err != nil {
						t.Error(err)
						return
					}
					mine := strings.Repeat(string(rune('a'+i)), 100)
					if _, err := p.WriteAt([]byte(mine), 0); err != nil {
						t.Error(err)
					}
					err = p.Commit(fsio.CommitOptions{NoReplace: i%2 == 1})
					switch fsio.KindOf(err) {
					case fsio.KindNone:
						won.Add(1)
						winner.Store(mine)
					case fsio.KindExists:
					default:
						t.Error(err)
					}
				})
			}
			done.Wait()
			if won.Load() != 1 || content(t, dir+"/a") != winner.Load() {
				t.Fatalf("%d won, the file holds %q", won.Load(), content(t, dir+"/a"))
			}
			check(t, os.Remove(dir+"/a"))
		}
		wantNoTemporaries(t, dir)
	})
}

// TestFaultsLeaveTheOldFileAndNothingElse lets each system call of an upload fail in turn.
func TestFaultsLeaveTheOldFileAndNothingElse(t *testing.T) {
	upload := func(r *store, n fsio.Name, noReplace bool) error {
		p, err := r.Create(n, fsio.CreateOptions{NoReplace: noReplace})
		if err != nil {
			return err
		}
		err = p.Allocate(0, 1<<16)
		if err == nil {
			_, err = p.WriteAt([]byte("new"), 0)
		}
		if err != nil {
			return errors.Join(err, p.Abort())
		}
		return p.Commit(fsio.CommitOptions{})
	}
	small := func(r *store, n fsio.Name, noReplace bool) error {
		return r.StoreSmall(n, []byte("new"), fsio.CommitOptions{NoReplace: noReplace})
	}
	eachWay(t, func(t *testing.T, open openFunc) {
		for _, store := range []func(*store, fsio.Name, bool) error{upload, small} {
			for _, noReplace := range []bool{false, true} {
				testFaults(t, open, store, noReplace)
			}
		}
	})
}

func testFaults(
	t *testing.T, open openFunc, store func(*store, fsio.Name, bool) error, noReplace bool,
) {
	const callsMin = 6 // Folder, stat, create, lock, write, close, rename, and perhaps more.
	for failing := 0; ; failing++ {
		dir := scratch(t)
		check(t, os.Mkdir(dir+"/sub", 0o777))
		if !noReplace {
			write(t, dir+"/sub/a", "old")
		}
		calls, failed := 0, fsio.Op("")
		fault := func(op fsio.Op, _ fsio.Name) error {
			if op == fsio.OpRoot || op == fsio.OpUnlink { // Else nothing can be cleaned up.
				return nil
			}
			calls++
			if calls-1 == failing {
				failed = op
				return syscall.ENOSPC
			}
			return nil
		}
		r := open(t, dir, Options{Fault: fault})
		err := store(r, name(t, r, "sub/a"), noReplace)
		wantNoTemporaries(t, dir)
		if failed == fsio.Op("") {
			check(t, err)
			if content(t, dir+"/sub/a") != "new" || failing < callsMin {
				t.Fatalf("%d calls, the file holds %q", failing, content(t, dir+"/sub/a"))
			}
			return
		}
		wantKind(t, err, fsio.KindNoSpace)
		got, err := os.ReadFile(dir + "/sub/a")
		if noReplace != errors.Is(err, fs.ErrNotExist) || !noReplace && string(got) != "old" {
			t.Fatalf("%v failed: the file holds %q, %v", failed, got, err)
		}
	}
}

func TestManyUploadsOfOneNameEndWhole(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		n := name(t, r, "a")
		var writers sync.WaitGroup
		for i := range 8 {
			writers.Go(func() {
				for range 30 {
					text := strings.Repeat(string(rune('a'+i)), 100*(i+1))
					if err := r.StoreSmall(n, []byte(text), fsio.CommitOptions{}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		got := content(t, dir+"/a")
		if len(got) == 0 || got != strings.Repeat(got[:1], 100*int(got[0]-'a'+1)) {
			t.Fatalf("the file holds %q", got)
		}
		wantNoTemporaries(t, dir)
	})
}

// BenchmarkStoreSmall tells new names from replaced ones: by default ext4 begins to write a file
// to the disk when it replaces another.
func BenchmarkStoreSmall(b *testing.B) {
	for _, replace := range []bool{false, true} {
		b.Run(fmt.Sprintf("replace=%t", replace), func(b *testing.B) {
			dir := scratch(b)
			r := openDefault(b, dir, Options{})
			n := name(b, r, "a")
			data := make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				check(b, r.StoreSmall(n, data, fsio.CommitOptions{}))
				if !replace {
					check(b, os.Remove(dir+"/a"))
				}
			}
		})
	}
}
