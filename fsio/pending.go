package fsio

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"
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

	// Durable brings the file and its name to the disk before Commit returns. Where many commit
	// at once, a Syncer does it for all of them together. Rename looks at Options.Durable instead.
	Durable bool
}

// Pending is a file that is being written. It is a hidden temporary file in the folder of its
// name, locked while it is in use, and has that name only after Commit. The folder is held open,
// so that neither links that change nor folders that move lead it elsewhere. Whoever has it calls
// Commit or Abort in the end. Goroutines may use it one after the other, never at once.
type Pending struct {
	draft     draft
	temporary string
	noReplace bool
}

// createTriesMax bounds how many temporary names are tried. A name that is taken, or a file that
// a sweep took before it was locked, is rare; so many in a row mean that something else is wrong.
const createTriesMax = 16

// Create begins an upload under the name n, with the mode that umask gives. It may block. Errors:
// KindNotFound without its folder, KindNotPlain if the name is that of a folder, device, FIFO or
// socket, KindExists with NoReplace, KindDenied, KindNoSpace, KindTooMany and others.
func (r *Root) Create(n Name, o CreateOptions) (*Pending, error) {
	p := &Pending{noReplace: o.NoReplace}
	err := p.draft.begin(r, n, o.NoReplace)
	if err == nil {
		err = p.createTemporary()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// StoreSmall writes data to a new file and gives it the name n, whole or not at all. Where the
// system allows, a name that is free gets a file that had none before, and one that replaces
// another is not locked while it has a temporary name: what a sweep takes is made anew. It may
// block. Errors are those of Create, Pending.WriteAt and Pending.Commit.
func (r *Root) StoreSmall(n Name, data []byte, o CommitOptions) error {
	p := Pending{noReplace: o.NoReplace}
	d := &p.draft
	if err := d.begin(r, n, o.NoReplace); err != nil {
		return err
	}
	if !o.Durable { // else the disk is what it costs
		store := d.storeOver
		if d.free {
			store = d.storeUnnamed
		}
		if stored, err := store(data); stored || err != nil {
			d.home.close()
			return err
		}
	}
	if err := p.beginTemporary(data); err != nil {
		return err
	}
	return p.Commit(o)
}

// CreateSmall is StoreSmall without its Commit, which a Syncer may do for many at once.
func (r *Root) CreateSmall(n Name, data []byte, o CreateOptions) (*Pending, error) {
	p := &Pending{noReplace: o.NoReplace}
	err := p.draft.begin(r, n, o.NoReplace)
	if err == nil {
		err = p.beginTemporary(data)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// beginTemporary makes the temporary file of a draft that has begun, with data in it.
func (p *Pending) beginTemporary(data []byte) error {
	if err := p.createTemporary(); err != nil {
		return err
	}
	if _, err := p.WriteAt(data, 0); err != nil {
		_ = p.Abort() // The first error says why.
		return err
	}
	return nil
}

// createTemporary makes and locks the temporary file of a draft that has begun, and ends the draft
// where that fails.
func (p *Pending) createTemporary() (err error) {
	d := &p.draft
	defer func() {
		if err != nil {
			d.home.close()
		}
	}()
	for range createTriesMax {
		if err := d.root.fault(OpCreate, d.name); err != nil {
			return newError(OpCreate, d.name, err)
		}
		name := temporaryName(rand.Uint64())
		file, err := d.home.create(name)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return newError(OpCreate, d.name, err)
		}
		ours, err := d.root.lockNew(file, d.name)
		if err == nil && ours {
			d.file, p.temporary, d.order = file, name, drafts.Add(1)
			return nil
		}
		// A sweep that took it removes it too; removing it here as well does no harm.
		_ = d.home.remove(name)
		_ = file.Close()
		if err != nil {
			return newError(OpLock, d.name, err)
		}
	}
	return newError(OpCreate, d.name, errBusy)
}

// lockNew locks a file that was just created. The sweep of another server may have taken it for a
// leftover before that: false says that it has, and removes it.
func (r *Root) lockNew(file *os.File, n Name) (bool, error) {
	if err := r.fault(OpLock, n); err != nil {
		return false, err
	}
	locked, err := tryLock(file)
	switch {
	case err != nil:
		// Some filesystems support no locks. Then no sweep can lock, and so remove, a file.
		return true, nil
	case !locked:
		return false, nil
	}
	defer runtime.KeepAlive(file)
	id, err := identify(int(file.Fd()))
	return id.links > 0, err
}

// Name returns the name that the file will have.
func (p *Pending) Name() Name { return p.draft.name }

// FD returns the temporary file's descriptor, open for writing. It is the Pending's until Commit
// or Abort, and -1 after it.
func (p *Pending) FD() int { return p.draft.descriptor() }

// WriteAt writes all of data at off. It may block. Errors have KindNoSpace, KindTooLarge, KindIO
// and others; the caller aborts then, and a Commit would return the same error.
func (p *Pending) WriteAt(data []byte, off int64) (int, error) { return p.draft.write(data, off) }

// SpliceFrom moves n bytes that wait in the pipe to offset off of the file, and returns how many
// it moved. It may block on the disk, never on the pipe: ErrWouldBlock says that the pipe held
// fewer. An error with KindUnsupported (errors.ErrUnsupported) says that this system or this
// filesystem does not splice: read the pipe and use WriteAt.
func (p *Pending) SpliceFrom(pipe int, off int64, n int) (int, error) {
	return p.draft.splice(pipe, off, n)
}

// Allocate sets blocks aside for the n bytes at off, so that writing them finds room; the file's
// size stays. It may block. KindNoSpace says that there is no room; a system that cannot set
// blocks aside is no error. Commit gives back what was not written.
func (p *Pending) Allocate(off, n int64) error { return p.draft.allocate(off, n) }

// Commit gives the file its name, at once and whole, and closes it. What had the name is
// replaced, a symbolic link itself and never what it leads to. It may block, closing included. It
// ends the Pending either way: after an error the temporary file is gone and what had the name is
// as it was. A further Commit returns the same. What closing would have to tell (on network
// filesystems: that bytes did not arrive) is asked before the file takes its name.
//
// Without Durable nothing is forced to the disk: what a killed server leaves is whole, while a
// power cut may take the last seconds. With it there is one error more, OpSyncFolder: the file
// has its name, and may lose it in a power cut.
func (p *Pending) Commit(o CommitOptions) error { return commit(p, o) }

func (p *Pending) shared() *draft { return &p.draft }

func (p *Pending) place(noReplace bool) error {
	return p.draft.rename(p.draft.home, p.temporary, p.noReplace || noReplace)
}

func (p *Pending) end(err error) error {
	if err != nil && !p.draft.placed {
		_ = p.Abort() // The first error says why.
	} else {
		p.close()
	}
	p.draft.result = err
	return err
}

// Abort removes the temporary file and closes it; what has the name stays as it is. It may
// block. After Commit or Abort it does nothing.
func (p *Pending) Abort() error {
	d := &p.draft
	if d.ended {
		return nil
	}
	d.result = newError(OpRename, d.name, errEnded)
	err := d.root.fault(OpUnlink, d.name)
	if err == nil {
		err = d.home.remove(p.temporary)
	}
	// The lock is held until the name is gone: no sweep comes between.
	p.close()
	return newError(OpUnlink, d.name, err)
}

// close closes the file and the folder. The file was aborted, or Commit has asked already what
// there is to tell.
func (p *Pending) close() {
	p.draft.ended = true
	_ = p.draft.file.Close()
	p.draft.home.close()
}
