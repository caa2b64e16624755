//go:build linux || darwin || freebsd

package fsio

import (
	"errors"
	"math"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const openPlainFlags = os.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY

// tryLock locks the file for this open of it, and reports false when another has it locked. The
// lock ends with the descriptor, so that a killed server leaves none behind.
func tryLock(f *os.File) (bool, error) {
	defer runtime.KeepAlive(f)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, err
		}
	}
}

// linkCount returns how many names an open file still has.
func linkCount(f *os.File) (uint64, error) {
	defer runtime.KeepAlive(f)
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	return uint64(st.Nlink), err
}

// closeCopy closes a second descriptor of the same open file: what that returns is what closing
// the file would, while the file and its lock stay. Most filesystems have nothing to tell.
func closeCopy(f *os.File) error {
	defer runtime.KeepAlive(f)
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// freeBytes returns what is left on the filesystem of an open file for this user.
func freeBytes(f *os.File) (int64, error) {
	defer runtime.KeepAlive(f)
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, err
	}
	return freeOf(&st), nil
}

// freeOf multiplies; a filesystem that claims more than an int64 holds has all of that.
func freeOf(st *unix.Statfs_t) int64 {
	blocks, size := int64(st.Bavail), blockSize(st)
	switch {
	case blocks <= 0 || size <= 0:
		return 0
	case blocks > math.MaxInt64/size:
		return math.MaxInt64
	}
	return blocks * size
}

// deviceOf returns the number of the filesystem that the file is on.
func deviceOf(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev)
	}
	return 0
}
