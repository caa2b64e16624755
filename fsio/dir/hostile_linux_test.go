//go:build linux

package dir

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

// TestOnlyPlainFilesAreEverOpened watches FIFOs, devices and sockets with inotify: opening one
// may hang or act, even if it is closed at once.
func TestOnlyPlainFilesAreEverOpened(t *testing.T) {
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		paths := []string{"fifo", temporaryName(1)}
		check(t, unix.Mkfifo(dir+"/fifo", 0o666))
		check(t, unix.Mkfifo(dir+"/"+temporaryName(1), 0o666))
		check(t, unix.Mknod(dir+"/socket", unix.S_IFSOCK|0o666, 0))
		if err := unix.Mknod(dir+"/device", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err == nil {
			paths = append(paths, "device") // Needs privileges.
		}
		link(t, "fifo", dir+"/link")
		write(t, dir+"/plain", "x")
		watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		check(t, err)
		defer unix.Close(watch)
		for _, path := range append(paths, "plain") {
			_, err := unix.InotifyAddWatch(watch, dir+"/"+path, unix.IN_OPEN)
			check(t, err)
		}
		r := open(t, dir, Options{})
		for _, text := range append(paths[:1:1], "socket", "link", "device") {
			n := name(t, r, text)
			for _, call := range []func(*fsio.File, fsio.Name) error{r.Open, r.OpenCached} {
				var f fsio.File
				err := call(&f, n)
				kind := fsio.KindOf(err)
				if kind != fsio.KindNotPlain && kind != fsio.KindWouldBlock &&
					kind != fsio.KindNotFound {
					t.Errorf("%s: got %v", text, err)
				}
			}
			_, err := list(r, n)
			if kind := fsio.KindOf(err); kind != fsio.KindNotFolder && kind != fsio.KindNotFound {
				t.Errorf("list %s: got %v", text, err)
			}
			p, err := r.Create(name(t, r, text+"/x"), fsio.CreateOptions{})
			if err == nil {
				t.Errorf("created %s/x", text)
				check(t, p.Abort())
			}
		}
		_, err = list(r, fsio.Name{})
		check(t, err)
		if n, err := r.Sweep(); n != 0 || err != nil {
			t.Errorf("sweep: %d, %v", n, err)
		}
		if n := opens(t, watch); n != 0 {
			t.Fatalf("something was opened %d times", n)
		}
		_, err = fetch(r, name(t, r, "plain"))
		check(t, err)
		if n := opens(t, watch); n == 0 {
			t.Fatal("the watch does not see a plain file being opened")
		}
	})
}

// opens counts the events that wait.
func opens(t *testing.T, watch int) int {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Read(watch, buf)
	if errors.Is(err, unix.EAGAIN) {
		return 0
	}
	check(t, err)
	events := 0
	for buf = buf[:n]; len(buf) > 0; events++ {
		length := binary.NativeEndian.Uint32(buf[12:])
		buf = buf[unix.SizeofInotifyEvent+length:]
	}
	return events
}

// TestRenamesElsewhereDisturbNoName follows a link with `..` in it. The kernel cannot vouch for
// those while anything anywhere is renamed, and asks to be asked again: some forty times here.
func TestRenamesElsewhereDisturbNoName(t *testing.T) {
	dir := scratch(t)
	write(t, dir+"/a/f", "text")
	check(t, os.Mkdir(dir+"/b", 0o777))
	link(t, "../a/../b/../a/f", dir+"/b/link")
	r := openDefault(t, dir, Options{})
	n := name(t, r, "b/link")
	follows := 200_000
	if r.kernel == nil {
		follows = 2_000
	}
	flip(t, dir, dir)
	for range follows {
		if e, err := r.stat(n); e.Kind != fsio.EntryFile || err != nil {
			t.Fatalf("got %v, %v", e, err)
		}
	}
}

func TestUnreadableFilesAreDenied(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("nothing is unreadable for root")
	}
	eachWay(t, func(t *testing.T, open openFunc) {
		dir := scratch(t)
		write(t, dir+"/a", "x")
		check(t, os.Chmod(dir+"/a", 0))
		r := open(t, dir, Options{})
		_, err := fetch(r, name(t, r, "a"))
		wantKind(t, err, fsio.KindDenied)
	})
}
