package dir

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"

	"ferry/fsio"
)

// Mkdir implements fsio.Store. umask gives the mode.
func (r *Root) Mkdir(n fsio.Name) error {
	if n.IsRoot() {
		return fsio.NewError(fsio.OpMkdir, n, errFolderHere)
	}
	return r.inFolder(fsio.OpMkdir, n, func(d folder, base string) error {
		err := d.makeFolder(base, 0o777)
		switch {
		case errors.Is(err, syscall.EEXIST):
			return errTaken
		case errors.Is(err, syscall.EINVAL):
			return errRefused
		}
		return err
	})
}

// Rmdir implements fsio.Store. Temporary files and files that begin with a dot
// count, although no listing shows them: somebody may be storing there.
func (r *Root) Rmdir(n fsio.Name) error {
	if n.IsRoot() {
		return fsio.NewError(fsio.OpRmdir, n, errRoot)
	}
	return r.inFolder(fsio.OpRmdir, n, func(d folder, base string) error {
		err := d.removeFolder(base)
		if errors.Is(err, syscall.EEXIST) { // Another word for it on some systems.
			return syscall.ENOTEMPTY
		}
		return err
	})
}

// Remove implements fsio.Store. Freeing the blocks of a large file takes its time.
func (r *Root) Remove(n fsio.Name) error {
	if n.IsRoot() || n.MeansFolder() {
		return fsio.NewError(fsio.OpUnlink, n, errNotPlain)
	}
	return r.inFolder(fsio.OpUnlink, n, func(d folder, base string) error {
		kind, err := d.lookup(base)
		if err != nil {
			return err
		}
		// Removing neither opens nor follows: what takes its place meanwhile is a file at most.
		if kind == fsio.EntryFolder || kind == fsio.EntryOther {
			return errNotPlain
		}
		return d.remove(base)
	})
}

// inFolder opens the folder that n is in and does one thing there.
func (r *Root) inFolder(op fsio.Op, n fsio.Name, do func(d folder, base string) error) error {
	if r.options.ReadOnly {
		return fsio.NewError(op, n, errReadOnly)
	}
	parent, base := n.Split()
	d, err := r.openFolder(parent, useNames)
	if err != nil {
		return fsio.NewError(fsio.OpFolder, n, err)
	}
	defer d.close()
	if err = r.fault(op, n); err == nil {
		err = do(d, base)
	}
	if err == nil {
		return r.settleFolder(n, d)
	}
	return fsio.NewError(op, n, err)
}

// settleFolder brings a folder of which a name was changed to the disk, if that is asked for.
func (r *Root) settleFolder(n fsio.Name, d folder) error {
	if !r.options.Durable {
		return nil
	}
	return fsio.NewError(fsio.OpSyncFolder, n, r.syncFolder(n, d, nil))
}

// syncFolder brings the names in an open folder to the disk. A folder that may be written but not
// read (a drop box) cannot be opened for that: then its whole filesystem is synced, by way of a
// file in it, which is made where there is none.
func (r *Root) syncFolder(n fsio.Name, d folder, file *os.File) error {
	err := r.fault(fsio.OpSyncFolder, n)
	if err == nil {
		err = d.sync()
	}
	if fsio.KindOf(err) != fsio.KindDenied {
		return err
	}
	if file == nil {
		base := temporaryName(rand.Uint64())
		made, failed := d.create(base)
		if failed != nil {
			return err
		}
		defer closeRead(made)
		_ = d.remove(base) // A sweep takes it otherwise.
		file = made
	}
	if all := syncFilesystem(file); fsio.KindOf(all) != fsio.KindUnsupported {
		err = all
	}
	return err
}

