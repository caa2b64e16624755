package fsio

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"syscall"
)

// CreateOptions say how an upload begins. The zero value replaces what has the name.
type CreateOptions struct {
	// NoReplace refuses a name that is taken, with KindExists: at once if it is, and at Commit
	// if it has been taken meanwhile.
	NoReplace bool
}

// CommitOptions say how an upload ends. The zero value replaces what has the name.
type CommitOptions struct {
	// NoReplace refuses a name that is taken, with KindExists.
	NoReplace bool
}

// Pending is a file that is being written. It is a hidden temporary file in the folder of its
// name, locked while it is in use, and has that name only after Commit. The folder is held open,
// so that neither links that change nor folders that move lead it elsewhere. Whoever has it calls
// Commit or Abort in the end. Goroutines may use it one after the other, never at once.
type Pending struct {
	root      *Root
	name      Name
	base      string // The last part of name.
	temporary string
	folder    folder
	file      *os.File
	noReplace bool
	allocated bool
	ended     bool
	result    error // What a further Commit returns.
}

// createTriesMax bounds how many temporary names are tried. A name that is taken, or a file that
// a sweep took before it was locked, is rare; so many in a row mean that something else is wrong.
const createTriesMax = 16

// Create begins an upload under the name n, with the mode that umask gives. It may block. Errors:
// KindNotFound without its folder, KindNotPlain if the name is that of a folder, device, FIFO or
// socket, KindExists with NoReplace, KindDenied, KindNoSpace, KindTooMany and others.
func (r *Root) Create(n Name, o CreateOptions) (*Pending, error) {
	p := &Pending{}
	if err := p.begin(r, n, o); err != nil {
		return nil, err
	}
	return p, nil
}

// StoreSmall writes data to a new file and gives it the name n, whole or not at all. It may
// block. Errors are those of Create, Pending.WriteAt and Pending.Commit.
func (r *Root) StoreSmall(n Name, data []byte, o CommitOptions) error {
	var p Pending
	if err := p.begin(r, n, CreateOptions(o)); err != nil {
		return err
	}
	if _, err := p.WriteAt(data, 0); err != nil {
		_ = p.Abort() // The first error says why.
		return err
	}
	return p.Commit(o)
}

func (p *Pending) begin(r *Root, n Name, o CreateOptions) error {
	if r.options.ReadOnly {
		return newError(OpCreate, n, errReadOnly)
	}
	if n.IsRoot() || n.folder {
		return newError(OpCreate, n, errNotPlain)
	}
	parent, base := n.split()
	d, err := r.openFolder(parent, useNames)
	if err != nil {
		return newError(OpFolder, n, err)
	}
	*p = Pending{root: r, name: n, base: base, folder: d, noReplace: o.NoReplace}
	if err = p.checkTarget(); err == nil {
		err = p.createTemporary()
	}
	if err != nil {
		d.close()
		return err
	}
	return nil
}

// checkTarget looks at what has the name now. Only Commit decides; this spares the sender the
// bytes of an upload that cannot succeed.
func (p *Pending) checkTarget() error {
	err := p.root.fault(OpStat, p.name)
	kind := typeOther
	if err == nil {
		kind, err = p.folder.lookup(p.base)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return newError(OpStat, p.name, err)
	case kind == typeFolder, kind == typeOther:
		return newError(OpCreate, p.name, errNotPlain)
	case p.noReplace:
		return newError(OpCreate, p.name, errTaken)
	}
	return nil
}

func (p *Pending) createTemporary() error {
	for range createTriesMax {
		if err := p.root.fault(OpCreate, p.name); err != nil {
			return newError(OpCreate, p.name, err)
		}
		name := temporaryName(rand.Uint64())
		file, err := p.folder.create(name)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return newError(OpCreate, p.name, err)
		}
		ours, err := p.lock(file)
		if err == nil && ours {
			p.file, p.temporary = file, name
			return nil
		}
		// A sweep that took it removes it too; removing it here as well does no harm.
		_ = p.folder.remove(name)
		_ = file.Close()
		if err != nil {
			return newError(OpLock, p.name, err)
		}
	}
	return newError(OpCreate, p.name, errBusy)
}

// lock locks a file that was just made. Before that, the sweep of another server may have taken
// it for a leftover: it is ours only if it still has its name.
func (p *Pending) lock(file *os.File) (bool, error) {
	if err := p.root.fault(OpLock, p.name); err != nil {
		return false, err
	}
	locked, err := tryLock(file)
	switch {
	case err != nil:
		// Some filesystems lock nothing. Then no sweep can lock, and so none can take, a file.
		return true, nil
	case !locked:
		return false, nil
	}
	links, err := linkCount(file)
	return links > 0, err
}

// Name returns the name that the file will have.
func (p *Pending) Name() Name { return p.name }

// FD returns the temporary file's descriptor, open for writing. It is the Pending's until Commit
// or Abort, and -1 after it.
func (p *Pending) FD() int {
	if p.ended {
		return -1
	}
	return int(p.file.Fd())
}

