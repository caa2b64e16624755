package dir

import (
	"errors"
	"io/fs"
	"runtime"
	"time"

	"ferry/fsio"
)

// Part implements fsio.Part. Its bytes are a file in the folder of parts, locked while it has a
// holder; where the filesystem supports no locks, only this process's holders exclude each other.
type Part struct {
	draft draft
	id    string
	kept  folder // The folder of all parts, held open.
	size  int64
	// found is the size at open; touched says that blocks were allocated.
	found   int64
	touched bool
}

// NewPart implements fsio.Store. The file is created next to n and renamed into the folder of
// parts: it has the group and attributes that a file there gets, and Commit is known to work.
func (r *Root) NewPart(n fsio.Name, o fsio.PartOptions) (string, error) {
	p := Pending{noReplace: o.NoReplace}
	if err := p.draft.begin(r, n, o.NoReplace); err != nil {
		return "", err
	}
	id, err := r.reserve(n, o.Owner)
	if err != nil {
		p.draft.home.close()
		return "", fsio.NewError(fsio.OpCreate, n, err)
	}
	if err = p.createTemporary(); err == nil {
		err = p.becomePart(id, o.Owner)
	}
	if err != nil {
		r.parts.forget(id)
		return "", err
	}
	r.parts.release(id, 0)
	return id, nil
}

// becomePart moves the temporary file into the folder of parts, and ends the Pending.
func (p *Pending) becomePart(id, owner string) (err error) {
	for range createTriesMax {
		if err = p.moveToParts(id, owner); err == nil {
			p.close()
			return nil
		}
		// The last part may just have ended, and the folder with it.
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	_ = p.Abort() // The first error says why.
	return fsio.NewError(fsio.OpRename, p.draft.name, asCrossDevice(err))
}

// moveToParts is one try. The note is locked until the bytes are there: see partfolder.go.
func (p *Pending) moveToParts(id, owner string) error {
	d := &p.draft
	kept, err := d.root.partsFolder(d.name, true)
	if err != nil {
		return err
	}
	defer kept.close()
	f, err := d.root.createNote(kept, id, note{name: d.name, owner: owner})
	if err == nil {
		defer closeRead(f)
		if err = d.root.fault(fsio.OpRename, d.name); err == nil {
			err = d.home.renameNew(p.temporary, kept, id)
		}
	}
	if err != nil {
		d.root.removeNote(d.name, kept, id)
	}
	return err
}

// OpenPart implements fsio.Store.
func (r *Root) OpenPart(id string) (fsio.Part, error) {
	p, err := r.openPart(id)
	if err != nil {
		return nil, err // And not a nil *Part.
	}
	return p, nil
}

func (r *Root) openPart(id string) (*Part, error) {
	if r.options.ReadOnly {
		return nil, fsio.NewError(fsio.OpOpen, fsio.Name{}, errReadOnly)
	}
	n, size, err := r.parts.hold(id)
	if err != nil {
		return nil, fsio.NewError(fsio.OpOpen, fsio.Name{}, err)
	}
	p := &Part{draft: draft{root: r, name: n}, id: id}
	err = p.open()
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
	return p, nil
}

func (p *Part) open() (err error) {
	d := &p.draft
	if p.kept, err = d.root.partsFolder(d.name, false); err != nil {
		return err
	}
	if err = d.root.fault(fsio.OpOpen, d.name); err == nil {
		d.file, err = p.kept.openBoth(p.id)
	}
	if err == nil {
		if err = p.lock(); err != nil {
			_ = d.file.Close()
		}
	}
	if err != nil {
		p.kept.close()
		return err
	}
	// A previous holder may have been killed with blocks allocated.
	d.order, d.older, d.allocated = drafts.Add(1), p.size > 0, !d.root.options.Portable
	return nil
}

// lockTriesMax is how often, a millisecond apart, a locked part is tried again: sweeps of other
// servers lock a file for a moment. Holders in this process are known without a lock.
const lockTriesMax = 20

// lock locks the part's file. Another server may have committed or dropped the part since it was
// opened: it is still a part only if it has its name in the folder of parts, and no other.
func (p *Part) lock() error {
	d := &p.draft
	if err := d.root.fault(fsio.OpLock, d.name); err != nil {
		return fsio.NewError(fsio.OpLock, d.name, err)
	}
	locked, err := tryLock(d.file)
	for range lockTriesMax {
		if locked || err != nil {
			break
		}
		<-time.After(time.Millisecond)
		locked, err = tryLock(d.file)
	}
	if err == nil && !locked {
		return errHeld
	}
	// Some filesystems support no locks: then only this process's holders exclude each other.
	if err := d.root.fault(fsio.OpStat, d.name); err != nil {
		return fsio.NewError(fsio.OpStat, d.name, err)
	}
	named, err := p.kept.stat(p.id)
	if err != nil {
		return err
	}
	id, err := identify(int(d.file.Fd()))
	if err != nil {
		return err
	}
	if id.Inode != named.Inode || id.Device != named.Device || id.Links == 0 {
		return fs.ErrNotExist
	}
	if id.Links > 1 {
		// Where the filesystem cannot rename without replacing, Commit links and then unlinks. A
		// server was killed in between.
		_ = p.kept.remove(p.id)
		d.root.removeNote(d.name, p.kept, p.id)
		return fs.ErrNotExist
	}
	p.size, p.found = id.Size, id.Size
	return nil
}

// Name implements fsio.Writer.
func (p *Part) Name() fsio.Name { return p.draft.name }

// Size implements fsio.Part.
func (p *Part) Size() int64 { return p.size }

// ReadAt implements fsio.Part.
func (p *Part) ReadAt(b []byte, off int64) (int, error) {
	d := &p.draft
	if d.ended {
		return 0, fsio.NewError(fsio.OpRead, d.name, errEnded)
	}
	defer runtime.KeepAlive(d.file)
	return d.root.readAt(d.name, d.descriptor(), b, off)
}

// WriteAt implements fsio.Writer.
func (p *Part) WriteAt(data []byte, off int64) (int, error) {
	if err := p.atEnd(off); err != nil {
		return 0, err
	}
	n, err := p.draft.write(data, off)
	p.size += int64(n)
	return n, err
}

// SpliceFrom implements fsio.Writer.
func (p *Part) SpliceFrom(pipe int, off int64, n int) (int, error) {
	if err := p.atEnd(off); err != nil {
		return 0, err
	}
	moved, err := p.draft.splice(pipe, off, n)
	p.size += int64(moved)
	return moved, err
}

func (p *Part) atEnd(off int64) error {
	if !p.draft.ended && off != p.size {
		return fsio.NewError(fsio.OpWrite, p.draft.name, errNotAtEnd)
	}
	return nil
}

// Allocate implements fsio.Writer.
func (p *Part) Allocate(off, n int64) error {
	p.touched = true
	return p.draft.allocate(off, n)
}

// Commit implements fsio.Committable. With Durable the bytes of earlier holders are on disk, too.
func (p *Part) Commit(o fsio.CommitOptions) error { return commit(p, o) }

func (p *Part) shared() *draft { return &p.draft }

func (p *Part) place(noReplace bool) error {
	d := &p.draft
	parent, base := d.name.Split()
	home, err := d.root.openFolder(parent, useNames)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errNoFolder
		}
		return fsio.NewError(fsio.OpFolder, d.name, err)
	}
	d.home, d.base = home, base
	// A device or FIFO may have the name by now, which no upload replaces.
	if err := d.checkTarget(noReplace); err != nil {
		return err
	}
	return d.rename(p.kept, p.id, noReplace)
}

