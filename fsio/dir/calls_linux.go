//go:build linux && !ferryportable

package dir

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

// readNoWait reads what is in memory. EAGAIN: nothing of it is; EOPNOTSUPP: the filesystem, or
// the kernel, does not read in that way.
func readNoWait(fd int, p []byte, off int64) (int, error) {
	iov := unix.Iovec{Base: &p[0]}
	iov.SetLen(len(p))
	for {
		// On 64 bits the second half of the offset is not looked at.
		n, _, errno := unix.Syscall6(unix.SYS_PREADV2, uintptr(fd), uintptr(unsafe.Pointer(&iov)),
			1, uintptr(off), uintptr(uint64(off)>>32), unix.RWF_NOWAIT)
		runtime.KeepAlive(p)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		case unix.EINVAL, unix.ENOSYS, unix.EPERM:
			// Kernels before 4.14 and sandboxes have no such call.
			return 0, unix.EOPNOTSUPP
		default:
			return 0, errno
		}
	}
}

// pagesCached asks cachestat whether every page of the range is in memory. ENOSYS says that the
// kernel does not know the call; other errors are about this one file.
func pagesCached(fd int, off, n int64) (bool, error) {
	page := int64(unix.Getpagesize())
	first, last := off/page, (off+n-1)/page
	area := unix.CachestatRange{Off: uint64(off), Len: uint64(n)}
	var stat unix.Cachestat_t
	err := unix.Cachestat(uint(fd), &area, &stat, 0)
	if errors.Is(err, unix.ENOSYS) {
		return false, errUnsupported
	}
	return err == nil && stat.Cache >= uint64(last-first+1), nil
}

// adviseWillNeed asks for a range. The answer does not matter: reading it comes next.
func adviseWillNeed(fd int, off, n int64) {
	_ = unix.Fadvise(fd, off, n, unix.FADV_WILLNEED)
}

func spliceTo(fd, pipe int, off int64, n int) (int, error) {
	const flags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK
	moved := 0
	for moved < n {
		got, err := unix.Splice(pipe, nil, fd, &off, n-moved, flags)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
			return moved, errUnsupported
		case err != nil:
			return moved, err
		case got == 0:
			return moved, io.ErrUnexpectedEOF // Nobody can write to the pipe any more.
		default:
			moved += int(got) // The kernel moves off on.
		}
	}
	return moved, nil
}

func allocate(fd int, off, n int64) error {
	return retry(func() error {
		return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
}

func syncFilesystem(f *os.File) error {
	defer runtime.KeepAlive(f)
	return retry(func() error { return unix.Syncfs(int(f.Fd())) })
}

// storeUnnamed stores data under a name that nothing has. The file has no name until it is whole:
// where this process is killed nothing is left of it, no sweep can meet it, so that it needs no
// lock, and its folder changes once and not three times.
//
// It reports false without an error where another way is to serve, or is to say what is wrong:
// not every filesystem has files without names, and somebody may have taken the name.
func (u *upload) storeUnnamed(data []byte) (stored bool, err error) {
	if u.root.kernel == nil {
		return false, nil
	}
	if err := u.root.fault(fsio.OpCreate, u.name); err != nil {
		return false, fsio.NewError(fsio.OpCreate, u.name, err)
	}
	const flags = unix.O_TMPFILE | unix.O_WRONLY | unix.O_CLOEXEC
	fd, err := unix.Openat(u.home.fd, ".", flags, 0o666)
	if err != nil {
		return false, nil
	}
	defer release(fd)
	if err := u.fill(fd, data); err != nil {
		return false, err
	}
	if err := u.root.fault(fsio.OpRename, u.name); err != nil {
		return false, fsio.NewError(fsio.OpRename, u.name, err)
	}
	// By way of /proc, since the other one, AT_EMPTY_PATH, was for privileged users until Linux
	// 6.10.
	return unix.Linkat(u.root.kernel.proc, strconv.Itoa(fd), u.home.fd, u.base,
		unix.AT_SYMLINK_FOLLOW) == nil, nil
}

// fill writes data to a new file, and asks what closing it would tell.
func (u *upload) fill(fd int, data []byte) error {
	for done := 0; done < len(data); {
		n, err := u.root.allowance(fsio.OpWrite, u.name, len(data)-done)
		if err == nil {
			n, err = unix.Pwrite(fd, data[done:done+n], int64(done))
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fsio.NewError(fsio.OpWrite, u.name, err)
		}
		done += max(n, 0)
	}
	return u.root.do(fsio.OpClose, u.name, func() error { return closeCopy(fd) })
}

// storeOver replaces a file in fewer calls than an upload does. Its temporary file is not locked: a
// sweep may take it, and then it is made anew, since all of its bytes are at hand.
func (u *upload) storeOver(data []byte) (stored bool, err error) {
	if u.root.kernel == nil {
		return false, nil
	}
	for range createTriesMax {
		if err := u.root.fault(fsio.OpCreate, u.name); err != nil {
			return false, fsio.NewError(fsio.OpCreate, u.name, err)
		}
		temporary := temporaryName(rand.Uint64())
		fd, err := u.home.createDescriptor(temporary)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return false, fsio.NewError(fsio.OpCreate, u.name, err)
		}
		err = u.fill(fd, data)
		if err == nil {
			err = u.rename(u.home, temporary, false)
		}
		release(fd)
		if err == nil {
			return true, nil
		}
		taken := errors.Is(u.home.remove(temporary), unix.ENOENT)
		if !taken {
			return false, err // The first error says why.
		}
	}
	return false, fsio.NewError(fsio.OpCreate, u.name, errBusy)
}
