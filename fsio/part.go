package fsio

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
)

// PartOptions say how a part begins. The zero value lets it replace what has the name.
type PartOptions struct {
	// NoReplace refuses a name that is taken, with KindExists. Commit looks again if it is asked
	// to.
	NoReplace bool

	// Owner is who asked for the part, in any words, or empty. One owner has at most as many parts
	// as it leaves to others of Options.PartsMax, which is half of them where it is the only one;
	// NewPart refuses more with KindTooMany. That a part has an owner is forgotten when the root
	// is closed.
	Owner string
}

// Part is the kept beginning of an upload, open for going on. At most one opener has it at a time,
// in this process and, where the filesystem locks files, among all that serve the folder. Whoever
// has it calls Commit, Close or Drop in the end. Goroutines may use it one after the other, never
// at once.
//
// A part is a hidden folder, .ferry-<id>.part, beside the name that it is for, with one file in
// it that has that name already. So the name outlives the server, whatever is renamed above it,
// and every step is one that a killed server may stop at: an empty hidden folder is nothing, one
// with a file is a part, and Commit moves the file out of it, at once and whole.
type Part struct {
	draft draft
	id    string
	kept  folder // The part's folder, held open.
	size  int64
	// found is what the size was when it was opened, and touched says that blocks were asked for.
	found   int64
	touched bool
}

// NewPart begins an upload under the name n that may be broken off and gone on with, and returns
// its id, 16 hexadecimal digits in lower case: who knows them may go on. Nobody holds the part
// then. It may block. Errors are those of Create, and KindTooMany when Options.PartsMax are kept,
// and none of them is empty and was had by nobody for a minute: such a one makes room.
func (r *Root) NewPart(n Name, o PartOptions) (id string, err error) {
	for range createTriesMax {
		var again bool
		if id, again, err = r.newPart(n, o); !again {
			break
		}
	}
	return id, err
}

// newPart is one try, and says whether another one may go well.
func (r *Root) newPart(n Name, o PartOptions) (id string, again bool, err error) {
	var d draft
	if err := d.begin(r, n, o.NoReplace); err != nil {
		return "", false, err
	}
	defer d.home.close()
	home, err := d.home.inode()
	if err != nil {
		return "", false, newError(OpStat, n, err)
	}
	for range emptyTries {
		id, err = r.parts.reserve(n, home, o.Owner, r.options.partsMax())
		if err == nil || !r.makeRoom(o.Owner, err) {
			break
		}
	}
	if err != nil {
		return "", false, newError(OpCreate, n, err)
	}
	kept, err := d.makePart(id)
	if err == nil {
		// It stays open until it is sure: to open it again could fail, and leave it there.
		defer kept.close()
		if err = d.stayed(home); err == nil {
			r.parts.release(id)
			return id, false, nil
		}
		if d.unmakePart(kept, id) != nil {
			r.parts.release(id) // It is there, and counts; a sweep finds out where.
			return "", false, err
		}
	}
	r.parts.forget(id)
	// A sweep may have taken the folder while it was empty, or somebody renamed the one above.
	return "", errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist), err
}

// stayed fails if the name leads to another folder than home by now. Who renames it from here on
// finds the part among those that are known, and takes note.
func (d *draft) stayed(home inode) error {
	parent, _ := d.name.split()
	there, err := d.root.openFolder(parent, useNames)
	if err == nil {
		var is inode
		if is, err = there.inode(); err == nil && is != home {
			err = fs.ErrNotExist
		}
		there.close()
	}
	return newError(OpFolder, d.name, err)
}

