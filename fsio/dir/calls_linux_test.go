//go:build linux && !ferryportable

package dir

import (
	"errors"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

// small makes a root with one file of 4 KiB, and skips where reads that do not wait are not to
// be had.
func small(t testing.TB) (*store, fsio.Name) {
	dir := scratch(t)
	write(t, dir+"/a", string(make([]byte, 4096)))
	r := openDefault(t, dir, Options{})
	if r.kernel == nil {
		t.Skip("no openat2 here")
	}
	n := name(t, r, "a")
	var f fsio.File
	check(t, r.OpenCached(&f, n))
	defer f.Close()
	if _, err := f.ReadCached(make([]byte, 4096), 0); err != nil {
		t.Skipf("no RWF_NOWAIT on this filesystem: %v", err)
	}
	return r, n
}

func TestCachedFilesAreReadWithoutAllocation(t *testing.T) {
	skipUnderRace(t)
	r, n := small(t)
	var f fsio.File
	buf := make([]byte, 4096)
	allocations := testing.AllocsPerRun(1000, func() {
		err := r.OpenCached(&f, n)
		if err == nil {
			_, err = f.ReadCached(buf, 0)
			_ = f.Cached(0, 4096)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Fatalf("%v allocations a file", allocations)
	}
	raw := []byte("some/name")
	if a := testing.AllocsPerRun(1000, func() { _, _ = fsio.Parser{}.Parse(raw) }); a > 1 {
		t.Fatalf("%v allocations a name", a)
	}
}

// TestOpenCachedLooksNothingUp asks for a name that nobody has asked for before: the kernel does
// not know it without reading the folder.
func TestOpenCachedLooksNothingUp(t *testing.T) {
	r, _ := small(t)
	if !r.kernel.cached {
		t.Skip("no RESOLVE_CACHED here")
	}
	var f fsio.File
	n := name(t, r, "missing")
	if err := r.OpenCached(&f, n); !errors.Is(err, fsio.ErrWouldBlock) {
		t.Fatalf("got %v", err)
	}
	wantKind(t, r.Open(&f, n), fsio.KindNotFound)
	r.kernel.cached = false
	if err := r.OpenCached(&f, n); !errors.Is(err, fsio.ErrWouldBlock) {
		t.Fatalf("without RESOLVE_CACHED: got %v", err)
	}
}

func TestWhatIsNotInMemoryWouldBlock(t *testing.T) {
	dir := scratch(t)
	const size = 1 << 20
	write(t, dir+"/a", string(make([]byte, size)))
	_, _ = small(t) // Skips where there is nothing to test.
	r := openDefault(t, dir, Options{})
	var f fsio.File
	check(t, r.Open(&f, name(t, r, "a")))
	defer f.Close()
	buf := make([]byte, size)
	if n, err := f.ReadCached(buf, 0); n != size || err != nil {
		t.Fatalf("just written: got %d, %v", n, err)
	}
	known := f.Cached(0, size) // False where cachestat is not to be had.
	drop(t, dir+"/a", 0, size)
	if f.Cached(0, size) {
		t.Fatal("dropped, yet said to be cached")
	}
	if _, err := f.ReadCached(buf, 0); !errors.Is(err, fsio.ErrWouldBlock) {
		t.Fatalf("dropped: got %v", err)
	}
	check(t, f.ReadAhead(0, size, make([]byte, 64<<10)))
	if n, err := f.ReadCached(buf, 0); n != size || err != nil {
		t.Fatalf("read ahead: got %d, %v", n, err)
	}
	if known && !f.Cached(0, size) {
		t.Fatal("read ahead, yet not said to be cached")
	}
	// One page that is missing is enough.
	drop(t, dir+"/a", 0, size/2)
	if f.Cached(0, size) || known && !f.Cached(size/2, size/2) {
		t.Fatal("first half dropped: Cached is wrong")
	}
	check(t, f.ReadAhead(0, size, buf))
	drop(t, dir+"/a", size/2, size/2)
	if f.Cached(0, size) || known && !f.Cached(0, size/2) {
		t.Fatal("half dropped: Cached is wrong")
	}
	if n, err := f.ReadCached(buf, 0); !errors.Is(err, fsio.ErrWouldBlock) || n > size/2 {
		t.Fatalf("half dropped: got %d, %v", n, err)
	}
}

// TestCachedMeansReadable asks while a read-ahead is under way: its pages are counted as cached
// before they have arrived.
func TestCachedMeansReadable(t *testing.T) {
	dir := scratch(t)
	const size = 1 << 20
	write(t, dir+"/a", string(make([]byte, size)))
	_, _ = small(t) // Skips where there is nothing to test.
	r := openDefault(t, dir, Options{})
	var f fsio.File
	check(t, r.Open(&f, name(t, r, "a")))
	defer f.Close()
	buf := make([]byte, size)
	for range 50 {
		drop(t, dir+"/a", 0, size)
		check(t, f.ReadAhead(0, size, nil)) // Asks, and does not wait.
		cached := f.Cached(size-4096, 4096)
		n, err := f.ReadCached(buf[:4096], size-4096)
		if cached && (n != 4096 || err != nil) {
			t.Fatalf("said to be cached, but reading it got %d, %v", n, err)
		}
		check(t, f.ReadAhead(0, size, buf))
	}
}

// drop puts n bytes of the file out of memory.
func drop(t *testing.T, path string, off, n int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	defer f.Close()
	check(t, f.Sync())
	check(t, unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED))
}

func TestFilesystemsWithoutNoWaitAreRemembered(t *testing.T) {
	r, n := small(t)
	var f fsio.File
	check(t, r.Open(&f, n))
	defer f.Close()
	r.noWait.Store(f.Device)
	if _, err := f.ReadCached(make([]byte, 1), 0); !errors.Is(err, fsio.ErrWouldBlock) {
		t.Fatalf("got %v", err)
	}
	r.noCachestat.Store(true)
	if f.Cached(0, 1) {
		t.Fatal("cachestat was asked again")
	}
}

func TestReadCachedOnTmpfs(t *testing.T) {
	//nolint:usetesting // The folder of t.TempDir is seldom in memory.
	dir, err := os.MkdirTemp("/dev/shm", "fsio")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	write(t, dir+"/a", "0123456789")
	r := openDefault(t, dir, Options{})
	var f fsio.File
	check(t, r.Open(&f, name(t, r, "a")))
	defer f.Close()
	buf := make([]byte, 10)
	n, err := f.ReadCached(buf, 0)
	if err == nil && n == 10 {
		t.Skip("this tmpfs reads without waiting")
	}
	if !errors.Is(err, fsio.ErrWouldBlock) || r.noWait.Load() != f.Device {
		t.Fatalf("got %d, %v; remembered: %t", n, err, r.noWait.Load() == f.Device)
	}
	if n, err := f.ReadAt(buf, 0); n != 10 || err != nil {
		t.Fatalf("ReadAt: got %d, %v", n, err)
	}
}

// TestRootsWithoutProcArePortable: a file that was looked at is opened by way of /proc.
func TestRootsWithoutProcArePortable(t *testing.T) {
	dir := scratch(t)
	write(t, dir+"/a", "text")
	defer func(was string) { procFolder = was }(procFolder)
	for _, folder := range []string{"/missing", dir} {
		procFolder = folder
		r := openDefault(t, dir, Options{})
		if text, err := fetch(r, name(t, r, "a")); text != "text" || err != nil || r.kernel != nil {
			t.Fatalf("got %q, %v", text, err)
		}
	}
}

// TestSandboxesWithoutOpenat2FallBack refuses openat2 to one thread, which then ends.
func TestSandboxesWithoutOpenat2FallBack(t *testing.T) {
	dir := scratch(t)
	write(t, dir+"/a", "text")
	type outcome struct {
		r   *store
		err error
	}
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS, unix.EINVAL} {
		done := make(chan outcome)
		go func() {
			if err := refuse(unix.SYS_OPENAT2, errno); err != nil {
				done <- outcome{nil, err}
				return
			}
			r, err := Open(dir, Options{})
			s, _ := r.(*store)
			done <- outcome{s, err}
		}()
		o := <-done
		if o.r == nil && errors.Is(o.err, unix.EINVAL) {
			t.Skip("no seccomp here")
		}
		check(t, o.err)
		if o.r.kernel != nil {
			t.Fatalf("%v: openat2 was not refused", errno)
		}
		if text, err := fetch(o.r, name(t, o.r, "a")); text != "text" || err != nil {
			t.Fatalf("got %q, %v", text, err)
		}
		check(t, o.r.Close())
	}
}

func BenchmarkCachedFile(b *testing.B) {
	r, n := small(b)
	var f fsio.File
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		check(b, r.OpenCached(&f, n))
		_, err := f.ReadCached(buf, 0)
		check(b, err)
		check(b, f.Close())
	}
}

func BenchmarkPortableFile(b *testing.B) {
	dir := scratch(b)
	write(b, dir+"/a", string(make([]byte, 4096)))
	r := openDefault(b, dir, Options{Portable: true})
	n := name(b, r, "a")
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		var f fsio.File
		check(b, r.Open(&f, n))
		_, err := f.ReadAt(buf, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
		check(b, f.Close())
	}
}
