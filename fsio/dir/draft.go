package dir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"

	"ferry/fsio"
)

// draft is a file that is being written and has not got its name yet: what a Pending and a Part
// have in common. One goroutine at a time uses it.
type draft struct {
	root      *Root
	name      fsio.Name
	base      string // The last part of name.
	home      folder // The folder of the name, held open.
	file      *os.File
	order     uint64 // When the file was opened, among all drafts: see Syncer.
	older     bool   // It holds bytes that were written before it was opened.
	allocated bool
	free      bool  // Nothing had the name at the beginning.
	broken    error // A write that failed: the file does not take its name then.
	placed    bool  // The file has its name.
	ended     bool
	result    error // What a further Commit returns.
}

// drafts numbers drafts in the order in which they were opened.
var drafts atomic.Uint64

// committable is a draft with its own way to take the name and to end.
type committable interface {
	shared() *draft
	// place gives the file its name.
	place(noReplace bool) error
	// end closes everything. An err says that the file has not got its name, or that it may not
	// last, and is what Commit returns.
	end(err error) error
}

// begin opens the folder of the name n and looks whether an upload there can succeed.
func (d *draft) begin(r *Root, n fsio.Name, noReplace bool) error {
	if r.options.ReadOnly {
		return fsio.NewError(fsio.OpCreate, n, errReadOnly)
	}
	if n.IsRoot() || n.MeansFolder() {
		return fsio.NewError(fsio.OpCreate, n, errNotPlain)
	}
	parent, base := n.Split()
	home, err := r.openFolder(parent, useNames)
	if err != nil {
		return fsio.NewError(fsio.OpFolder, n, err)
	}
	*d = draft{root: r, name: n, base: base, home: home}
	if err := d.checkTarget(noReplace); err != nil {
		home.close()
		return err
	}
	return nil
}

// checkTarget looks at what has the name now. Only Commit decides; this spares the sender the
// bytes of an upload that cannot succeed.
func (d *draft) checkTarget(noReplace bool) error {
	err := d.root.fault(fsio.OpStat, d.name)
	kind := fsio.EntryOther
	if err == nil {
		kind, err = d.home.lookup(d.base)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.free = true
		return nil
	case err != nil:
		return fsio.NewError(fsio.OpStat, d.name, err)
	case kind == fsio.EntryFolder, kind == fsio.EntryOther:
		return fsio.NewError(fsio.OpCreate, d.name, errNotPlain)
	case noReplace:
		return fsio.NewError(fsio.OpCreate, d.name, errTaken)
	}
	return nil
}

func (d *draft) descriptor() int {
	if d.ended {
		return -1
	}
	return int(d.file.Fd())
}

// write writes all of data at off, in as many system calls as it takes.
func (d *draft) write(data []byte, off int64) (int, error) {
	if d.ended {
		return 0, fsio.NewError(fsio.OpWrite, d.name, errEnded)
	}
	done := 0
	for done < len(data) {
		n, err := d.root.allowance(fsio.OpWrite, d.name, len(data)-done)
		if err == nil {
			n, err = d.file.WriteAt(data[done:done+n], off+int64(done))
			done += n
		}
		if err != nil {
			d.broken = fsio.NewError(fsio.OpWrite, d.name, err)
			return done, d.broken
		}
	}
	return done, nil
}

// splice moves n bytes that wait in the pipe to offset off.
func (d *draft) splice(pipe int, off int64, n int) (int, error) {
	if d.ended {
		return 0, fsio.NewError(fsio.OpWrite, d.name, errEnded)
	}
	done := 0
	for done < n {
		allowed, err := d.root.allowance(fsio.OpWrite, d.name, n-done)
		moved := 0
		if err == nil && d.root.options.Portable {
			err = errUnsupported
		}
		if err == nil {
			moved, err = spliceTo(d.descriptor(), pipe, off+int64(done), allowed)
			done += moved
		}
		switch {
		case err == nil:
		case wouldBlock(err):
			return done, fsio.ErrWouldBlock
		case fsio.KindOf(err) == fsio.KindUnsupported, errors.Is(err, io.ErrUnexpectedEOF):
			// The file is as good as before: it was the pipe, or nothing was tried.
			return done, fsio.NewError(fsio.OpWrite, d.name, err)
		default:
			d.broken = fsio.NewError(fsio.OpWrite, d.name, err)
			return done, d.broken
		}
	}
	return done, nil
}

func (d *draft) allocate(off, n int64) error {
	if d.ended {
		return fsio.NewError(fsio.OpAllocate, d.name, errEnded)
	}
	if n <= 0 {
		return nil
	}
	if err := d.root.fault(fsio.OpAllocate, d.name); err != nil {
		return fsio.NewError(fsio.OpAllocate, d.name, err)
	}
	if d.root.options.Portable {
		return nil
	}
	err := allocate(d.descriptor(), off, n)
	if fsio.KindOf(err) == fsio.KindUnsupported {
		return nil
	}
	d.allocated = true
	return fsio.NewError(fsio.OpAllocate, d.name, err)
}

// flush gives back blocks that were not used, and asks what closing the file would tell.
func (d *draft) flush() error {
	if d.broken != nil {
		return d.broken
	}
	if d.allocated {
		if err := d.trim(); err != nil {
			return fsio.NewError(fsio.OpTruncate, d.name, err)
		}
	}
	if err := d.root.fault(fsio.OpClose, d.name); err != nil {
		return fsio.NewError(fsio.OpClose, d.name, err)
	}
	defer runtime.KeepAlive(d.file)
	return fsio.NewError(fsio.OpClose, d.name, closeCopy(int(d.file.Fd())))
}

// trim frees the blocks that lie past the end: truncating a file to the size that it has does.
func (d *draft) trim() error {
	if err := d.root.fault(fsio.OpTruncate, d.name); err != nil {
		return err
	}
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	return d.file.Truncate(info.Size())
}

// rename moves the file from where it is kept to its name.
func (d *draft) rename(from folder, base string, noReplace bool) error {
	err := d.root.fault(fsio.OpRename, d.name)
	switch {
	case err != nil:
	case noReplace:
		err = from.renameNew(base, d.home, d.base)
	default:
		err = from.rename(base, d.home, d.base)
	}
	if errors.Is(err, syscall.EEXIST) {
		err = errTaken
	}
	d.placed = err == nil
	return fsio.NewError(fsio.OpRename, d.name, asCrossDevice(err))
}

// sync brings the file's bytes to the disk.
func (d *draft) sync() error {
	if err := d.root.fault(fsio.OpSync, d.name); err != nil {
		return fsio.NewError(fsio.OpSync, d.name, err)
	}
	return fsio.NewError(fsio.OpSync, d.name, d.file.Sync())
}

// syncHome brings the name to the disk.
func (d *draft) syncHome() error { return d.root.syncFolder(d.name, d.home, d.file) }

// commit does what the Commit of a Pending and of a Part promise.
func commit(c committable, o fsio.CommitOptions) error {
	d := c.shared()
	if d.ended {
		return d.result
	}
	err := d.flush()
	if err == nil && o.Durable {
		err = d.sync()
	}
	if err == nil {
		err = c.place(o.NoReplace)
	}
	if err == nil && o.Durable {
		err = fsio.NewError(fsio.OpSyncFolder, d.name, d.syncHome())
	}
	return c.end(err)
}