// unmakePart takes back what makePart made.
func (d *draft) unmakePart(kept folder, id string) error {
	err := d.root.fault(OpUnlink, d.name)
	if err == nil {
		err = kept.remove(d.base)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = d.home.removeFolder(partFolder(id)) // It is empty; should it stay, a sweep takes it.
	return nil
}

// makePart makes the part's folder, which it returns open, and the empty file in it.
func (d *draft) makePart(id string) (kept folder, err error) {
	base := partFolder(id)
	if err := d.root.fault(OpMkdir, d.name); err != nil {
		return nil, newError(OpMkdir, d.name, err)
	}
	if err := d.home.makeFolder(base); err != nil {
		return nil, newError(OpMkdir, d.name, err)
	}
	kept, err = d.openKept(base)
	if err == nil {
		if err = d.root.fault(OpCreate, d.name); err == nil {
			var file *os.File
			if file, err = kept.create(d.base); err == nil {
				_ = file.Close() // Nothing was written to it.
			}
		}
		if err != nil {
			kept.close()
		}
	}
	if err != nil {
		_ = d.home.removeFolder(base) // It is empty; should it stay, a sweep takes it.
		return nil, newError(OpCreate, d.name, err)
	}
	return kept, nil
}

func (d *draft) openKept(base string) (folder, error) {
	if err := d.root.fault(OpFolder, d.name); err != nil {
		return nil, err
	}
	return d.home.inner(base)
}

// OpenPart opens the part with that id, to go on with it. It may block. Errors: KindNotFound when
// no part has the id, KindBusy while another has the part, KindDenied, KindTooMany and others.
func (r *Root) OpenPart(id string) (*Part, error) {
	if r.options.ReadOnly {
		return nil, newError(OpOpen, Name{}, errReadOnly)
	}
	for try := 1; ; try++ {
		p, moves, err := r.openPart(id)
		if !errors.Is(err, errStrayed) {
			return p, err
		}
		// A folder that was renamed meanwhile has its new name noted in a moment.
		if try == resolveMoves || r.parts.unmoved(moves) {
			return nil, newError(OpOpen, Name{}, errNoPart) // It still counts: see SweepParts.
		}
		runtime.Gosched()
	}
}

// resolveMoves bounds how often a part is looked for anew when a rename of a folder came between.
const resolveMoves = 128

// openPart is one try. It returns how many folders had been renamed before it.
func (r *Root) openPart(id string) (*Part, uint64, error) {
	e, moves, err := r.parts.hold(id)
	if err != nil {
		return nil, moves, newError(OpOpen, Name{}, err)
	}
	p := &Part{draft: draft{root: r, name: e.name}, id: id}
	if err := p.open(e.home); err != nil {
		r.parts.release(id)
		if !errors.Is(err, errStrayed) && errors.Is(err, fs.ErrNotExist) {
			r.parts.forget(id)
			err = newError(OpOpen, e.name, errNoPart)
		}
		return nil, moves, err
	}
	return p, moves, nil
}

// errStrayed says that a part's name leads elsewhere: the link in it, or a folder above, has
// another name by now, or none. The part may be there all the same.
var errStrayed = &cause{KindNotFound, "the part is elsewhere"}

// strays reports whether an error of opening a part's folder says no more than that.
func strays(err error) bool {
	return gone(err) || KindOf(err) == KindBadName
}

func (p *Part) open(home inode) error {
	d := &p.draft
	parent, base := d.name.split()
	d.base = base
	var err error
	if d.home, err = d.root.openFolder(parent, useNames); err != nil {
		if strays(err) {
			err = errStrayed
		}
		return newError(OpFolder, d.name, err)
	}
	if p.kept, err = d.openKept(partFolder(p.id)); err != nil {
		if errors.Is(err, fs.ErrNotExist) && !isFolder(d.home, home) {
			err = errStrayed
		}
		d.home.close()
		return newError(OpFolder, d.name, err)
	}
	if err = d.root.fault(OpOpen, d.name); err == nil {
		d.file, err = p.kept.openBoth(base)
	}
	if err == nil {
		if err = p.lock(); err != nil {
			_ = d.file.Close()
		}
	}
	if err != nil {
		p.kept.close()
		d.home.close()
		return newError(OpOpen, d.name, err)
	}
	// Whoever had it before may have been killed with blocks set aside.
	d.order, d.older, d.allocated = drafts.Add(1), p.size > 0, !d.root.options.Portable
	return nil
}

// isFolder reports whether an open folder is known to be the one with that inode.
func isFolder(d folder, want inode) bool {
	is, err := d.inode()
	return err == nil && is == want && is != inode{}
}

// lock locks the part's file. Before that another server may have committed or dropped it: it is
// a part only while it has its one name in the part's folder.
func (p *Part) lock() error {
	d := &p.draft
	if err := d.root.fault(OpLock, d.name); err != nil {
		return newError(OpLock, d.name, err)
	}
	locked, err := tryLock(d.file)
	if err == nil && !locked {
		return errHeld
	}
	// Some filesystems lock nothing: then this process alone keeps its openers apart.
	if err := d.root.fault(OpStat, d.name); err != nil {
		return newError(OpStat, d.name, err)
	}
	named, err := p.kept.stat(d.base)
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
		// A server was killed between giving the file its name and taking the part's: where the
		// filesystem cannot rename without replacing, that is two steps. This is the second.
		_ = p.kept.remove(d.base)
		_ = d.home.removeFolder(partFolder(p.id))
		return fs.ErrNotExist
	}
	p.size, p.found = id.size, id.size
	return nil
}

