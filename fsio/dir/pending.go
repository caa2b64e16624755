package dir

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"

	"ferry/fsio"
)

// Pending implements fsio.Upload. It is a hidden temporary file in the folder of its name, locked
// while it is in use. The folder is held open, so that neither links that change nor folders that
// move lead it elsewhere.
type Pending struct {
	draft     draft
	temporary string
	noReplace bool
}

// createTriesMax bounds how many temporary names are tried. A name that is taken, or a file that
// a sweep took before it was locked, is rare; so many in a row mean that something else is wrong.
const createTriesMax = 16

// Create implements fsio.Store. umask gives the mode.
func (r *Root) Create(n fsio.Name, o fsio.CreateOptions) (fsio.Upload, error) {
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

// StoreSmall implements fsio.Store. Where the system allows, a name that is free gets a file that
// had none before, and one that replaces another is not locked while it has a temporary name: if a
// sweep takes it, it is made anew.
func (r *Root) StoreSmall(n fsio.Name, data []byte, o fsio.CommitOptions) error {
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
	if err := p.createTemporary(); err != nil {
		return err
	}
	if _, err := p.WriteAt(data, 0); err != nil {
		_ = p.Abort() // The first error says why.
		return err
	}
	return p.Commit(o)
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
		if err := d.root.fault(fsio.OpCreate, d.name); err != nil {
			return fsio.NewError(fsio.OpCreate, d.name, err)
		}
		name := temporaryName(rand.Uint64())
		file, err := d.home.create(name)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return fsio.NewError(fsio.OpCreate, d.name, err)
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
			return fsio.NewError(fsio.OpLock, d.name, err)
		}
	}
	return fsio.NewError(fsio.OpCreate, d.name, errBusy)
}

// lockNew locks a file that was just created. The sweep of another server may have taken it for a
// leftover before that: false says that it has, and removes it.
func (r *Root) lockNew(file *os.File, n fsio.Name) (bool, error) {
	if err := r.fault(fsio.OpLock, n); err != nil {
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
	return id.Links > 0, err
}

// Name implements fsio.Writer.
func (p *Pending) Name() fsio.Name { return p.draft.name }

// WriteAt implements fsio.Writer.
func (p *Pending) WriteAt(data []byte, off int64) (int, error) { return p.draft.write(data, off) }

// SpliceFrom implements fsio.Writer.
func (p *Pending) SpliceFrom(pipe int, off int64, n int) (int, error) {
	return p.draft.splice(pipe, off, n)
}

// Allocate implements fsio.Writer.
func (p *Pending) Allocate(off, n int64) error { return p.draft.allocate(off, n) }

// Commit implements fsio.Committable. What closing the file would report (on network filesystems:
// that bytes did not arrive) is asked before the rename. Without Durable nothing is forced to the
// disk: what a killed server leaves is whole, while a power cut may take the last seconds.
func (p *Pending) Commit(o fsio.CommitOptions) error { return commit(p, o) }

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

// Abort implements fsio.Upload.
func (p *Pending) Abort() error {
	d := &p.draft
	if d.ended {
		return nil
	}
	d.result = fsio.NewError(fsio.OpRename, d.name, errEnded)
	err := d.root.fault(fsio.OpUnlink, d.name)
	if err == nil {
		err = d.home.remove(p.temporary)
	}
	// The lock is held until the name is gone: no sweep comes between.
	p.close()
	return fsio.NewError(fsio.OpUnlink, d.name, err)
}

// close closes the file and the folder. The file was aborted, or Commit has asked already what
// there is to tell.
func (p *Pending) close() {
	p.draft.ended = true
	_ = p.draft.file.Close()
	p.draft.home.close()
}
