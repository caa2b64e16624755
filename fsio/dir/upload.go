package dir

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"

	"ferry/fsio"
)

// upload is a file that is being written: an fsio.Upload, or an fsio.Part if it has an id. One
// goroutine at a time uses it.
//
// The file of an Upload is a hidden temporary file in the folder of its name. That folder is held
// open, so that neither links that change nor folders that move lead it elsewhere. The file of a
// Part is in the folder of parts. Both are locked while they are in use.
type upload struct {
	root      *store
	name      fsio.Name
	id        string
	noReplace bool
	// Of an upload in place, which see Extend: the file has its name all the time. cut says that
	// it is still to be cut off at cutAt.
	inPlace, cut bool
	cutAt        int64

	home folder // The folder of the name; for a Part only once it is committed.
	base string // The last part of name.
	kept folder // Where the file is until then, and under which name. An Upload's is home.
	temp string
	file *os.File

	order     uint64 // When the file was opened, among all uploads: see syncer.
	older     bool   // It holds bytes that were written before it was opened.
	allocated bool
	free      bool  // Nothing had the name at the beginning.
	broken    error // A write that failed: the file does not take its name then.
	placed    bool  // The file has its name.
	ended     bool
	result    error // What a further Commit returns.

	// Of a Part: size, its value at open, and whether blocks were allocated since.
	size, found int64
	touched     bool
}

// uploads numbers uploads in the order in which they were opened.
var uploads atomic.Uint64

// createTriesMax bounds how many temporary names are tried: a name that is taken, or a file that a
// sweep removed before it was locked, is rare.
const createTriesMax = 16

