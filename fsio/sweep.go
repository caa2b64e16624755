package fsio

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"runtime"
	"time"
)

// Sweep removes what a killed server left: temporary files of ours anywhere beneath the root that
// nobody has locked, and what SweepParts removes. It learns of the parts of earlier servers, so
// call it before the first OpenPart. Links are not followed. Folders that cannot be read and files
// that cannot be removed are skipped: removed counts what is gone, err is the first error. It
// walks the whole tree, and may block for as long. On a read-only root it does nothing.
//
// Servers before this version kept a part next to its target, as a hidden folder with one file.
// Such a part cannot be resumed; it is removed once it is older than Options.PartLifetime.
func (r *Root) Sweep() (removed int, err error) {
	if r.options.ReadOnly {
		return 0, nil
	}
	s := sweep{root: r}
	s.parts()
	// A name each instead of a descriptor each, however deep they are.
	for folders := []Name{{}}; len(folders) > 0; {
		n := folders[len(folders)-1]
		folders = append(folders[:len(folders)-1], s.folder(n)...)
	}
	return s.removed, s.err
}

// sweep is one walk of the tree, or one look at the parts.
type sweep struct {
	root    *Root
	removed int
	err     error // The first one.
}

// note keeps the first error, except those that only say that somebody else was faster.
func (s *sweep) note(op Op, n Name, err error) {
	if err != nil && !gone(err) && !errors.Is(err, errBusy) && s.err == nil {
		s.err = newError(op, n, err)
	}
}

// folder removes the leftovers in a folder, and returns the folders in it.
func (s *sweep) folder(n Name) (inner []Name) {
	d, err := s.root.openFolder(n, useSweep)
	if err != nil {
		s.note(OpFolder, n, err)
		return nil
	}
	defer d.close()
	err = s.root.fault(OpList, n)
	var entries []entry
	if err == nil {
		entries, err = d.entries(math.MaxInt64)
	}
	if err != nil {
		s.note(OpList, n, err)
		return nil
	}
	for _, e := range entries {
		switch {
		case e.kind == typeFolder && isPart(e.name):
			s.oldPart(d, n, e.name)
		case e.kind == typeFolder && len(n.z)+len(e.name) <= nameBytesMax &&
			e.name != partsFolderName:
			inner = append(inner, n.join(e.name))
		case e.kind == typePlain && isTemporary(e.name):
			if s.file(d, n.join(e.name), e.name, func(time.Time) bool { return true }) {
				s.removed++
			}
		}
	}
	return inner
}

// file removes a file if nobody has it locked and due agrees, given the time of its last change.
// The lock is held until the name is gone, so that a server that has just created the file
// notices: see lockNew.
func (s *sweep) file(d folder, n Name, base string, due func(changed time.Time) bool) bool {
	err := s.root.fault(OpOpen, n)
	var f *os.File
	if err == nil {
		f, err = d.open(base)
	}
	if err != nil {
		s.note(OpOpen, n, err)
		return false
	}
	defer closeRead(f)
	err = s.root.fault(OpLock, n)
	locked := false
	if err == nil {
		locked, err = tryLock(f)
	}
	if err != nil {
		s.note(OpLock, n, err)
		return false
	}
	id, err := identify(int(f.Fd()))
	runtime.KeepAlive(f)
	if !locked || err != nil || !due(time.Unix(0, id.modified)) {
		return false
	}
	// A server may have committed it between our open and our lock: then it has another name.
	err = s.root.fault(OpUnlink, n)
	if err == nil {
		err = d.remove(base)
	}
	s.note(OpUnlink, n, err)
	return err == nil
}

// oldPart removes a part of a server before this version, if it is past its lifetime. A folder
// that holds anything else is not ours.
func (s *sweep) oldPart(home folder, n Name, base string) {
	kept, err := home.inner(base)
	if err != nil {
		s.note(OpFolder, n, err)
		return
	}
	defer kept.close()
	entries, err := kept.entries(partBytesMax + int64(len("/\n")))
	if err != nil || len(entries) > 1 || len(entries) == 1 && entries[0].kind != typePlain {
		return
	}
	if len(entries) == 1 && !s.file(kept, n.join(base), entries[0].name, s.root.expired) {
		return
	}
	err = s.root.fault(OpRmdir, n)
	if err == nil {
		err = home.removeFolder(base)
	}
	if err == nil {
		s.removed++
	}
	s.note(OpRmdir, n, err)
}

// gone reports whether an error only says that somebody else was faster.
func gone(err error) bool {
	kind := KindOf(err)
	return errors.Is(err, fs.ErrNotExist) || kind == KindNotFound || kind == KindNotFolder ||
		kind == KindNotPlain
}
