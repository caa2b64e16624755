package fsio

import (
	"errors"
	"io"
	"os"
	"time"
)

// File is a plain file that is open for reading. It lives in its owner's memory, so that opening
// one allocates nothing; the zero File is closed and ready for OpenCached or Open. One goroutine
// at a time uses it, and it must not be copied while it is open. Reading a closed File panics.
type File struct {
	root        *Root // Nil while it is closed.
	name        Name
	portable    *os.File // By way of os.Root; nil where fd is our own.
	fd          int
	size        int64
	device      uint64
	seconds     int64
	nanoseconds int64
}

// OpenCached opens the plain file n if everything that it takes is in memory, without waiting
// for a disk and without allocating. Otherwise, and where the system cannot promise that, it
// returns ErrWouldBlock: call Open in the pool. Errors have KindNotFound, KindNotPlain (also for
// a folder), KindNotFolder, KindDenied, KindTooMany and others. It panics if f is open.
func (r *Root) OpenCached(f *File, n Name) error { return r.open(f, n, true) }

// Open opens the plain file n. It may block. Errors are those of OpenCached, and KindBusy when
// the links on the way changed too fast; never ErrWouldBlock.
func (r *Root) Open(f *File, n Name) error { return r.open(f, n, false) }

func (r *Root) open(f *File, n Name, cached bool) error {
	if f.root != nil {
		panic("fsio: File is open already")
	}
	if n.IsRoot() || n.folder {
		return newError(OpOpen, n, errNotPlain)
	}
	err := r.fault(OpOpen, n)
	switch {
	case err != nil:
	case r.kernel != nil:
		err = r.kernel.open(f, n, cached)
	case cached:
		return ErrWouldBlock
	default:
		err = r.openPortable(f, n)
	}
	if err != nil {
		switch {
		case !wouldBlock(err):
		case cached:
			return ErrWouldBlock
		default:
			err = errBusy // Another program holds a lease on the file; it was told to let go.
		}
		return newError(OpOpen, n, err)
	}
	f.root, f.name = r, n
	return nil
}

func (r *Root) openPortable(f *File, n Name) error {
	file, err := openPortable(r.root, n.local(), openPlainFlags)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		closeRead(file)
		return err
	}
	f.portable = file
	f.fd = int(file.Fd())
	f.size = info.Size()
	f.device = deviceOf(info)
	mtime := info.ModTime()
	f.seconds, f.nanoseconds = mtime.Unix(), int64(mtime.Nanosecond())
	return nil
}

// FD returns the descriptor, for sendfile. It is the File's until Close, and -1 after it.
func (f *File) FD() int {
	if f.root == nil {
		return -1
	}
	return f.fd
}

// Size returns the size in bytes that the file had when it was opened.
func (f *File) Size() int64 { return f.size }

// ModTime returns the time of the last change that the file had when it was opened.
func (f *File) ModTime() time.Time { return time.Unix(f.seconds, f.nanoseconds) }

// Name returns the name that the file was opened by.
func (f *File) Name() Name { return f.name }

// Close closes the file and makes f ready to be used again. A second Close does nothing. It
// waits for nothing, unless the file was unlinked meanwhile: then freeing its blocks may.
func (f *File) Close() error {
	if f.root == nil {
		return nil
	}
	fault := f.root.fault(OpClose, f.name)
	var err error
	if f.portable != nil {
		err = f.portable.Close()
	} else {
		err = closeDescriptor(f.fd)
	}
	if fault != nil {
		err = fault
	}
	n := f.name
	*f = File{fd: -1}
	return newError(OpClose, n, err)
}