func (r *store) Create(n fsio.Name, o fsio.CreateOptions) (fsio.Upload, error) {
	u, err := r.begin(n, o.NoReplace)
	if err == nil {
		err = u.createTemporary()
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}

// StoreSmall gives a free name to a file that had none before, where the system allows. A file that
// replaces another is not locked while it has a temporary name: if a sweep removes it, it is
// created anew.
func (r *store) StoreSmall(n fsio.Name, data []byte, o fsio.CommitOptions) error {
	u, err := r.begin(n, o.NoReplace)
	if err != nil {
		return err
	}
	if !o.Durable { // Else the disk is what it costs.
		store := u.storeOver
		if u.free {
			store = u.storeUnnamed
		}
		if stored, err := store(data); stored || err != nil {
			u.home.close()
			return err
		}
	}
	if err := u.createTemporary(); err != nil {
		return err
	}
	if _, err := u.WriteAt(data, 0); err != nil {
		_ = u.Abort() // The first error says why.
		return err
	}
	return u.Commit(o)
}

// begin opens the folder of the name n, and checks that an upload there can succeed.
func (r *store) begin(n fsio.Name, noReplace bool) (*upload, error) {
	if r.options.ReadOnly {
		return nil, fsio.NewError(fsio.OpCreate, n, errReadOnly)
	}
	if n.IsRoot() || n.MeansFolder() {
		return nil, fsio.NewError(fsio.OpCreate, n, errNotPlain)
	}
	u := &upload{root: r, name: n, noReplace: noReplace}
	if err := u.openHome(); err != nil {
		return nil, err
	}
	if err := u.checkTarget(noReplace); err != nil {
		u.home.close()
		return nil, err
	}
	return u, nil
}

func (u *upload) openHome() error {
	parent, base := u.name.Split()
	home, err := u.root.openFolder(parent, useNames)
	u.home, u.base = home, base
	return fsio.NewError(fsio.OpFolder, u.name, err)
}

// checkTarget looks at what has the name now. Only the rename decides; this spares the sender the
// bytes of an upload that cannot succeed.
func (u *upload) checkTarget(noReplace bool) error {
	kind, err := u.root.lookup(u.home, u.name, u.base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		u.free = true
		return nil
	case err != nil:
		return fsio.NewError(fsio.OpStat, u.name, err)
	case kind == fsio.EntryFolder, kind == fsio.EntryOther:
		return fsio.NewError(fsio.OpCreate, u.name, errNotPlain)
	case noReplace:
		return fsio.NewError(fsio.OpCreate, u.name, errTaken)
	}
	return nil
}

// createTemporary creates and locks the temporary file, and closes the folder if that fails.
func (u *upload) createTemporary() error {
	err := errBusy
	for range createTriesMax {
		var file *os.File
		temp := temporaryName(rand.Uint64())
		if file, err = u.home.createLocked(u.root, u.name, temp); err == nil {
			u.kept, u.temp = folder{fd: u.home.fd}, temp
			u.file, u.order = file, uploads.Add(1)
			return nil
		}
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
		err = errBusy
	}
	u.home.close()
	return fsio.NewError(fsio.OpCreate, u.name, err)
}

// createLocked creates a file for writing, and locks it. If the sweep of another server removes it
// before that, the error is fs.ErrNotExist.
func (d folder) createLocked(r *store, n fsio.Name, base string) (*os.File, error) {
	err := r.fault(fsio.OpCreate, n)
	var file *os.File
	if err == nil {
		file, err = d.create(base)
	}
	if err != nil {
		return nil, fsio.NewError(fsio.OpCreate, n, err)
	}
	err = r.do(fsio.OpLock, n, func() error {
		locked, err := tryLock(file)
		if err != nil {
			// Some filesystems support no locks. Then no sweep can lock, and so remove, a file.
			return nil
		}
		id, err := identify(int(file.Fd()))
		if err == nil && (!locked || id.Links == 0) {
			err = syscall.ENOENT
		}
		return err
	})
	if err != nil {
		_ = d.remove(base) // A sweep that has it removes it too; that does no harm.
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func (u *upload) Name() fsio.Name { return u.name }

// want fails if the upload has ended, or if it is a part that is not off bytes long.
func (u *upload) want(op fsio.Op, off int64) error {
	switch {
	case u.ended:
		return fsio.NewError(op, u.name, errEnded)
	case u.id != "" && off != u.size && op == fsio.OpWrite:
		return fsio.NewError(op, u.name, errNotAtEnd)
	}
	return nil
}

func (u *upload) WriteAt(data []byte, off int64) (int, error) {
	return u.move(off, len(data), func(done, n int) (int, error) {
		return u.file.WriteAt(data[done:done+n], off+int64(done))
	})
}

func (u *upload) SpliceFrom(pipe int, off int64, n int) (int, error) {
	return u.move(off, n, func(done, n int) (int, error) {
		if u.root.options.Portable {
			return 0, errUnsupported
		}
		return spliceTo(int(u.file.Fd()), pipe, off+int64(done), n)
	})
}

// move writes n bytes at off, in as many steps as it takes.
func (u *upload) move(off int64, n int, step func(done, n int) (int, error)) (int, error) {
	err := u.want(fsio.OpWrite, off)
	if err == nil {
		err = u.cutOff()
	}
	done := 0
	for err == nil && done < n {
		var allowed, moved int
		if allowed, err = u.root.allowance(fsio.OpWrite, u.name, n-done); err == nil {
			moved, err = step(done, allowed)
			done += moved
		}
		switch {
		case err == nil:
		case wouldBlock(err):
			err = fsio.ErrWouldBlock
		default:
			err = fsio.NewError(fsio.OpWrite, u.name, err)
			// These two errors leave the file intact: the pipe ended, or nothing was tried.
			if fsio.KindOf(err) != fsio.KindUnsupported && !errors.Is(err, io.ErrUnexpectedEOF) {
				u.broken = err
			}
		}
	}
	u.size += int64(done)
	return done, err
}

func (u *upload) Allocate(off, n int64) error {
	u.touched = true
	if err := u.want(fsio.OpAllocate, off); err != nil || n <= 0 {
		return err
	}
	if err := u.cutOff(); err != nil {
		return err
	}
	return u.root.do(fsio.OpAllocate, u.name, func() error {
		if u.root.options.Portable {
			return nil
		}
		err := allocate(int(u.file.Fd()), off, n)
		if fsio.KindOf(err) == fsio.KindUnsupported {
			return nil
		}
		u.allocated = true
		return err
	})
}

// Commit asks before the rename what closing the file would report: on network filesystems, that
// bytes did not arrive. Without Durable nothing is forced to the disk: what a killed server leaves
// is whole, while a power cut may take the last seconds.
func (u *upload) Commit(o fsio.CommitOptions) error {
	if u.ended {
		return u.result
	}
	err := u.flush()
	if err == nil && o.Durable {
		err = u.sync()
	}
	if err == nil {
		err = u.place(o.NoReplace)
	}
	if err == nil && o.Durable {
		err = fsio.NewError(fsio.OpSyncFolder, u.name, u.syncHome())
	}
	return u.end(err)
}

// flush frees blocks that were not used, and asks what closing the file would tell.
func (u *upload) flush() error {
	if u.broken != nil {
		return u.broken
	}
	if err := u.cutOff(); err != nil {
		return err
	}
	if u.allocated {
		// To truncate a file to its size frees the blocks past the end.
		if err := u.root.do(fsio.OpTruncate, u.name, func() error {
			info, err := u.file.Stat()
			if err == nil {
				err = u.file.Truncate(info.Size())
			}
			return err
		}); err != nil {
			return err
		}
	}
	return u.root.do(fsio.OpClose, u.name, func() error {
		defer runtime.KeepAlive(u.file)
		return closeCopy(int(u.file.Fd()))
	})
}

func (u *upload) sync() error { return u.root.do(fsio.OpSync, u.name, u.file.Sync) }

func (u *upload) syncHome() error { return u.root.syncFolder(u.name, u.home, u.file) }

func (u *upload) place(noReplace bool) error {
	if u.inPlace {
		u.placed = true
		return nil
	}
	if u.id != "" {
		if err := u.openHome(); errors.Is(err, fs.ErrNotExist) {
			return fsio.NewError(fsio.OpFolder, u.name, errNoFolder)
		} else if err != nil {
			return err
		}
		// A device or FIFO may have the name by now, which no upload replaces.
		if err := u.checkTarget(noReplace); err != nil {
			return err
		}
	}
	return u.rename(u.kept, u.temp, u.noReplace || noReplace)
}

// rename moves a file to the upload's name.
func (u *upload) rename(from folder, base string, noReplace bool) error {
	err := u.root.fault(fsio.OpRename, u.name)
	switch {
	case err != nil:
	case noReplace:
		err = from.renameNew(base, u.home, u.base)
	default:
		err = from.rename(base, u.home, u.base)
	}
	switch {
	case errors.Is(err, syscall.EEXIST):
		err = errTaken
	case errors.Is(err, syscall.EXDEV): // Not a name that leads out of the root.
		err = errCrossDevice
	}
	u.placed = err == nil
	return fsio.NewError(fsio.OpRename, u.name, err)
}

// end ends an upload after a Commit.
func (u *upload) end(err error) error {
	switch {
	case u.placed && u.id != "":
		u.root.removeNote(u.name, u.kept, u.id)
	case !u.placed && u.id == "":
		_ = u.Abort() // The first error says why.
	}
	u.close(u.placed)
	u.result = err
	return err
}

func (u *upload) Drop() error { return u.Abort() }

func (u *upload) Abort() error {
	if u.ended {
		return nil
	}
	if u.inPlace {
		u.close(false)
		return nil
	}
	// The lock is held until the name is gone: no sweep comes between.
	err := u.root.do(fsio.OpUnlink, u.name, func() error { return u.kept.remove(u.temp) })
	if err == nil && u.id != "" {
		u.root.removeNote(u.name, u.kept, u.id)
	}
	u.close(err == nil)
	return err
}

// close closes everything, the lock last, and then lets others hold a part, or forgets it.
func (u *upload) close(gone bool) {
	if u.ended {
		return
	}
	u.ended, u.result = true, fsio.NewError(fsio.OpRename, u.name, errEnded)
	u.kept.close()
	u.home.close()
	_ = u.file.Close()
	switch {
	case u.id == "":
	case gone:
		u.root.parts.forget(u.id)
	default:
		u.root.parts.release(u.id, u.size)
	}
}
