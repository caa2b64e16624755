package dir

import (
	"errors"
	"math"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"ferry/fsio"
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

// closeCopy closes a second descriptor of the same open file: what that returns is what closing
// the file would, while the file and its lock stay. Most filesystems have nothing to tell.
func closeCopy(fd int) error {
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(again)
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

func inodeOf(info os.FileInfo) inode {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return inode{device: uint64(st.Dev), number: st.Ino}
	}
	return inode{}
}

// identify says which file is open, and what would change if its content did.
func identify(f int) (fsio.Identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f, &st); err != nil {
		return fsio.Identity{}, err
	}
	return fsio.Identity{
		Device: uint64(st.Dev), Inode: st.Ino, Links: uint64(st.Nlink), Size: st.Size,
		Modified: st.Mtim.Nano(), Changed: st.Ctim.Nano(),
	}, nil
}
