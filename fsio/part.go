package fsio

import (
	"errors"
	"io/fs"
	"time"
)

// PartOptions say how a part begins. The zero value lets it replace an existing file.
type PartOptions struct {
	// NoReplace refuses a name that is taken, with KindExists. Commit checks again if its own
	// NoReplace is set.
	NoReplace bool

	// Owner is who asked for the part, in any words, or empty. One owner has at most as many parts
	// as remain for others of Options.PartsMax; NewPart refuses more with KindTooMany.
	Owner string
}

// Part is a partial upload, open to be resumed. It has one holder at a time, in this process and,
// where the filesystem supports locks, among all servers of the folder. The holder ends it with
// Commit, Close or Drop. Goroutines may use it one after the other, never at once.
//
// Its bytes are a file in the hidden folder .ferry-parts of the root, named by the id; a note next
// to it holds the name of the upload. That name is resolved when the part commits: if a folder in
// it was renamed or removed meanwhile, Commit fails with "no such folder" and the part is kept
// until its lifetime ends.
type Part struct {
	draft draft
	id    string
	kept  folder // The folder of all parts, held open.
	size  int64
	// found is the size at open; touched says that blocks were allocated.
	found   int64
	touched bool
}

// NewPart begins a resumable upload of the file n and returns its id, 16 hexadecimal digits:
// whoever knows them may resume it. Nobody holds the part yet. It may block. Errors are those of
// Create; KindTooMany when there are too many parts and none of them is empty and was unused for a
// minute, which makes room; KindCrossDevice when a mount separates the folder of n from the root.
//
// The file is created next to n and renamed into the folder of parts: it then has the group and
// attributes that a file there gets, and what Commit needs is known to work.
func (r *Root) NewPart(n Name, o PartOptions) (string, error) {
	p := Pending{noReplace: o.NoReplace}
	if err := p.draft.begin(r, n, o.NoReplace); err != nil {
		return "", err
	}
	id, err := r.reserve(n, o.Owner)
	if err != nil {
		p.draft.home.close()
		return "", newError(OpCreate, n, err)
	}
	if err = p.createTemporary(); err == nil {
		err = p.becomePart(id, o.Owner)
	}
	if err != nil {
		r.parts.forget(id)
		return "", err
	}
	r.parts.release(id)
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
	return newError(OpRename, p.draft.name, asCrossDevice(err))
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
		if err = d.root.fault(OpRename, d.name); err == nil {
			err = d.home.renameNew(p.temporary, kept, id)
		}
	}
	if err != nil {
		d.root.removeNote(d.name, kept, id)
	}
	return err
}

// OpenPart opens the part with that id to resume it. It may block. Errors: KindNotFound for an
// unknown id, KindBusy while the part has another holder, KindDenied, KindTooMany and others.
func (r *Root) OpenPart(id string) (*Part, error) {
	if r.options.ReadOnly {
		return nil, newError(OpOpen, Name{}, errReadOnly)
	}
	n, err := r.parts.hold(id)
	if err != nil {
		return nil, newError(OpOpen, Name{}, err)
	}
	p := &Part{draft: draft{root: r, name: n}, id: id}
	err = p.open()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.parts.forget(id)
		err = errNoPart
	case err != nil:
		r.parts.release(id)
	}
	if err != nil {
		return nil, newError(OpOpen, n, err)
	}
	return p, nil
}

