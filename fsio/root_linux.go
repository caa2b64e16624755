//go:build linux && !ferryportable

package fsio

import (
	"errors"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel resolves names beneath the root with openat2. It holds no state but descriptors, so
// that any number of loops share it.
type kernel struct {
	root   int  // The root, O_PATH.
	proc   int  // /proc/self/fd, O_PATH; -1 where there is none.
	cached bool // RESOLVE_CACHED is known.
}

const (
	beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS

	// resolveCached is RESOLVE_CACHED (Linux 5.12), which package unix does not name.
	resolveCached = 0x20
)

// resolveTriesMax bounds how often a name is resolved anew when a rename anywhere in the system
// came between: the kernel then cannot vouch for a `..` in a link. Renames are short, so that
// this many in a row mean an attack.
const resolveTriesMax = 128

// newKernel opens dir and probes openat2. It returns nil where a sandbox or an old kernel refuses
// it with whatever errno: os.Root then shows whether the folder itself is at fault.
func newKernel(dir string) (*kernel, error) {
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	k := &kernel{root: root, proc: -1}
	fd, err := openat2(root, ".\x00", unix.O_PATH|unix.O_CLOEXEC, beneath)
	if err != nil {
		return nil, k.close()
	}
	release(fd)
	fd, err = openat2(root, ".\x00", unix.O_PATH|unix.O_CLOEXEC, beneath|resolveCached)
	if err == nil {
		release(fd)
	}
	k.cached = err == nil || errors.Is(err, unix.EAGAIN)
	k.proc = openProc()
	return k, nil
}

// openProc opens the folder through which a descriptor's own inode is opened again, or returns
// -1 where it is not there or is something else.
func openProc() int {
	fd, err := unix.Open("/proc/self/fd", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil || st.Type != unix.PROC_SUPER_MAGIC {
		release(fd)
		return -1
	}
	return fd
}

func (k *kernel) close() error {
	if k.proc >= 0 {
		release(k.proc)
	}
	return unix.Close(k.root)
}

func (k *kernel) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(k.root, &st); err != nil {
		return 0, err
	}
	return freeOf(&st), nil
}

// openat2 opens path, which ends in NUL, without allocating. EAGAIN comes back only if
// RESOLVE_CACHED was asked for.
func openat2(dir int, path string, flags int, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags), Resolve: resolve}
	for try := 1; ; {
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT2, uintptr(dir),
			uintptr(unsafe.Pointer(unsafe.StringData(path))),
			uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
		switch {
		case errno == 0:
			return int(fd), nil
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN && resolve&resolveCached == 0:
			if try++; try > resolveTriesMax {
				return -1, errBusy
			}
			runtime.Gosched()
		default:
			return -1, errno
		}
	}
}

// openPlain opens a plain file, access being O_RDONLY or O_RDWR. Its type is looked at before
// anything is opened that could wait or act: O_PATH opens nothing but the name.
func (k *kernel) openPlain(
	dir int, path string, access int, resolve uint64, st *unix.Stat_t,
) (int, error) {
	if resolve&resolveCached != 0 && !k.cached {
		return -1, unix.EAGAIN
	}
	handle, err := openat2(dir, path, unix.O_PATH|unix.O_CLOEXEC, resolve)
	if err != nil {
		return -1, err
	}
	defer release(handle)
	if err := unix.Fstat(handle, st); err != nil {
		return -1, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return -1, unix.EISDIR
	default:
		return -1, errNotPlain
	}
	if k.proc >= 0 {
		fd, err := reopen(k.proc, handle, access)
		if !errors.Is(err, unix.ENOENT) { // ENOENT: /proc was unmounted.
			return fd, err
		}
	}
	return reopenByName(dir, path, access, resolve, st)
}

const plainFlags = unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// reopen opens exactly the inode that handle stands for. It waits for no disk, since
// the inode is in memory; a network filesystem may ask its server here.
func reopen(proc, handle, access int) (int, error) {
	var digits [20]byte
	path := append(strconv.AppendInt(digits[:0], int64(handle), 10), 0)
	for {
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(proc),
			uintptr(unsafe.Pointer(&path[0])), uintptr(plainFlags|access), 0, 0, 0)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}

// reopenByName serves where there is no /proc: it opens the name anew, and refuses the outcome
// if it is not the inode that was looked at. O_NONBLOCK keeps a FIFO that took its place from
// holding us up.
func reopenByName(
	dir int, path string, access int, resolve uint64, st *unix.Stat_t,
) (int, error) {
	fd, err := openat2(dir, path, plainFlags|access, resolve)
	if err != nil {
		return -1, err
	}
	var again unix.Stat_t
	err = unix.Fstat(fd, &again)
	if err == nil && (again.Dev != st.Dev || again.Ino != st.Ino) {
		err = errBusy
	}
	if err != nil {
		release(fd)
		return -1, err
	}
	return fd, nil
}

func (k *kernel) open(f *File, n Name, cached bool) error {
	resolve := uint64(beneath)
	if cached {
		resolve |= resolveCached
	}
	var st unix.Stat_t
	fd, err := k.openPlain(k.root, n.zero(), unix.O_RDONLY, resolve, &st)
	if err != nil {
		return err
	}
	f.fd = fd
	f.size = st.Size
	f.device = st.Dev
	f.seconds, f.nanoseconds = st.Mtim.Unix()
	return nil
}

func (k *kernel) stat(n Name) (meta, error) {
	handle, err := openat2(k.root, n.zero(), unix.O_PATH|unix.O_CLOEXEC, beneath)
	if err != nil {
		return meta{}, err
	}
	defer release(handle)
	var st unix.Stat_t
	if err := unix.Fstat(handle, &st); err != nil {
		return meta{}, err
	}
	return metaOfStat(&st), nil
}

// release closes a descriptor that nothing was written to: there is nothing to be told.
func release(fd int) { _ = unix.Close(fd) }