func (p *Part) end(err error) error {
	d := &p.draft
	if d.placed {
		d.root.removeNote(d.name, p.kept, p.id)
	}
	p.close(d.placed)
	d.result = err
	return err
}

// Close implements fsio.Part.
func (p *Part) Close() error {
	if p.draft.ended {
		return nil
	}
	p.draft.broken = nil // The caller was told.
	if p.size == p.found && !p.touched {
		// Freeing blocks would renew the lifetime of a part that nobody wrote to.
		p.draft.allocated = false
	}
	err := p.draft.flush()
	p.close(false)
	p.draft.result = fsio.NewError(fsio.OpRename, p.draft.name, errEnded)
	return err
}

// Drop implements fsio.Part.
func (p *Part) Drop() error {
	d := &p.draft
	if d.ended {
		return nil
	}
	err := d.root.fault(fsio.OpUnlink, d.name)
	if err == nil {
		err = p.kept.remove(p.id)
	}
	if err == nil {
		d.root.removeNote(d.name, p.kept, p.id)
	}
	p.close(err == nil)
	d.result = fsio.NewError(fsio.OpRename, d.name, errEnded)
	return fsio.NewError(fsio.OpUnlink, d.name, err)
}

// close closes everything, the lock last, and then lets others hold the part, or forgets it.
func (p *Part) close(gone bool) {
	d := &p.draft
	d.ended = true
	p.kept.close()
	d.home.close()
	_ = d.file.Close()
	if gone {
		d.root.parts.forget(p.id)
	} else {
		d.root.parts.release(p.id, p.size)
	}
}