func (p *Part) open() (err error) {
	d := &p.draft
	if p.kept, err = d.root.partsFolder(d.name, false); err != nil {
		return err
	}
	if err = d.root.fault(OpOpen, d.name); err == nil {
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
	if err := d.root.fault(OpLock, d.name); err != nil {
		return newError(OpLock, d.name, err)
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
	if err := d.root.fault(OpStat, d.name); err != nil {
		return newError(OpStat, d.name, err)
	}
	named, err := p.kept.stat(p.id)
	if err != nil {
		return err
	}
	id, err := identify(int(d.file.Fd()))
	if err != nil {
		return err
	}
	if id.inode != named.inode || id.links == 0 {
		return fs.ErrNotExist
	}
	if id.links > 1 {
		// Where the filesystem cannot rename without replacing, Commit links and then unlinks. A
		// server was killed in between.
		_ = p.kept.remove(p.id)
		d.root.removeNote(d.name, p.kept, p.id)
		return fs.ErrNotExist
	}
	p.size, p.found = id.size, id.size
	return nil
}

// ID returns the part's id.
func (p *Part) ID() string { return p.id }

// Name returns the name that the file will have.
func (p *Part) Name() Name { return p.draft.name }

// Size returns the number of bytes kept.
func (p *Part) Size() int64 { return p.size }

// FD returns the descriptor, open for reading and writing. It belongs to the Part until that ends,
// and is -1 afterwards. Bytes not written by the Part's own methods are not counted.
func (p *Part) FD() int { return p.draft.descriptor() }

// WriteAt writes all of data at off, which must be the part's size: KindOffset otherwise. It may
// block. Errors are those of Pending.WriteAt. Bytes written before an error are kept, and counted
// by Size; Commit then returns that error, and the next holder may resume.
func (p *Part) WriteAt(data []byte, off int64) (int, error) {
	if err := p.atEnd(off); err != nil {
		return 0, err
	}
	n, err := p.draft.write(data, off)
	p.size += int64(n)
	return n, err
}

// SpliceFrom moves n bytes from the pipe to offset off of the file, which must be the part's size.
// Otherwise it does as Pending.SpliceFrom does.
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
		return newError(OpWrite, p.draft.name, errNotAtEnd)
	}
	return nil
}

// Allocate does as Pending.Allocate does; Close, too, frees what was not written.
func (p *Part) Allocate(off, n int64) error {
	p.touched = true
	return p.draft.allocate(off, n)
}

// Commit renames the part to its name, atomically, and ends it. An existing file is replaced, or a
// symbolic link itself and never its target. It may block. After an error the part is kept, as
// after Close, unless the operation is OpSyncFolder: then the file has its name, and a power cut
// may undo that. Besides the errors of Pending.Commit: KindNotFound when the folder is gone,
// KindCrossDevice when a mount came between. A further Commit returns the same.
//
// With Durable the file's bytes, those of earlier holders included, are on disk before the rename.
func (p *Part) Commit(o CommitOptions) error { return commit(p, o) }

func (p *Part) shared() *draft { return &p.draft }

func (p *Part) place(noReplace bool) error {
	d := &p.draft
	parent, base := d.name.split()
	home, err := d.root.openFolder(parent, useNames)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errNoFolder
		}
		return newError(OpFolder, d.name, err)
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

// Close keeps the part for the next holder. It may block. An error says that bytes which were
// written may be lost. After the end it does nothing.
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
	p.draft.result = newError(OpRename, p.draft.name, errEnded)
	return err
}

// Drop removes the part. It may block. A file of its name stays as it is. After an error the part
// is kept. After the end it does nothing.
func (p *Part) Drop() error {
	d := &p.draft
	if d.ended {
		return nil
	}
	err := d.root.fault(OpUnlink, d.name)
	if err == nil {
		err = p.kept.remove(p.id)
	}
	if err == nil {
		d.root.removeNote(d.name, p.kept, p.id)
	}
	p.close(err == nil)
	d.result = newError(OpRename, d.name, errEnded)
	return newError(OpUnlink, d.name, err)
}

// close closes everything, the lock last, and then lets others hold the part, or forgets it.
func (p *Part) close(gone bool) {
	d := &p.draft
	d.ended = true
	p.kept.close()
	if d.home != nil {
		d.home.close()
	}
	_ = d.file.Close()
	if gone {
		d.root.parts.forget(p.id)
	} else {
		d.root.parts.leave(p.id, p.size)
	}
}
