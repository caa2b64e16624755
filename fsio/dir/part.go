package dir

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"time"

	"ferry/fsio"
)

// NewPart creates the file next to n and renames it into the folder of parts: it has the group and
// attributes that a file there gets, and Commit is known to work.
func (r *store) NewPart(n fsio.Name, o fsio.PartOptions) (string, error) {
	u, err := r.begin(n, o.NoReplace)
	if err != nil {
		return "", err
	}
	id, err := r.reserve(n, o.Owner)
	if err != nil {
		u.home.close()
		return "", fsio.NewError(fsio.OpCreate, n, err)
	}
	if err = u.createTemporary(); err == nil {
		err = u.becomePart(id, o.Owner)
	}
	if err != nil {
		r.parts.forget(id)
		return "", err
	}
	r.parts.release(id, 0)
	return id, nil
}

// becomePart moves the temporary file into the folder of parts, and ends the upload.
func (u *upload) becomePart(id, owner string) (err error) {
	for range createTriesMax {
		if err = u.moveToParts(id, owner); err == nil {
			u.close(false)
			return nil
		}
		// The last part may just have ended, and the folder with it.
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	_ = u.Abort() // The first error says why.
	if errors.Is(err, syscall.EXDEV) {
		err = errCrossDevice // Not a name that leads out of the root.
	}
	return fsio.NewError(fsio.OpRename, u.name, err)
}

// moveToParts is one try. The note is locked until the bytes are there: see partfolder.go.
func (u *upload) moveToParts(id, owner string) error {
	kept, err := u.root.partsFolder(u.name, true)
	if err != nil {
		return err
	}
	defer kept.close()
	f, err := u.root.createNote(kept, id, note{name: u.name, owner: owner})
	if err == nil {
		defer closeRead(f)
		if err = u.root.fault(fsio.OpRename, u.name); err == nil {
			err = u.home.renameNew(u.temp, kept, id)
		}
	}
	if err != nil {
		u.root.removeNote(u.name, kept, id)
	}
	return err
}

func (r *store) OpenPart(id string) (fsio.Part, error) {
	if r.options.ReadOnly {
		return nil, fsio.NewError(fsio.OpOpen, fsio.Name{}, errReadOnly)
	}
	n, size, err := r.parts.hold(id)
	if err != nil {
		return nil, fsio.NewError(fsio.OpOpen, fsio.Name{}, err)
	}
	u := &upload{root: r, name: n, id: id, temp: id}
	err = u.openPart()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.parts.forget(id)
		err = errNoPart
	case err != nil:
		r.parts.release(id, size)
	}
	if err != nil {
		return nil, fsio.NewError(fsio.OpOpen, n, err)
	}
	return u, nil
}

func (u *upload) openPart() (err error) {
	if u.kept, err = u.root.partsFolder(u.name, false); err != nil {
		return err
	}
	if err = u.root.fault(fsio.OpOpen, u.name); err == nil {
		u.file, err = u.kept.openPlain(u.id, os.O_RDWR)
	}
	if err == nil {
		if err = u.lock(); err != nil {
			_ = u.file.Close()
		}
	}
	if err != nil {
		u.kept.close()
		return err
	}
	// A previous holder may have been killed with blocks allocated.
	u.order, u.older, u.allocated = uploads.Add(1), u.size > 0, !u.root.options.Portable
	return nil
}

// lockTriesMax is how often, a millisecond apart, a locked part is tried again: sweeps of other
// servers lock a file for a moment. Holders in this process are known without a lock.
const lockTriesMax = 20

// lock locks the part's file. Another server may have committed or dropped the part since it was
// opened: it is still a part only if it has its name in the folder of parts, and no other.
func (u *upload) lock() error {
	if err := u.root.do(fsio.OpLock, u.name, func() error {
		locked, err := tryLock(u.file)
		for tries := 1; tries < lockTriesMax && !locked && err == nil; tries++ {
			<-time.After(time.Millisecond)
			locked, err = tryLock(u.file)
		}
		if err == nil && !locked {
			return errHeld
		}
		// Some filesystems support no locks: then only this process's holders exclude each other.
		return nil
	}); err != nil {
		return err
	}
	if err := u.root.fault(fsio.OpStat, u.name); err != nil {
		return fsio.NewError(fsio.OpStat, u.name, err)
	}
	named, err := u.kept.stat(u.id)
	if err != nil {
		return err
	}
	id, err := identify(int(u.file.Fd()))
	if err != nil {
		return err
	}
	if id.Inode != named.Inode || id.Device != named.Device || id.Links == 0 {
		return syscall.ENOENT
	}
	if id.Links > 1 {
		// Where the filesystem cannot rename without replacing, Commit links and then unlinks. A
		// server was killed in between.
		_ = u.kept.remove(u.id)
		u.root.removeNote(u.name, u.kept, u.id)
		return syscall.ENOENT
	}
	u.size, u.found = id.Size, id.Size
	return nil
}

func (u *upload) Size() int64 { return u.size }

func (u *upload) ReadAt(p []byte, off int64) (int, error) {
	if err := u.want(fsio.OpRead, off); err != nil {
		return 0, err
	}
	defer runtime.KeepAlive(u.file)
	return u.root.readAt(u.name, int(u.file.Fd()), p, off)
}

func (u *upload) Close() error {
	if u.ended {
		return nil
	}
	u.broken = nil // The caller was told.
	if u.size == u.found && !u.touched {
		// Freeing blocks would renew the lifetime of a part that nobody wrote to.
		u.allocated = false
	}
	err := u.flush()
	u.close(false)
	return err
}
