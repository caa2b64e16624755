//go:build linux && !ferryportable

package dir

import (
	"errors"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

// kernel resolves names beneath the root with openat2. It holds no state but descriptors, so
// that any number of loops share it.
type kernel struct {
	root   int  // The root, O_PATH.
	proc   int  // /proc/self/fd, O_PATH.
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

// newKernel opens dir and probes openat2 and /proc. It returns nil where a sandbox or an old kernel
// refuses either, with whatever errno: os.Root then shows whether the folder itself is at fault.
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
	if k.proc = openProc(); k.proc < 0 {
		return nil, k.close()
	}
	return k, nil
}

// procFolder is a variable for a test.
var procFolder = "/proc/self/fd"

// openProc opens the folder through which a descriptor's own inode is opened again, or returns
// -1 where it is not there or is something else.
func openProc() int {
	fd, err := unix.Open(procFolder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
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

// reopen opens exactly the inode that handle stands for. It waits for no disk, since
// the inode is in memory; a network filesystem may ask its server here.
func reopen(proc, handle int) (int, error) {
	var digits [20]byte
	path := append(strconv.AppendInt(digits[:0], int64(handle), 10), 0)
	for {
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(proc),
			uintptr(unsafe.Pointer(&path[0])), uintptr(openPlainFlags|unix.O_CLOEXEC), 0, 0, 0)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}

// open opens a plain file. Its kind is looked at before anything is opened that could wait or act:
// O_PATH opens nothing but the name.
func (k *kernel) open(n fsio.Name, cached bool) (h fsio.Held, err error) {
	resolve := uint64(beneath)
	if cached {
		if resolve |= resolveCached; !k.cached {
			return h, unix.EAGAIN
		}
	}
	var st unix.Stat_t
	handle, err := k.handle(n, resolve, &st)
	if err != nil {
		return h, err
	}
	defer release(handle)
	if kindOf(&st) != fsio.EntryFile {
		return h, errNotPlain
	}
	h = fsio.Held{Bytes: st.Size, Changed: time.Unix(st.Mtim.Unix()), Device: st.Dev}
	if h.Descriptor, err = reopen(k.proc, handle); errors.Is(err, unix.ENOENT) {
		err = errUnsupported // /proc was unmounted.
	}
	return h, err
}

func (k *kernel) stat(n fsio.Name) (fsio.Entry, error) {
	var st unix.Stat_t
	handle, err := k.handle(n, beneath, &st)
	if err != nil {
		return fsio.Entry{}, err
	}
	release(handle)
	return entryOf(&st), nil
}

// handle opens n without opening what has the name.
func (k *kernel) handle(n fsio.Name, resolve uint64, st *unix.Stat_t) (int, error) {
	handle, err := openat2(k.root, n.Zero(), unix.O_PATH|unix.O_CLOEXEC, resolve)
	if err != nil {
		return -1, err
	}
	if err := unix.Fstat(handle, st); err != nil {
		release(handle)
		return -1, err
	}
	return handle, nil
}

// setMeta changes an inode by way of /proc, since a handle alone does not allow it.
func (k *kernel) setMeta(n fsio.Name, m fsio.Meta) error {
	var st unix.Stat_t
	handle, err := k.handle(n, beneath, &st)
	if err != nil {
		return err
	}
	defer release(handle)
	if kind := kindOf(&st); kind != fsio.EntryFile && kind != fsio.EntryFolder {
		return errNotPlain
	}
	path := strconv.Itoa(handle)
	if m.SetMode {
		err = unix.Fchmodat(k.proc, path, uint32(m.Mode), 0)
	}
	if err != nil || m.ModTime.IsZero() {
		return err
	}
	at, err := unix.TimeToTimespec(m.ModTime)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(k.proc, path, []unix.Timespec{{Nsec: unix.UTIME_OMIT}, at}, 0)
}

func (k *kernel) folder(n fsio.Name, u use) (folder, error) {
	if n.IsRoot() && u == useNames {
		return folder{fd: k.root}, nil
	}
	flags, resolve := unix.O_DIRECTORY|unix.O_CLOEXEC, uint64(beneath)
	switch u {
	case useNames:
		flags |= unix.O_PATH
	case useListing:
	case useSweep:
		resolve |= unix.RESOLVE_NO_SYMLINKS
	}
	fd, err := openat2(k.root, n.Zero(), flags, resolve)
	return folder{fd: fd, owned: err == nil}, err
}

func renameNoReplace(from int, name string, to int, base string) error {
	return unix.Renameat2(from, name, to, base, unix.RENAME_NOREPLACE)
}
