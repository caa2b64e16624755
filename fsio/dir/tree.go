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

func (r *store) Mkdir(n fsio.Name) error {
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

// Rmdir counts temporary files and files that begin with a dot: somebody may be storing there.
func (r *store) Rmdir(n fsio.Name) error {
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

func (r *store) Remove(n fsio.Name) error {
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
func (r *store) inFolder(op fsio.Op, n fsio.Name, do func(d folder, base string) error) error {
	if r.options.ReadOnly {
		return fsio.NewError(op, n, errReadOnly)
	}
	parent, base := n.Split()
	d, err := r.openFolder(parent, useNames)
	if err != nil {
		return fsio.NewError(fsio.OpFolder, n, err)
	}
	defer d.close()
	if err := r.do(op, n, func() error { return do(d, base) }); err != nil {
		return err
	}
	return r.settleFolder(n, d)
}

// settleFolder brings a folder of which a name was changed to the disk, if that is asked for.
func (r *store) settleFolder(n fsio.Name, d folder) error {
	if !r.options.Durable {
		return nil
	}
	return fsio.NewError(fsio.OpSyncFolder, n, r.syncFolder(n, d, nil))
}

// syncFolder brings the names in an open folder to the disk. A folder that may be written but not
// read (a drop box) cannot be opened for that: then its whole filesystem is synced, by way of a
// file in it, which is made where there is none.
func (r *store) syncFolder(n fsio.Name, d folder, file *os.File) error {
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

// Rename keeps both names of one and the same file (hard links). Uploads under way in a folder that
// is renamed end in it; parts keep the name that they have.
func (r *store) Rename(from, to fsio.Name, o fsio.CommitOptions) error {
	switch {
	case r.options.ReadOnly:
		return fsio.NewError(fsio.OpRename, from, errReadOnly)
	case from.IsRoot():
		return fsio.NewError(fsio.OpRename, from, errRoot)
	case to.IsRoot():
		return fsio.NewError(fsio.OpRename, to, errFolderHere)
	}
	source, base := from.Split()
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
	kind, err := r.lookup(d, from, base)
	switch {
	case err != nil:
	case kind == fsio.EntryOther:
		err = errNotPlain
	case kind != fsio.EntryFolder && (from.MeansFolder() || to.MeansFolder()):
		err = syscall.ENOTDIR
	case from.String() == to.String() && !o.NoReplace:
		return nil
	}
	if err != nil {
		return fsio.NewError(fsio.OpRename, from, err)
	}
	if err = r.wantPlace(e, to, targetBase, from, kind, o.NoReplace); err != nil {
		return fsio.NewError(fsio.OpRename, to, err)
	}
	err = r.fault(fsio.OpRename, from)
	switch {
	case err != nil:
		return fsio.NewError(fsio.OpRename, from, err)
	case kind == fsio.EntryFolder || o.NoReplace:
		err = d.renameNew(base, e, targetBase)
	default:
		err = d.rename(base, e, targetBase)
	}
	if err != nil {
		return explain(from, to, kind, err)
	}
	// The folder with the new name first: between the two a power cut leaves both names at worst,
	// and never none.
	if err = r.settleFolder(to, e); err != nil {
		return err
	}
	if source == target {
		return nil
	}
	return r.settleFolder(from, d)
}

func (r *store) lookup(d folder, n fsio.Name, base string) (fsio.EntryKind, error) {
	if err := r.fault(fsio.OpStat, n); err != nil {
		return fsio.EntryOther, err
	}
	return d.lookup(base)
}

// wantPlace fails if something of that kind cannot be renamed from one name to the other.
func (r *store) wantPlace(
	d folder, to fsio.Name, base string, from fsio.Name, kind fsio.EntryKind, noReplace bool,
) error {
	if kind == fsio.EntryFolder && strings.HasPrefix(to.String(), from.String()+"/") {
		return errIntoItself
	}
	found, err := r.lookup(d, to, base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case noReplace:
		return errTaken
	case found == fsio.EntryFolder:
		return errFolderHere
	case kind == fsio.EntryFolder:
		return errOverFile
	case found == fsio.EntryOther:
		return errNotPlain
	}
	return nil
}

// explain says what an errno of the rename itself means.
func explain(from, to fsio.Name, kind fsio.EntryKind, err error) error {
	n := to
	switch {
	case errors.Is(err, syscall.EEXIST), errors.Is(err, syscall.ENOTEMPTY):
		err = errTaken // It has come there since we looked.
	case errors.Is(err, syscall.EXDEV):
		err = errElsewhere
	case errors.Is(err, syscall.EINVAL) && kind == fsio.EntryFolder:
		// By way of links it may be the same folder under another name.
		err = errIntoItself
	case errors.Is(err, syscall.EINVAL):
		err = errRefused
	default:
		n = from
	}
	return fsio.NewError(fsio.OpRename, n, err)
}