// ReadCached reads len(p) bytes at off if all of them are in memory, without waiting for a disk
// and without allocating. ErrWouldBlock means that they are not all there, or that the filesystem
// cannot say; the n bytes that it may have read are good. At the file's end it returns fewer
// bytes and io.EOF, as io.ReaderAt does.
func (f *File) ReadCached(p []byte, off int64) (int, error) {
	r := f.root
	if len(p) == 0 {
		return 0, nil
	}
	allowed, err := r.allowance(OpRead, f.name, len(p))
	if err != nil {
		if wouldBlock(err) {
			return 0, ErrWouldBlock
		}
		return 0, newError(OpRead, f.name, err)
	}
	if r.options.Portable || r.noWait.has(f.device) {
		return 0, ErrWouldBlock
	}
	n, err := readNoWait(f.fd, p[:allowed], off)
	switch {
	case wouldBlock(err):
		return 0, ErrWouldBlock
	case errors.Is(err, errors.ErrUnsupported):
		r.noWait.add(f.device)
		return 0, ErrWouldBlock
	case err != nil:
		return 0, newError(OpRead, f.name, err)
	case n == len(p):
		return n, nil
	case off+int64(n) < f.size:
		// The rest is not in memory, or the file has shrunk: ReadAt will tell. Linux 5.9 and
		// 5.10 also returned 0 for what was only not in memory.
		return n, ErrWouldBlock
	}
	return n, io.EOF
}

// ReadAt reads len(p) bytes at off as io.ReaderAt does. It may block.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := f.root.allowance(OpRead, f.name, len(p)-done)
		if err == nil {
			n, err = f.read(p[done:done+n], off+int64(done))
			done += n
		}
		if errors.Is(err, io.EOF) {
			return done, io.EOF
		}
		if err != nil {
			return done, newError(OpRead, f.name, err)
		}
	}
	return done, nil
}

func (f *File) read(p []byte, off int64) (int, error) {
	if f.portable != nil {
		return f.portable.ReadAt(p, off)
	}
	return readFull(f.fd, p, off)
}

// Cached reports whether all of the n bytes at off are in memory, so that sending them waits for
// no disk. What lies past the file's end counts as there. It is false when the system cannot
// say, which on Linux includes files that this user neither owns nor may write. It does not wait
// and does not allocate.
func (f *File) Cached(off, n int64) bool {
	r := f.root
	if r.options.Portable || r.noCachestat.Load() || r.fault(OpRead, f.name) != nil {
		return false
	}
	n = min(n, f.size-off)
	if n <= 0 {
		return true
	}
	cached, err := pagesCached(f.fd, off, n)
	if errors.Is(err, errors.ErrUnsupported) {
		r.noCachestat.Store(true)
	}
	if !cached || err != nil {
		return false
	}
	// cachestat counts pages that a read-ahead has asked for and that have not arrived; sendfile
	// would wait for them. They arrive in order, nearly, so that the last one tells.
	if r.noWait.has(f.device) {
		return true
	}
	var last [1]byte
	_, err = readNoWait(f.fd, last[:], off+n-1)
	return !wouldBlock(err)
}

// ReadAhead brings the n bytes at off into memory, and asks the system to begin with the n bytes
// that follow them. It reads through scratch, whose content is lost; with an empty scratch it
// only asks. It may block. A file that has shrunk is no error here: whoever sends it notices.
func (f *File) ReadAhead(off, n int64, scratch []byte) error {
	if !f.root.options.Portable {
		// In this order, so that the disk begins with what is waited for.
		adviseWillNeed(f.fd, off, n)
		adviseWillNeed(f.fd, off+n, n)
	}
	if len(scratch) == 0 {
		return nil
	}
	for n > 0 {
		got, err := f.ReadAt(scratch[:min(n, int64(len(scratch)))], off)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		off += int64(got)
		n -= int64(got)
	}
	return nil
}

// openPortable opens a plain file by way of os.Root, its type looked at first. A FIFO or device
// that takes its place in between is met with O_NONBLOCK, looked at again and closed.
func openPortable(root *os.Root, name string, flags int) (*os.File, error) {
	before, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, errNotPlain
	}
	f, err := root.OpenFile(name, flags, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !after.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		closeRead(f)
		return nil, err
	}
	return f, nil
}

// closeRead closes what was only read: there is nothing that could fail to reach the disk.
func closeRead(f *os.File) { _ = f.Close() }
