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
	return r.walkTree(nil)
}

// SweepParts removes the parts that are older than Options.PartLifetime and that nobody has. It
// looks at those that it knows, so that it can be called often. Only when one of them is not where
// it was does it walk the tree, as Sweep does: whoever renames folders and links must not make the
// server lose parts. It also walks once in a lifetime, or in an hour if that is longer, for parts
// that it never knew. Otherwise it does as Sweep does.
func (r *Root) SweepParts() (removed int, err error) {
	if r.options.ReadOnly || r.options.PartLifetime <= 0 {
		return 0, nil
	}
	s := sweep{root: r}
	strayed := map[string]bool{}
	for id, e := range r.parts.all() {
		if !s.known(id, e) {
			strayed[id] = true
		}
	}
	every := max(r.options.PartLifetime, walkOften)
	if len(strayed) == 0 && !r.parts.walkDue(time.Now(), every) {
		return s.removed, s.err
	}
	removed, err = r.walkTree(strayed)
	if s.err != nil {
		err = s.err
	}
	return s.removed + removed, err
}

// sweep is one walk, or one look at the parts that are known.
type sweep struct {
	root    *Root
	removed int
	err     error // The first one.

	walk
	blind  bool   // A folder could not be read: a part may be there.
	deep   bool   // What is looked at has no Name, since it would be too long.
	anchor *step  // A folder on the way to what is looked at, nil for the root.
	held   folder // The anchor, open.
}

// known looks at a part where it was when it was last seen. It reports whether it is there, or is
// known to be gone.
func (s *sweep) known(id string, e partEntry) bool {
	parent, _ := e.name.split()
	home, err := s.root.openFolder(parent, useNames)
	if err != nil {
		if strays(err) || KindOf(err) == KindDenied {
			return e.held
		}
		s.note(OpFolder, e.name, err)
		return true
	}
	defer home.close()
	// A part that was held may not have got its folder yet, or have lost it already.
	if s.part(home, parent, partFolder(id)) || e.held {
		return true
	}
	if !isFolder(home, e.home) {
		return false
	}
	s.root.parts.forgetFree(id)
	return true
}

// note keeps the first error, those aside that only say that somebody else was faster.
func (s *sweep) note(op Op, n Name, err error) {
	if err == nil || gone(err) {
		return
	}
	if op == OpFolder || op == OpList || op == OpStat {
		s.blind = true
	}
	if s.err == nil {
		s.err = newError(op, n, err)
	}
}

// folder removes the leftovers in a folder, and returns the folders in it.
func (s *sweep) folder(at *step) (inner []string) {
	n, ok := at.name()
	s.deep = !ok
	d, err := s.open(at)
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
			s.part(d, n, e.name)
		case e.kind == typeFolder:
			inner = append(inner, e.name)
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
// began or ended. (One that begins just now meets ErrNotExist, and begins anew.) It reports whether
// the part was there, or nobody knows.
func (s *sweep) part(home folder, n Name, base string) bool {
	kept, file, err := s.openPart(home, n, base)
	if err != nil {
		s.note(OpFolder, n, err)
		return !gone(err)
	}
	defer kept.close()
	id := partID(base)
	if file == "" && s.root.parts.holds(id) {
		return true // It is about to get its file.
	}
	there := file != ""
	if file != "" {
		name := n.join(file)
		err := s.root.fault(OpStat, name)
		var m meta
		if err == nil {
			m, err = kept.stat(file)
		}
		if err != nil {
			s.note(OpStat, name, err)
			return true
		}
		if !s.root.expired(m.changed) || s.root.parts.holds(id) ||
			!s.file(kept, n, file, s.root.expiredFile) {
			s.met(home, id, name, m)
			return true
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
	return there
}

// met takes in a part that a folder holds.
func (s *sweep) met(home folder, id string, n Name, m meta) {
	if s.deep {
		n = Name{} // It counts and expires, and is not gone on with until it has a name again.
	}
	is, err := home.inode()
	if err != nil {
		is = inode{}
	}
	s.root.parts.met(id, n, is, m, s.walk)
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
