package fsio

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
)

// Mkdir makes the folder n, with the mode that umask gives. It may block. Errors: KindExists when
// anything has the name, a link that leads nowhere included, KindNotFound without the folder that
// it would be in, KindDenied, KindNoSpace and others.
func (r *Root) Mkdir(n Name) error {
	if n.IsRoot() {
		return newError(OpMkdir, n, errFolderHere)
	}
	return r.inFolder(OpMkdir, n, func(d folder, base string) error {
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

// Rmdir removes the folder n, which must be empty. Temporary files and files that begin with a dot
// count, although no listing shows them: somebody may be storing there. It may block.
// Errors: KindNotEmpty, KindNotFound, KindNotFolder (a link to a folder among it: it is not
// followed), KindDenied also for the root, KindBusy for a folder that a filesystem is mounted on,
// and others.
func (r *Root) Rmdir(n Name) error {
	if n.IsRoot() {
		return newError(OpRmdir, n, errRoot)
	}
	return r.inFolder(OpRmdir, n, func(d folder, base string) error {
		err := d.removeFolder(base)
		if errors.Is(err, syscall.EEXIST) { // Another word for it on some systems.
			return syscall.ENOTEMPTY
		}
		return err
	})
}

// Remove removes the plain file n, or the link n itself, never what it leads to. It may block:
// freeing the blocks of a large file takes its time. Errors: KindNotFound, KindNotPlain for a
// folder, device, FIFO or socket, KindDenied and others.
func (r *Root) Remove(n Name) error {
	if n.IsRoot() || n.folder {
		return newError(OpUnlink, n, errNotPlain)
	}
	return r.inFolder(OpUnlink, n, func(d folder, base string) error {
		kind, err := d.lookup(base)
		if err != nil {
			return err
		}
		// Removing neither opens nor follows: what takes its place meanwhile is a file at most.
		if kind == typeFolder || kind == typeOther {
			return errNotPlain
		}
		return d.remove(base)
	})
}

// inFolder opens the folder that n is in and does one thing there.
func (r *Root) inFolder(op Op, n Name, do func(d folder, base string) error) error {
	if r.options.ReadOnly {
		return newError(op, n, errReadOnly)
	}
	parent, base := n.split()
	d, err := r.openFolder(parent, useNames)
	if err != nil {
		return newError(OpFolder, n, err)
	}
	defer d.close()
	if err = r.fault(op, n); err == nil {
		err = do(d, base)
	}
	if err == nil {
		return r.settleFolder(n, d)
	}
	return newError(op, n, err)
}

// settleFolder brings a folder of which a name was changed to the disk, if that is asked for.
func (r *Root) settleFolder(n Name, d folder) error {
	if !r.options.Durable {
		return nil
	}
	return newError(OpSyncFolder, n, r.syncFolder(n, d, nil))
}

// syncFolder brings the names in an open folder to the disk. A folder that may be written but not
// read (a drop box) cannot be opened for that: then its whole filesystem is synced, by way of a
// file in it, which is made where there is none.
func (r *Root) syncFolder(n Name, d folder, file *os.File) error {
	err := r.fault(OpSyncFolder, n)
	if err == nil {
		err = d.sync()
	}
	if KindOf(err) != KindDenied {
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
	if all := syncFilesystem(file); KindOf(all) != KindUnsupported {
		err = all
	}
	return err
}

// Rename gives a file, a link or a folder another name, in the same folder or another one, at
// once: at every moment it has one name or the other. A link at the end of either name is never
// followed. It may block.
//
// A file replaces a file or a link, unless NoReplace forbids it: then KindExists. A file replaces
// no folder, and a folder replaces nothing, not even an empty folder: KindExists. Devices, FIFOs
// and sockets are neither renamed nor replaced: KindNotPlain. A folder does not fit into itself:
// KindBadName. To give something the name that it has does nothing. Where names are on different
// filesystems nothing is copied: KindUnsupported. Two names of one and the same file (hard links)
// both stay, as the system has it. Further errors: KindNotFound for the old name and for the
// folder of the new one, KindNotFolder when a slash says folder and it is none, KindDenied also for
// the root, and others.
//
// Uploads under way in a folder that is renamed end in it; parts keep the name that they have.
func (r *Root) Rename(from, to Name, o CommitOptions) error {
	switch {
	case r.options.ReadOnly:
		return newError(OpRename, from, errReadOnly)
	case from.IsRoot():
		return newError(OpRename, from, errRoot)
	case to.IsRoot():
		return newError(OpRename, to, errFolderHere)
	}
	source, sourceBase := from.split()
	target, targetBase := to.split()
	d, err := r.openFolder(source, useNames)
	if err != nil {
		return newError(OpFolder, from, err)
	}
	defer d.close()
	e, err := r.openFolder(target, useNames)
	if err != nil {
		return newError(OpFolder, to, err)
	}
	defer e.close()
	m := move{root: r, from: from, to: to, source: d, target: e, noReplace: o.NoReplace}
	return m.run(sourceBase, targetBase)
}

// move is one Rename, its folders open.
type move struct {
	root           *Root
	from, to       Name
	source, target folder
	noReplace      bool
}

func (m *move) run(base, targetBase string) error {
	kind, err := m.look(m.source, m.from, base)
	switch {
	case err != nil:
		return newError(OpRename, m.from, err)
	case kind == typeOther:
		return newError(OpRename, m.from, errNotPlain)
	case kind != typeFolder && (m.from.folder || m.to.folder):
		return newError(OpRename, m.from, syscall.ENOTDIR)
	case m.from.String() == m.to.String() && !m.noReplace:
		return nil
	case kind == typeFolder && strings.HasPrefix(m.to.String(), m.from.String()+"/"):
		return newError(OpRename, m.to, errIntoItself)
	}
	found, err := m.look(m.target, m.to, targetBase)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
	case m.noReplace:
		err = errTaken
	case found == typeFolder:
		err = errFolderHere
	case kind == typeFolder:
		err = errOverFile
	case found == typeOther:
		err = errNotPlain
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return newError(OpRename, m.to, err)
	}
	if err := m.root.fault(OpRename, m.from); err != nil {
		return newError(OpRename, m.from, err)
	}
	if kind == typeFolder || m.noReplace {
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

func (m *move) look(d folder, n Name, base string) (entryType, error) {
	if err := m.root.fault(OpStat, n); err != nil {
		return typeOther, err
	}
	return d.lookup(base)
}

// explain says what an errno of the rename itself means. What it finds in the way has come there
// since we looked.
func (m *move) explain(kind entryType, err error) error {
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
	case errors.Is(err, syscall.EINVAL) && kind == typeFolder:
		// By way of links it may be the same folder under another name.
		err = errIntoItself
	case errors.Is(err, syscall.EINVAL):
		err = errRefused
	default:
		n = m.from
	}
	return newError(OpRename, n, err)
}
