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

// closeCopy closes a second descriptor of the same open file: what that returns is what closing
// the file would, while the file and its lock stay. Most filesystems have nothing to tell.
func closeCopy(fd int) error {
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(again)
}

// handle opens the folder that an os.Root stands for, since os.Root shows no descriptor. Names in
// it are single parts, so that no link is on the way.
func (d rootFolder) handle() (*os.File, error) {
	return d.root.OpenFile(".", handleFlags, 0)
}

// removeFolderIn removes an empty folder and nothing else; os.Root.Remove would take a file too.
func removeFolderIn(d rootFolder, base string) error {
	f, err := d.handle()
	if err != nil {
		return err
	}
	defer closeRead(f)
	return unix.Unlinkat(int(f.Fd()), base, unix.AT_REMOVEDIR)
}

// renameBetween renames from one open folder into another; os.Root.Rename knows one only.
func renameBetween(from rootFolder, base string, to rootFolder, target string) error {
	return withHandles(from, to, func(a, b int) error {
		return unix.Renameat(a, base, b, target)
	})
}

// linkBetween gives a file a second name, in another open folder.
func linkBetween(from rootFolder, base string, to rootFolder, target string) error {
	return withHandles(from, to, func(a, b int) error {
		return unix.Linkat(a, base, b, target, 0)
	})
}

func withHandles(from, to rootFolder, do func(a, b int) error) error {
	a, err := from.handle()
	if err != nil {
		return err
	}
	defer closeRead(a)
	b, err := to.handle()
	if err != nil {
		return err
	}
	defer closeRead(b)
	return do(int(a.Fd()), int(b.Fd()))
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
func deviceOf(info os.FileInfo) uint64 { return inodeOf(info).device }

func inodeOf(info os.FileInfo) inode {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return inode{device: uint64(st.Dev), number: st.Ino}
	}
	return inode{}
}

// identify says which file is open, and what would change if its content did.
func identify(f int) (identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f, &st); err != nil {
		return identity{}, err
	}
	return identity{
		inode:    inode{device: uint64(st.Dev), number: st.Ino},
		links:    uint64(st.Nlink),
		size:     st.Size,
		modified: st.Mtim.Nano(),
		changed:  st.Ctim.Nano(),
	}, nil
}
