//go:build linux && !ferryportable

package dir

import (
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
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
	pages, err := pagesInMemory(fd, off, n)
	if err != nil {
		if errors.Is(err, unix.ENOSYS) {
			return false, errUnsupported
		}
		return false, nil
	}
	return pages >= uint64(last-first+1), nil
}

// pagesInMemory asks cachestat how many pages of the range are in memory.
func pagesInMemory(fd int, off, n int64) (uint64, error) {
	area := unix.CachestatRange{Off: uint64(off), Len: uint64(n)}
	var stat unix.Cachestat_t
	err := unix.Cachestat(uint(fd), &area, &stat, 0)
	return stat.Cache, err
}

// adviseWillNeed asks for a range. The answer does not matter: reading it comes next.
func adviseWillNeed(fd int, off, n int64) {
	_ = unix.Fadvise(fd, off, n, unix.FADV_WILLNEED)
}

// adviseDontNeed puts a range out of memory, what is still to be written aside.
func adviseDontNeed(fd int, off, n int64) {
	_ = unix.Fadvise(fd, off, n, unix.FADV_DONTNEED)
}
