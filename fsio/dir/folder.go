package dir

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ferry/fsio"
)

// use says what a folder is opened for.
type use uint8

const (
	useNames   use = iota // Making, renaming and removing entries.
	useListing            // Reading its entries.
	useSweep              // Both, and links on the way to it are not followed.
)

// inode tells files apart, whatever their names.
type inode struct{ device, number uint64 }

// folder is an open folder beneath the root. Whatever becomes of its name or of the links on the
// way to it, its methods work in that folder. Their names are single parts, and links that have
// those names are never followed. It is owned by one goroutine at a time. The zero folder may be
// closed.
type folder struct {
	fd    int
	owned bool // False for the root's own descriptor, which stays open.
}

func (r *store) openFolder(n fsio.Name, u use) (folder, error) {
	if err := r.fault(fsio.OpFolder, n); err != nil {
		return folder{}, err
	}
	return r.folder(n, u)
}

// folder is openFolder without its fault.
func (r *store) folder(n fsio.Name, u use) (folder, error) {
	if r.kernel != nil {
		return r.kernel.folder(n, u)
	}
	flags := handleFlags
	if u != useNames {
		flags = unix.O_RDONLY | unix.O_DIRECTORY
	}
	f, err := r.root.OpenFile(local(n), flags, 0)
	if err != nil {
		return folder{}, err
	}
	defer closeRead(f)
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	return folder{fd: fd, owned: true}, err
}

// stat describes what has that name, a link itself included.
func (d folder) stat(base string) (fsio.Entry, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fsio.Entry{}, err
	}
	return entryOf(&st), nil
}

func (d folder) lookup(base string) (fsio.EntryKind, error) {
	e, err := d.stat(base)
	return e.Kind, err
}

func (d folder) readlink(base string) (string, error) {
	buf := make([]byte, fsio.NameMax)
	n, err := unix.Readlinkat(d.fd, base, buf)
	return string(buf[:max(n, 0)]), err
}

// openat opens a name without following it.
func (d folder) openat(base string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(d.fd, base, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

func (d folder) create(base string) (*os.File, error) {
	fd, err := d.createDescriptor(base)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), base), nil
}

// createDescriptor is create without an os.File, which costs a call and memory of its own.
func (d folder) createDescriptor(base string) (int, error) {
	return d.openat(base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, 0o666)
}

// openPlain looks at the file first, since to open anything else may act or wait.
func (d folder) openPlain(base string, access int) (*os.File, error) {
	before, err := d.stat(base)
	if err != nil {
		return nil, err
	}
	if before.Kind != fsio.EntryFile {
		return nil, errNotPlain
	}
	fd, err := d.openat(base, access|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), base)
	id, err := identify(fd)
	if err == nil && (id.Device != before.Device || id.Inode != before.Inode) {
		err = errBusy
	}
	if err != nil {
		closeRead(f)
		return nil, err
	}
	return f, nil
}

// inner opens a folder in this one, to list and to work in.
func (d folder) inner(base string) (folder, error) {
	fd, err := d.openat(base, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	return folder{fd: fd, owned: err == nil}, err
}

func (d folder) inode() (inode, error) {
	id, err := identify(d.fd)
	return inode{id.Device, id.Inode}, err
}

func (d folder) sync() error {
	again, err := d.inner(".")
	if err != nil {
		return err
	}
	defer again.close()
	return retry(func() error { return unix.Fsync(again.fd) })
}

// rename replaces what has the name base in the folder to. The kernel sees to it that a folder
// replaces at most an empty folder, and a file no folder.
func (d folder) rename(from string, to folder, base string) error {
	return unix.Renameat(d.fd, from, to.fd, base)
}

// renameNew fails with EEXIST when something has the name.
func (d folder) renameNew(from string, to folder, base string) error {
	err := renameNoReplace(d.fd, from, to.fd, base)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return d.linkNew(from, to, base)
	}
	return err
}

// linkNew is renameNew where the system or the filesystem cannot do it in one step. A folder
// cannot have a second name; what appears between the look and the rename is replaced if it is an
// empty folder.
func (d folder) linkNew(from string, to folder, base string) error {
	kind, err := d.lookup(from)
	if err != nil {
		return err
	}
	if kind == fsio.EntryFolder {
		_, err := to.lookup(base)
		switch {
		case err == nil:
			return syscall.EEXIST
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		return d.rename(from, to, base)
	}
	if err := unix.Linkat(d.fd, from, to.fd, base, 0); err != nil {
		return err
	}
	_ = d.remove(from) // The file has its name. A second one that stays is left for the sweep.
	return nil
}

func (d folder) remove(base string) error { return unix.Unlinkat(d.fd, base, 0) }

func (d folder) makeFolder(base string, mode uint32) error {
	return unix.Mkdirat(d.fd, base, mode)
}

// removeFolder removes an empty folder, never a link to one.
func (d folder) removeFolder(base string) error {
	return unix.Unlinkat(d.fd, base, unix.AT_REMOVEDIR)
}

func (d folder) close() {
	if d.owned {
		release(d.fd)
	}
}

// release closes a descriptor that nothing was written to: there is nothing to be told.
func release(fd int) { _ = unix.Close(fd) }

func entryOf(st *unix.Stat_t) fsio.Entry {
	e := fsio.Entry{
		Kind: kindOf(st), Size: st.Size, ModTime: time.Unix(st.Mtim.Unix()),
		Mode: fs.FileMode(st.Mode & 0o777), Device: uint64(st.Dev), Inode: st.Ino,
	}
	if e.Kind == fsio.EntryFolder {
		e.Size = 0
	}
	return e
}

func kindOf(st *unix.Stat_t) fsio.EntryKind {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return fsio.EntryFile
	case unix.S_IFDIR:
		return fsio.EntryFolder
	case unix.S_IFLNK:
		return fsio.EntryLink
	default:
		return fsio.EntryOther
	}
}

// local returns the path as package os wants it.
func local(n fsio.Name) string {
	if n.IsRoot() {
		return "."
	}
	return n.String()
}
