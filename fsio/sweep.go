package fsio

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"runtime"
	"time"
)

// Sweep removes what a killed server left: our temporary files, anywhere beneath the root, that
// nobody has locked, and parts that are older than Options.PartLifetime and that nobody has. Of
// the other parts it learns, so that OpenPart finds those of a server before this one: call it
// before the first. A file that another server is writing stays, since it is locked. Links are
// not followed. Folders that cannot be read, and files that cannot be removed, are passed over:
// removed counts what is gone, err is the first error. It may block, for as long as it takes to
// walk the whole tree. On a read-only root it does nothing.
func (r *Root) Sweep() (removed int, err error) {
	if r.options.ReadOnly {
		return 0, nil
	}
	s := sweep{root: r, number: r.parts.begin()}
	// Folders still to walk; a path each instead of a descriptor each, however deep they are.
	folders := []Name{{}}
	for len(folders) > 0 {
		n := folders[len(folders)-1]
		folders = folders[:len(folders)-1]
		folders = append(folders, s.folder(n)...)
	}
	if s.err == nil { // Otherwise a part may be where the sweep has not been.
		r.parts.end(s.number)
	}
	return s.removed, s.err
}

// SweepParts removes the parts that are older than Options.PartLifetime and that nobody has. It
// looks at those that it knows and walks no tree, so that it can be called often. Otherwise it does
// as Sweep does.
func (r *Root) SweepParts() (removed int, err error) {
	if r.options.ReadOnly || r.options.PartLifetime <= 0 {
		return 0, nil
	}
	s := sweep{root: r}
	for id, n := range r.parts.all() {
		parent, _ := n.split()
		home, err := r.openFolder(parent, useNames)
		if err != nil {
			s.note(OpFolder, n, err)
			continue
		}
		s.part(home, parent, partFolder(id))
		home.close()
	}
	return s.removed, s.err
}

// sweep is one walk.
type sweep struct {
	root    *Root
	number  uint64
	removed int
	err     error // The first one.
}

// note keeps the first error, those aside that only say that somebody else was faster.
func (s *sweep) note(op Op, n Name, err error) {
	if err != nil && s.err == nil && !gone(err) {
		s.err = newError(op, n, err)
	}
}

// folder removes the leftovers in the folder n, and returns the folders in it.
func (s *sweep) folder(n Name) (inner []Name) {
	d, err := s.root.openFolder(n, useSweep)
	if err != nil {
		if KindOf(err) != KindBadName { // A path that is too long is too long for ParseName.
			s.note(OpFolder, n, err)
		}
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
			s.part(d, n, e.name)
		case e.kind == typeFolder:
			inner = append(inner, n.join(e.name))
		case e.kind == typePlain && isTemporary(e.name):
			if s.file(d, n, e.name, func(*os.File) bool { return true }) {
				s.removed++
			}
		}
	}
	return inner
}

// file removes one file if nobody has it locked and it is still to go then. The lock is held until
// the name is gone, so that a server that has just made the file finds out: see Pending.lock.
func (s *sweep) file(d folder, n Name, base string, still func(*os.File) bool) bool {
	name := n.join(base)
	err := s.root.fault(OpOpen, name)
	var f *os.File
	if err == nil {
		f, err = d.open(base)
	}
	if err != nil {
		s.note(OpOpen, name, err)
		return false
	}
	defer closeRead(f)
	err = s.root.fault(OpLock, name)
	locked := false
	if err == nil {
		locked, err = tryLock(f)
	}
	if err != nil {
		s.note(OpLock, name, err)
		return false
	}
	if !locked || !still(f) {
		return false
	}
	// A server may have committed it between our open and our lock: it then has another name.
	err = s.root.fault(OpUnlink, name)
	if err == nil {
		err = d.remove(base)
	}
	s.note(OpUnlink, name, err)
	return err == nil
}

// part looks at a part's folder. An empty one is what a server that was killed left of a part that
// began or ended. (One that begins just now meets ErrNotExist, and begins anew.)
func (s *sweep) part(home folder, n Name, base string) {
	kept, file, err := s.openPart(home, n, base)
	if err != nil {
		s.note(OpFolder, n, err)
		return
	}
	defer kept.close()
	id := partID(base)
	if file == "" && s.root.parts.holds(id) {
		return // It is about to get its file.
	}
	if file != "" {
		name := n.join(file)
		err := s.root.fault(OpStat, name)
		var m meta
		if err == nil {
			m, err = kept.stat(file)
		}
		if err != nil {
			s.note(OpStat, name, err)
			return
		}
		if !s.root.expired(m.changed) || s.root.parts.holds(id) {
			s.root.parts.met(id, name, s.number)
			return
		}
		if !s.file(kept, n, file, s.root.expiredFile) {
			s.root.parts.met(id, name, s.number)
			return
		}
		s.root.parts.forget(id)
	}
	err = s.root.fault(OpRmdir, n)
	if err == nil {
		err = home.removeFolder(base)
	}
	switch {
	case err == nil:
		s.removed++
	case KindOf(err) != KindNotEmpty: // Another server has just put its file there.
		s.note(OpRmdir, n, err)
	}
}

// openPart opens a part's folder, and returns the name of the file in it, if there is one. What
// holds anything else is none of ours.
func (s *sweep) openPart(home folder, n Name, base string) (kept folder, file string, err error) {
	if err := s.root.fault(OpFolder, n); err != nil {
		return nil, "", err
	}
	if kept, err = home.inner(base); err != nil {
		return nil, "", err
	}
	err = s.root.fault(OpList, n)
	var entries []entry
	if err == nil {
		entries, err = kept.entries(partBytesMax + int64(len("/\n")))
	}
	switch {
	case errors.Is(err, errListing):
		err = fs.ErrNotExist
	case err != nil:
	case len(entries) == 0:
		return kept, "", nil
	case len(entries) == 1 && entries[0].kind == typePlain:
		return kept, entries[0].name, nil
	default:
		err = fs.ErrNotExist
	}
	kept.close()
	return nil, "", err
}

// expired reports whether a part whose last byte came then is to go.
func (r *Root) expired(changed time.Time) bool {
	return r.options.PartLifetime > 0 && time.Since(changed) > r.options.PartLifetime
}

// expiredFile is expired for an open file: its lock is ours now, and somebody may have had it.
func (r *Root) expiredFile(f *os.File) bool {
	defer runtime.KeepAlive(f)
	id, err := identify(int(f.Fd()))
	return err == nil && r.expired(time.Unix(0, id.modified))
}

// gone tells errors that only say that somebody else was faster.
func gone(err error) bool {
	kind := KindOf(err)
	return errors.Is(err, fs.ErrNotExist) || kind == KindNotFound || kind == KindNotFolder ||
		kind == KindNotPlain
}
