package fsio

import (
	"errors"
	"io/fs"
	"math"
)

// Sweep removes what a killed server left: our temporary files, anywhere beneath the root, that
// nobody has locked. A file that another server is writing stays, since it is locked. Links are
// not followed. Folders that cannot be read, and files that cannot be removed, are passed over:
// removed counts what is gone, err is the first error. It may block, for as long as it takes to
// walk the whole tree. On a read-only root it does nothing.
func (r *Root) Sweep() (removed int, err error) {
	if r.options.ReadOnly {
		return 0, nil
	}
	// Folders still to walk; a path each instead of a descriptor each, however deep they are.
	folders := []Name{{}}
	for len(folders) > 0 {
		n := folders[len(folders)-1]
		folders = folders[:len(folders)-1]
		inner, count, failed := r.sweepFolder(n)
		folders = append(folders, inner...)
		removed += count
		if err == nil && failed != nil {
			err = failed
		}
	}
	return removed, err
}

// sweepFolder returns the folders in the folder n, and removes the leftovers in it.
func (r *Root) sweepFolder(n Name) (inner []Name, removed int, err error) {
	d, err := r.openFolder(n, useSweep)
	if err != nil {
		// A path that is too long for the system is too long for ParseName.
		if gone(err) || KindOf(err) == KindBadName {
			return nil, 0, nil
		}
		return nil, 0, newError(OpFolder, n, err)
	}
	defer d.close()
	err = r.fault(OpList, n)
	var entries []entry
	if err == nil {
		entries, err = d.entries(math.MaxInt64)
	}
	if err != nil {
		return nil, 0, newError(OpList, n, err)
	}
	for _, e := range entries {
		switch {
		case e.kind == typeFolder:
			inner = append(inner, n.join(e.name))
		case e.kind == typePlain && isTemporary(e.name):
			gone, failed := r.sweepFile(d, n, e.name)
			if gone {
				removed++
			}
			if err == nil && failed != nil {
				err = failed
			}
		}
	}
	return inner, removed, err
}

// sweepFile removes one temporary file if nobody has it locked. The lock is held until the name
// is gone, so that a server that has just made the file finds out: see Pending.lock.
func (r *Root) sweepFile(d folder, n Name, base string) (bool, error) {
	name := n.join(base)
	if err := r.fault(OpOpen, name); err != nil {
		return false, newError(OpOpen, name, err)
	}
	f, err := d.open(base)
	if err != nil {
		if gone(err) {
			return false, nil
		}
		return false, newError(OpOpen, name, err)
	}
	defer closeRead(f)
	err = r.fault(OpLock, name)
	locked := false
	if err == nil {
		locked, err = tryLock(f)
	}
	if err != nil {
		return false, newError(OpLock, name, err)
	}
	if !locked {
		return false, nil
	}
	// A server may have committed it between our open and our lock: it then has another name.
	if err := r.fault(OpUnlink, name); err != nil {
		return false, newError(OpUnlink, name, err)
	}
	if err := d.remove(base); err != nil {
		if gone(err) {
			return false, nil
		}
		return false, newError(OpUnlink, name, err)
	}
	return true, nil
}

// gone tells errors that only say that somebody else was faster.
func gone(err error) bool {
	kind := KindOf(err)
	return errors.Is(err, fs.ErrNotExist) || kind == KindNotFound || kind == KindNotFolder ||
		kind == KindNotPlain
}
