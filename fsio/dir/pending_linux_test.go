//go:build linux && !ferryportable

package dir

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

func TestSpliceMovesWhatThePipeHolds(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		r := open(t, dir, Options{})
		p, err := r.Create(name(t, r, "a"), fsio.CreateOptions{})
		check(t, err)
		var pipe [2]int
		check(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC)) // Blocking, and yet SpliceFrom never waits.
		defer unix.Close(pipe[0])
		text := strings.Repeat("0123456789", 1000)
		_, err = unix.Write(pipe[1], []byte(text))
		check(t, err)
		n, err := p.SpliceFrom(pipe[0], 0, 6000)
		if r.options.Portable {
			if !errors.Is(err, errors.ErrUnsupported) || fsio.KindOf(err) != fsio.KindUnsupported {
				t.Fatalf("got %d, %v", n, err)
			}
			check(t, unix.Close(pipe[1]))
			check(t, p.Abort())
			return
		}
		if n != 6000 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
		n, err = p.SpliceFrom(pipe[0], 6000, 9999)
		if n != 4000 || !errors.Is(err, fsio.ErrWouldBlock) {
			t.Fatalf("got %d, %v", n, err)
		}
		check(t, unix.Close(pipe[1]))
		n, err = p.SpliceFrom(pipe[0], 10000, 1)
		if n != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("got %d, %v", n, err)
		}
		check(t, p.Commit(fsio.CommitOptions{}))
		if content(t, dir+"/a") != text {
			t.Fatal("other bytes arrived")
		}
	})
}

func TestAllocatedBlocksThatWereNotUsedAreGivenBack(t *testing.T) {
	dir := scratch(t)
	r := openDefault(t, dir, Options{})
	p, err := r.Create(name(t, r, "a"), fsio.CreateOptions{})
	check(t, err)
	check(t, p.Allocate(0, 16<<20))
	var st unix.Stat_t
	check(t, unix.Fstat(int(p.(*upload).file.Fd()), &st))
	if st.Size != 0 {
		t.Fatalf("allocating made the file %d bytes long", st.Size)
	}
	if st.Blocks == 0 {
		check(t, p.Abort())
		t.Skip("this filesystem sets nothing aside")
	}
	_, err = p.WriteAt([]byte("text"), 0)
	check(t, err)
	check(t, p.Commit(fsio.CommitOptions{}))
	check(t, unix.Stat(dir+"/a", &st))
	if st.Size != 4 || st.Blocks*512 > 1<<16 {
		t.Fatalf("%d bytes take %d", st.Size, st.Blocks*512)
	}
	p, err = r.Create(name(t, r, "b"), fsio.CreateOptions{})
	check(t, err)
	err = p.Allocate(0, 1<<50)
	if kind := fsio.KindOf(err); kind != fsio.KindNoSpace && kind != fsio.KindTooLarge {
		t.Errorf("a petabyte: %v", err)
	}
	check(t, p.Abort())
}

func TestLinkingServesWithoutRenameNoReplace(t *testing.T) {
	dir := scratch(t)
	r := openDefault(t, dir, Options{})
	d, err := r.openFolder(fsio.Name{}, useNames)
	check(t, err)
	defer d.close()
	write(t, dir+"/from", "text")
	check(t, d.linkNew("from", d, "to"))
	if _, err := os.Lstat(dir + "/from"); !os.IsNotExist(err) || content(t, dir+"/to") != "text" {
		t.Fatalf("from: %v", err)
	}
	write(t, dir+"/from", "other")
	if err := d.linkNew("from", d, "to"); !errors.Is(err, unix.EEXIST) {
		t.Fatalf("got %v", err)
	}
	if content(t, dir+"/to") != "text" {
		t.Fatal("the file was replaced")
	}
}