// Rename implements fsio.Store. Two names of one and the same file (hard links) both
// stay, as the system has it. Uploads under way in a folder that is renamed end in it; parts keep
// the name that they have.
func (r *Root) Rename(from, to fsio.Name, o fsio.CommitOptions) error {
	switch {
	case r.options.ReadOnly:
		return fsio.NewError(fsio.OpRename, from, errReadOnly)
	case from.IsRoot():
		return fsio.NewError(fsio.OpRename, from, errRoot)
	case to.IsRoot():
		return fsio.NewError(fsio.OpRename, to, errFolderHere)
	}
	source, sourceBase := from.Split()
	target, targetBase := to.Split()
	d, err := r.openFolder(source, useNames)
	if err != nil {
		return fsio.NewError(fsio.OpFolder, from, err)
	}
	defer d.close()
	e, err := r.openFolder(target, useNames)
	if err != nil {
		return fsio.NewError(fsio.OpFolder, to, err)
	}
	defer e.close()
	m := move{root: r, from: from, to: to, source: d, target: e, noReplace: o.NoReplace}
	return m.run(sourceBase, targetBase)
}

// move is one Rename, its folders open.
type move struct {
	root           *Root
	from, to       fsio.Name
	source, target folder
	noReplace      bool
}

func (m *move) run(base, targetBase string) error {
	kind, err := m.look(m.source, m.from, base)
	switch {
	case err != nil:
		return fsio.NewError(fsio.OpRename, m.from, err)
	case kind == fsio.EntryOther:
		return fsio.NewError(fsio.OpRename, m.from, errNotPlain)
	case kind != fsio.EntryFolder && (m.from.MeansFolder() || m.to.MeansFolder()):
		return fsio.NewError(fsio.OpRename, m.from, syscall.ENOTDIR)
	case m.from.String() == m.to.String() && !m.noReplace:
		return nil
	case kind == fsio.EntryFolder && strings.HasPrefix(m.to.String(), m.from.String()+"/"):
		return fsio.NewError(fsio.OpRename, m.to, errIntoItself)
	}
	found, err := m.look(m.target, m.to, targetBase)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
	case m.noReplace:
		err = errTaken
	case found == fsio.EntryFolder:
		err = errFolderHere
	case kind == fsio.EntryFolder:
		err = errOverFile
	case found == fsio.EntryOther:
		err = errNotPlain
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fsio.NewError(fsio.OpRename, m.to, err)
	}
	if err := m.root.fault(fsio.OpRename, m.from); err != nil {
		return fsio.NewError(fsio.OpRename, m.from, err)
	}
	if kind == fsio.EntryFolder || m.noReplace {
		err = m.source.renameNew(base, m.target, targetBase)
	} else {
		err = m.source.rename(base, m.target, targetBase)
	}
	if err != nil {
		return m.explain(kind, err)
	}
	return m.settle()
}

// settle brings both folders to the disk, the one with the new name first: between the two a power
// cut leaves both names at worst, and never none.
func (m *move) settle() error {
	if err := m.root.settleFolder(m.to, m.target); err != nil {
		return err
	}
	from, err := m.source.inode()
	to, failed := m.target.inode()
	if err == nil && failed == nil && from == to && from != (inode{}) {
		return nil
	}
	return m.root.settleFolder(m.from, m.source)
}

func (m *move) look(d folder, n fsio.Name, base string) (fsio.EntryKind, error) {
	if err := m.root.fault(fsio.OpStat, n); err != nil {
		return fsio.EntryOther, err
	}
	return d.lookup(base)
}

// explain says what an errno of the rename itself means. What it finds in the way has come there
// since we looked.
func (m *move) explain(kind fsio.EntryKind, err error) error {
	n := m.to
	switch {
	case errors.Is(err, syscall.EEXIST), errors.Is(err, syscall.ENOTEMPTY):
		err = errTaken
	case errors.Is(err, syscall.EISDIR):
		err = errFolderHere
	case errors.Is(err, syscall.ENOTDIR):
		err = errOverFile
	case errors.Is(err, syscall.EXDEV):
		err = errElsewhere
	case errors.Is(err, syscall.EINVAL) && kind == fsio.EntryFolder:
		// By way of links it may be the same folder under another name.
		err = errIntoItself
	case errors.Is(err, syscall.EINVAL):
		err = errRefused
	default:
		n = m.from
	}
	return fsio.NewError(fsio.OpRename, n, err)
}
