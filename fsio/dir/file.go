package dir

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

func (r *store) OpenCached(f *fsio.File, n fsio.Name) error { return r.open(f, n, true) }

func (r *store) Open(f *fsio.File, n fsio.Name) error { return r.open(f, n, false) }

func (r *store) open(f *fsio.File, n fsio.Name, cached bool) error {
	f.WantClosed()
	if n.IsRoot() || n.MeansFolder() {
		return fsio.NewError(fsio.OpOpen, n, errNotPlain)
	}
	var h fsio.Held
	err := r.fault(fsio.OpOpen, n)
	switch {
	case err != nil:
	case r.kernel != nil:
		h, err = r.kernel.open(n, cached)
	case cached:
		return fsio.ErrWouldBlock
	default:
		h, err = r.openPortable(n)
	}
	if err != nil {
		switch {
		case !wouldBlock(err):
		case cached:
			return fsio.ErrWouldBlock
		default:
			err = errBusy // Another program holds a lease on the file; it was told to let go.
		}
		return fsio.NewError(fsio.OpOpen, n, err)
	}
	f.Opened(reader{r}, n, h)
	return nil
}

// openPortable opens a plain file by way of os.Root, its kind looked at first. A FIFO or device
// that takes its place in between is met with O_NONBLOCK, looked at again and closed.
func (r *store) openPortable(n fsio.Name) (h fsio.Held, err error) {
	before, err := r.root.Stat(local(n))
	if err == nil && !before.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		return h, err
	}
	f, err := r.root.OpenFile(local(n), openPlainFlags, 0)
	if err != nil {
		return h, err
	}
	h = fsio.Held{Descriptor: int(f.Fd()), Data: f}
	var st unix.Stat_t
	err = unix.Fstat(h.Descriptor, &st)
	if err == nil && kindOf(&st) != fsio.EntryFile {
		err = errNotPlain
	}
	if err != nil {
		closeRead(f)
	}
	h.Bytes, h.Changed, h.Device = st.Size, time.Unix(st.Mtim.Unix()), uint64(st.Dev)
	return h, err
}

// reader reads the open files of a root. Data of a file is its *os.File if os.Root opened it.
type reader struct{ *store }

func (r reader) CloseFile(f *fsio.File) error {
	fault := r.fault(fsio.OpClose, f.Name())
	var err error
	if file, ok := f.Data.(*os.File); ok {
		err = file.Close()
	} else {
		err = unix.Close(f.Descriptor)
	}
	if fault != nil {
		err = fault
	}
	return fsio.NewError(fsio.OpClose, f.Name(), err)
}

func (r reader) ReadCached(f *fsio.File, p []byte, off int64) (int, error) {
	n, err := r.allowance(fsio.OpRead, f.Name(), len(p))
	switch {
	case err != nil:
	case r.options.Portable || r.noWait.Load() == f.Device:
		return 0, fsio.ErrWouldBlock
	default:
		n, err = readNoWait(f.Descriptor, p[:n], off)
	}
	switch {
	case wouldBlock(err):
		return 0, fsio.ErrWouldBlock
	case errors.Is(err, errors.ErrUnsupported):
		r.noWait.Store(f.Device)
		return 0, fsio.ErrWouldBlock
	case err != nil:
		return 0, fsio.NewError(fsio.OpRead, f.Name(), err)
	case n == len(p):
		return n, nil
	case off+int64(n) < f.Bytes:
		// The rest is not in memory, or the file has shrunk: ReadAt will tell. Linux 5.9 and
		// 5.10 also returned 0 for what was only not in memory.
		return n, fsio.ErrWouldBlock
	}
	return n, io.EOF
}

func (r reader) ReadAt(f *fsio.File, p []byte, off int64) (int, error) {
	return r.readAt(f.Name(), f.Descriptor, p, off)
}

// readAt reads until p is full or the file ends.
func (r *store) readAt(n fsio.Name, fd int, p []byte, off int64) (int, error) {
	for done := 0; ; {
		if done == len(p) {
			return done, nil
		}
		allowed, err := r.allowance(fsio.OpRead, n, len(p)-done)
		m := 0
		if err == nil {
			m, err = unix.Pread(fd, p[done:done+allowed], off+int64(done))
		}
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return done, fsio.NewError(fsio.OpRead, n, err)
		case m == 0:
			return done, io.EOF
		default:
			done += m
		}
	}
}

// Cached is false for files that this user neither owns nor may write: cachestat refuses them.
func (r reader) Cached(f *fsio.File, off, n int64) bool {
	if r.options.Portable || r.noCachestat.Load() || r.fault(fsio.OpRead, f.Name()) != nil {
		return false
	}
	n = min(n, f.Bytes-off)
	if n <= 0 {
		return true
	}
	cached, err := pagesCached(f.Descriptor, off, n)
	if errors.Is(err, errors.ErrUnsupported) {
		r.noCachestat.Store(true)
	}
	if !cached || err != nil {
		return false
	}
	// cachestat counts pages that a read-ahead has asked for and that have not arrived; sendfile
	// would wait for them. They arrive in order, nearly, so that the last one tells.
	if r.noWait.Load() == f.Device {
		return true
	}
	var last [1]byte
	_, err = readNoWait(f.Descriptor, last[:], off+n-1)
	return !wouldBlock(err)
}

func (r reader) ReadAhead(f *fsio.File, off, n int64, scratch []byte) error {
	if !r.options.Portable {
		// In this order, so that the disk begins with what is waited for.
		adviseWillNeed(f.Descriptor, off, n)
		adviseWillNeed(f.Descriptor, off+n, n)
	}
	if len(scratch) == 0 {
		return nil
	}
	for n > 0 {
		got, err := r.ReadAt(f, scratch[:min(n, int64(len(scratch)))], off)
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

func (r reader) Identify(f *fsio.File) (fsio.Identity, error) {
	if err := r.fault(fsio.OpStat, f.Name()); err != nil {
		return fsio.Identity{}, err
	}
	return identify(f.Descriptor)
}

// closeRead closes what was only read: there is nothing that could fail to reach the disk.
func closeRead(f *os.File) { _ = f.Close() }