// WriteAt writes all of data at off. It may block. Errors have KindNoSpace, KindTooLarge, KindIO
// and others; the caller aborts then.
func (p *Pending) WriteAt(data []byte, off int64) (int, error) {
	if p.ended {
		return 0, newError(OpWrite, p.name, errEnded)
	}
	if err := p.root.fault(OpWrite, p.name); err != nil {
		return 0, newError(OpWrite, p.name, err)
	}
	n, err := p.file.WriteAt(data, off)
	return n, newError(OpWrite, p.name, err)
}

// SpliceFrom moves n bytes that wait in the pipe to offset off of the file, and returns how many
// it moved. It may block on the disk, never on the pipe: ErrWouldBlock says that the pipe held
// fewer. An error with KindUnsupported (errors.ErrUnsupported) says that this system or this
// filesystem does not splice: read the pipe and use WriteAt.
func (p *Pending) SpliceFrom(pipe int, off int64, n int) (int, error) {
	if p.ended {
		return 0, newError(OpWrite, p.name, errEnded)
	}
	if err := p.root.fault(OpWrite, p.name); err != nil {
		return 0, newError(OpWrite, p.name, err)
	}
	if p.root.options.Portable {
		return 0, newError(OpWrite, p.name, errUnsupported)
	}
	moved, err := spliceTo(p.FD(), pipe, off, n)
	if wouldBlock(err) {
		return moved, ErrWouldBlock
	}
	return moved, newError(OpWrite, p.name, err)
}

// Allocate sets blocks aside for the n bytes at off, so that writing them finds room; the file's
// size stays. It may block. KindNoSpace says that there is no room; a system that cannot set
// blocks aside is no error. Commit gives back what was not written.
func (p *Pending) Allocate(off, n int64) error {
	if p.ended {
		return newError(OpAllocate, p.name, errEnded)
	}
	if n <= 0 {
		return nil
	}
	if err := p.root.fault(OpAllocate, p.name); err != nil {
		return newError(OpAllocate, p.name, err)
	}
	if p.root.options.Portable {
		return nil
	}
	err := allocate(p.FD(), off, n)
	if KindOf(err) == KindUnsupported {
		return nil
	}
	p.allocated = true
	return newError(OpAllocate, p.name, err)
}

// Commit gives the file its name, at once and whole, and closes it. What had the name is
// replaced, a symbolic link itself and never what it leads to. It may block, closing included. It
// ends the Pending either way: after an error the temporary file is gone and what had the name is
// as it was. A further Commit returns the same. What closing would have to tell (on network
// filesystems: that bytes did not arrive) is asked before the file takes its name.
//
// Nothing is forced to the disk: what a killed server leaves is whole, while a power cut may take
// the last seconds.
func (p *Pending) Commit(o CommitOptions) error {
	if p.ended {
		return p.result
	}
	err := p.flush()
	if err == nil {
		err = p.rename(p.noReplace || o.NoReplace)
	}
	if err != nil {
		_ = p.Abort() // The first error says why.
		p.result = err
		return err
	}
	p.ended = true
	p.close()
	return nil
}

// flush gives back blocks that were not used, and asks what closing the file would tell.
func (p *Pending) flush() error {
	if p.allocated {
		if err := p.trim(); err != nil {
			return newError(OpTruncate, p.name, err)
		}
	}
	if err := p.root.fault(OpClose, p.name); err != nil {
		return newError(OpClose, p.name, err)
	}
	return newError(OpClose, p.name, closeCopy(p.file))
}

func (p *Pending) rename(noReplace bool) error {
	if err := p.root.fault(OpRename, p.name); err != nil {
		return newError(OpRename, p.name, err)
	}
	if !noReplace {
		return newError(OpRename, p.name, p.folder.rename(p.temporary, p.folder, p.base))
	}
	err := p.folder.renameNew(p.temporary, p.folder, p.base)
	if errors.Is(err, syscall.EEXIST) {
		err = errTaken
	}
	return newError(OpRename, p.name, err)
}

// trim frees the blocks that lie past the end: truncating a file to the size that it has does.
func (p *Pending) trim() error {
	if err := p.root.fault(OpTruncate, p.name); err != nil {
		return err
	}
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	return p.file.Truncate(info.Size())
}

// Abort removes the temporary file and closes it; what has the name stays as it is. It may
// block. After Commit or Abort it does nothing.
func (p *Pending) Abort() error {
	if p.ended {
		return nil
	}
	p.ended = true
	p.result = newError(OpRename, p.name, errEnded)
	err := p.root.fault(OpUnlink, p.name)
	if err == nil {
		err = p.folder.remove(p.temporary)
	}
	// The lock is held until the name is gone: no sweep comes between.
	p.close()
	return newError(OpUnlink, p.name, err)
}

// close closes the file and the folder. The file was aborted, or Commit has asked already what
// there is to tell.
func (p *Pending) close() {
	_ = p.file.Close()
	p.folder.close()
}
