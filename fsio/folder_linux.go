//go:build linux && !ferryportable

package fsio

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func (k *kernel) folder(n Name, u use) (folder, error) {
	if n.IsRoot() && u == useNames {
		return kernelFolder{kernel: k, fd: k.root}, nil
	}
	flags, resolve := unix.O_DIRECTORY|unix.O_CLOEXEC, uint64(beneath)
	switch u {
	case useNames:
		flags |= unix.O_PATH
	case useListing:
	case useSweep:
		resolve |= unix.RESOLVE_NO_SYMLINKS
	}
	fd, err := openat2(k.root, n.zero(), flags, resolve)
	if err != nil {
		return nil, err
	}
	return kernelFolder{kernel: k, fd: fd, owned: true}, nil
}

// kernelFolder is a folder as a descriptor.
type kernelFolder struct {
	kernel *kernel
	fd     int
	owned  bool // False for the root's own descriptor, which stays open.
}

func (d kernelFolder) lookup(base string) (entryType, error) {
	m, err := d.stat(base)
	return m.kind, err
}

func (d kernelFolder) stat(base string) (meta, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return meta{}, err
	}
	return metaOfStat(&st), nil
}

func (d kernelFolder) create(base string) (*os.File, error) {
	fd, err := d.createDescriptor(base)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), base), nil
}

// createDescriptor is create without an os.File, which costs a call and memory of its own.
func (d kernelFolder) createDescriptor(base string) (int, error) {
	const flags = unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	for {
		fd, err := unix.Openat(d.fd, base, flags, 0o666)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

func (d kernelFolder) open(base string) (*os.File, error) {
	return d.openPlain(base, unix.O_RDONLY)
}

func (d kernelFolder) openBoth(base string) (*os.File, error) {
	return d.openPlain(base, unix.O_RDWR)
}

func (d kernelFolder) openPlain(base string, access int) (*os.File, error) {
	var st unix.Stat_t
	const resolve = beneath | unix.RESOLVE_NO_SYMLINKS
	fd, err := d.kernel.openPlain(d.fd, base+"\x00", access, resolve, &st)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), base), nil
}

func (d kernelFolder) inner(base string) (folder, error) {
	fd, err := openat2(d.fd, base+"\x00", unix.O_DIRECTORY|unix.O_CLOEXEC,
		beneath|unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return nil, err
	}
	return kernelFolder{kernel: d.kernel, fd: fd, owned: true}, nil
}

func (d kernelFolder) inode() (inode, error) {
	var st unix.Stat_t
	err := unix.Fstat(d.fd, &st)
	return inode{device: st.Dev, number: st.Ino}, err
}

func (d kernelFolder) sync() error {
	fd, err := openat2(d.fd, ".\x00", unix.O_DIRECTORY|unix.O_CLOEXEC, beneath)
	if err != nil {
		return err
	}
	defer release(fd)
	for {
		if err := unix.Fsync(fd); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (d kernelFolder) rename(from string, to folder, base string) error {
	return unix.Renameat(d.fd, from, to.(kernelFolder).fd, base)
}

func (d kernelFolder) renameNew(from string, to folder, base string) error {
	target := to.(kernelFolder)
	err := unix.Renameat2(d.fd, from, target.fd, base, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return d.linkNew(from, target, base)
	}
	return err
}

// linkNew is renameNew for filesystems that do not know RENAME_NOREPLACE. A folder cannot have a
// second name; what appears between the look and the rename is replaced if it is an empty folder.
func (d kernelFolder) linkNew(from string, to kernelFolder, base string) error {
	kind, err := d.lookup(from)
	if err != nil {
		return err
	}
	if kind == typeFolder {
		if err := wantNothing(to, base); err != nil {
			return err
		}
		return unix.Renameat(d.fd, from, to.fd, base)
	}
	if err := unix.Linkat(d.fd, from, to.fd, base, 0); err != nil {
		return err
	}
	// The file has its name. A second name that cannot be removed now is left for the sweep.
	_ = unix.Unlinkat(d.fd, from, 0)
	return nil
}

func (d kernelFolder) remove(base string) error { return unix.Unlinkat(d.fd, base, 0) }

func (d kernelFolder) makeFolder(base string, mode uint32) error {
	return unix.Mkdirat(d.fd, base, mode)
}

func (d kernelFolder) removeFolder(base string) error {
	return unix.Unlinkat(d.fd, base, unix.AT_REMOVEDIR)
}

func (d kernelFolder) close() {
	if d.owned {
		release(d.fd)
	}
}

func metaOfStat(st *unix.Stat_t) meta {
	return meta{
		kind: typeOfStat(st), size: st.Size, changed: time.Unix(st.Mtim.Unix()),
		inode: inode{device: st.Dev, number: st.Ino},
	}
}

func typeOfStat(st *unix.Stat_t) entryType {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return typePlain
	case unix.S_IFDIR:
		return typeFolder
	case unix.S_IFLNK:
		return typeLink
	default:
		return typeOther
	}
}