// ID returns the part's id.
func (p *Part) ID() string { return p.id }

// Name returns the name that the file will have. A folder above it that was renamed since the
// part began is in it under its new name.
func (p *Part) Name() Name { return p.draft.name }

// Size returns how many bytes are kept.
func (p *Part) Size() int64 { return p.size }

// FD returns the descriptor, open for reading and writing. It is the Part's until it ends, and -1
// after that. Bytes that are written past the Part's own methods are not counted by it.
func (p *Part) FD() int { return p.draft.descriptor() }

// WriteAt writes all of data at off, which must be the part's size: KindOffset otherwise. It may
// block. Errors are those of Pending.WriteAt. What an error leaves written is kept, and counted by
// Size; Commit then returns that error, and the next opener may go on.
func (p *Part) WriteAt(data []byte, off int64) (int, error) {
	if err := p.atEnd(off); err != nil {
		return 0, err
	}
	n, err := p.draft.write(data, off)
	p.size += int64(n)
	return n, err
}

// SpliceFrom moves n bytes that wait in the pipe to offset off of the file, which must be the
// part's size. Otherwise it does as Pending.SpliceFrom does.
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

// Allocate does as Pending.Allocate does; Close gives back what was not written, too.
func (p *Part) Allocate(off, n int64) error {
	p.touched = true
	return p.draft.allocate(off, n)
}

// Commit makes the part the file of its name, at once and whole, and ends it. What had the name
// is replaced, a symbolic link itself and never what it leads to. It may block. After an error the
// part is kept, as after Close, unless the error is that of OpSyncFolder: then the file has its
// name, and may lose it in a power cut. A further Commit returns the same.
//
// With Durable the file's bytes are on the disk before it takes its name, those that earlier
// openers wrote included.
func (p *Part) Commit(o CommitOptions) error { return commit(p, o) }

func (p *Part) shared() *draft { return &p.draft }

func (p *Part) place(noReplace bool) error {
	// The part may be a day old, and a device or FIFO have come to its name, which no upload
	// replaces.
	if err := p.draft.checkTarget(noReplace); err != nil {
		return err
	}
	return p.draft.rename(p.kept, p.draft.base, noReplace)
}

func (p *Part) end(err error) error {
	d := &p.draft
	if d.placed {
		// An empty folder that stays is no part any more, and is taken by a sweep.
		if d.root.fault(OpRmdir, d.name) == nil {
			_ = d.home.removeFolder(partFolder(p.id))
		}
	}
	p.close(d.placed)
	d.result = err
	return err
}

// Close keeps the part for another opener, which may go on at its size. It may block. An error
// says that bytes which were written may not be there. After the end it does nothing.
func (p *Part) Close() error {
	if p.draft.ended {
		return nil
	}
	p.draft.broken = nil // That was told.
	if p.size == p.found && !p.touched {
		// Who only looked does not make it any younger, as giving back blocks would.
		p.draft.allocated = false
	}
	err := p.draft.flush()
	p.close(false)
	p.draft.result = newError(OpRename, p.draft.name, errEnded)
	return err
}

// Drop removes the part. It may block. What has the name stays as it is. After an error the part
// is kept. After the end it does nothing.
func (p *Part) Drop() error {
	d := &p.draft
	if d.ended {
		return nil
	}
	err := d.root.fault(OpUnlink, d.name)
	if err == nil {
		err = p.kept.remove(d.base)
	}
	dropped := err == nil
	if dropped && d.root.fault(OpRmdir, d.name) == nil {
		_ = d.home.removeFolder(partFolder(p.id)) // A sweep takes it otherwise.
	}
	p.close(dropped)
	d.result = newError(OpRename, d.name, errEnded)
	return newError(OpUnlink, d.name, err)
}

// close closes everything, the lock last of all, and lets others have the part, or know that it
// is no more.
func (p *Part) close(gone bool) {
	d := &p.draft
	d.ended = true
	p.kept.close()
	d.home.close()
	_ = d.file.Close()
	if gone {
		d.root.parts.forget(p.id)
	} else {
		d.root.parts.leave(p.id, p.size)
	}
}
