package fsio

import (
	"container/list"
	"crypto/rand"
	"encoding/binary"
	"strings"
	"sync"
	"time"
)

// partsMaxDefault is 10,000 parts: each takes two inodes and some 200 bytes of memory, and that
// many people do not lose their connections in a day.
const partsMaxDefault = 10_000

func (o *Options) partsMax() int {
	if o.PartsMax > 0 {
		return o.PartsMax
	}
	return partsMaxDefault
}

var (
	errNoPart   = &cause{KindNotFound, "no such part"}
	errHeld     = &cause{KindBusy, "another session has the part"}
	errPartsMax = &cause{KindTooMany, "too many parts are kept"}
	errPartsOne = &cause{KindTooMany, "too many parts are kept for this address"}
	errNotAtEnd = &cause{KindOffset, "the part is not that long"}
)

// partStore knows the parts beneath a root by their ids. What it knows is on the disk as well, in
// the names of folders and files: a sweep reads it back. It may be used by any number of
// goroutines.
type partStore struct {
	mu    sync.Mutex
	parts map[string]*partEntry
	// owned counts the parts of each owner that is known.
	owned map[string]int
	// empties are the ids of the parts that nobody has and that have no byte, the one that nobody
	// has had for the longest first.
	empties list.List
	// sweep counts sweeps, so that one finds out which parts it has not met.
	sweep uint64
	// moving counts the renames of folders under way, moves those that ended: a sweep that one
	// of them met may have passed a part by.
	moving int
	moves  uint64
	// walked is when a sweep last began to walk the tree.
	walked time.Time
}

// partEntry is what is known of a part. Where it lies is its folder's inode: the name may have
// been by way of a link that is there no more, or a folder above it may have been renamed by
// somebody else, and then a walk finds the name that the part has now.
type partEntry struct {
	name  Name   // That the file will have, the root's own if that is too long to be opened.
	home  inode  // Of the folder that the name is in; zero where the system tells none.
	owner string // That asked for it, empty if that is not known.
	held  bool
	size  int64     // When it was last met, or had.
	had   time.Time // When somebody last had it.
	seen  uint64    // The sweep that met it, or that ran or had run last when it was made.

	empty *list.Element // Its place among the empties, nil if it is none of them.
}

// reserve draws an id for a part of that name, and holds it. An owner may have as many parts as it
// leaves to others, and one if there is room at all: who begins parts and never goes on leaves
// room, and however many do so, no few of them have it all.
func (s *partStore) reserve(n Name, home inode, owner string, partsMax int) (string, error) {
	var random [8]byte
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		left := partsMax - len(s.parts) - 1
		if left < 0 {
			return "", errPartsMax
		}
		if owner != "" && s.owned[owner]+1 > max(1, left) {
			return "", errPartsOne
		}
		_, _ = rand.Read(random[:]) // It never fails: the program ends instead.
		id := hexadecimal(binary.NativeEndian.Uint64(random[:]))
		if s.parts[id] != nil {
			continue
		}
		s.add(id, &partEntry{name: n, home: home, owner: owner, held: true, seen: s.sweep})
		return id, nil
	}
}

func (s *partStore) add(id string, e *partEntry) {
	if s.parts == nil {
		s.parts = map[string]*partEntry{}
		s.owned = map[string]int{}
	}
	s.parts[id] = e
	if e.owner != "" {
		s.owned[e.owner]++
	}
}

// remove takes out a part that is there.
func (s *partStore) remove(id string) {
	owner := s.parts[id].owner
	s.fill(s.parts[id])
	delete(s.parts, id)
	if owner == "" {
		return
	}
	if s.owned[owner]--; s.owned[owner] == 0 {
		delete(s.owned, owner)
	}
}

// hold takes the part for one opener, and returns what is known of it, and how many folders were
// renamed before.
func (s *partStore) hold(id string) (partEntry, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.parts[id]
	switch {
	case e == nil:
		return partEntry{}, s.moves, errNoPart
	case e.held:
		return partEntry{}, s.moves, errHeld
	}
	e.held = true
	s.fill(e)
	return *e, s.moves, nil
}

// release lets others have the part.
func (s *partStore) release(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.parts[id]; e != nil {
		s.free(id, e)
	}
}

// leave is release for a part that has that many bytes by now.
func (s *partStore) leave(id string, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.parts[id]; e != nil {
		e.size = size
		s.free(id, e)
	}
}

// forget is for a part that is no more.
func (s *partStore) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[id] != nil {
		s.remove(id)
	}
}

// forgetFree is forget, unless somebody has the part: then he finds out.
func (s *partStore) forgetFree(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.parts[id]; e != nil && !e.held {
		s.remove(id)
	}
}

// holds reports whether somebody in this process has the part.
func (s *partStore) holds(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.parts[id]
	return e != nil && e.held
}

// begin begins a sweep that walks the tree, and returns its number and how many folders were
// renamed before it.
func (s *partStore) begin(now time.Time) (sweep, moves uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep++
	s.walked = now
	return s.sweep, s.moves
}

// walkDue reports whether the last walk was as long ago as said.
func (s *partStore) walkDue(now time.Time, every time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.walked) >= every
}

// still reports whether no folder was renamed since a sweep began. The lock is held.
func (s *partStore) still(moves uint64) bool { return s.moving == 0 && s.moves == moves }

// unmoved is still, for who has not got the lock.
func (s *partStore) unmoved(moves uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.still(moves)
}

// met takes in a part that a sweep has met, under the name that it has there: n, in the folder
// home. A part that has strayed is not where its entry says. A name that is known to be good is
// not given up for one that a rename may have overtaken.
func (s *partStore) met(id string, n Name, home inode, m meta, w walk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(n.String()) > nameBytesMax {
		n = Name{} // Names that long are not kept: folders may lie in folders without end.
	}
	e := s.parts[id]
	if e == nil {
		e = &partEntry{name: n, home: home, seen: w.number, size: m.size, had: m.changed}
		s.add(id, e)
		s.list(id, e)
		return
	}
	e.seen = max(e.seen, w.number)
	if !e.held && (s.still(w.moves) || w.strayed[id]) {
		e.name, e.home = n, home
	}
}

// end forgets the parts that were there before the sweep and that it has not met: they are gone.
// If a folder was renamed meanwhile they may have been carried past it, and a further sweep looks.
func (s *partStore) end(w walk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.still(w.moves) {
		return
	}
	for id, e := range s.parts {
		if e.seen < w.number && !e.held {
			s.remove(id)
		}
	}
}

// all returns what is known of all parts, by their ids.
func (s *partStore) all() map[string]partEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := make(map[string]partEntry, len(s.parts))
	for id, e := range s.parts {
		entries[id] = *e
	}
	return entries
}

// move renames a folder, or a link to one, and takes note that what is in it has another name.
func (s *partStore) move(from, to Name, rename func() error) error {
	s.mu.Lock()
	s.moving++
	s.mu.Unlock()
	err := rename()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moving--
	s.moves++
	if err != nil {
		return err
	}
	prefix := from.String() + "/"
	for _, e := range s.parts {
		rest, ok := strings.CutPrefix(e.name.String(), prefix)
		// One whose name becomes too long has strayed: a sweep finds it all the same.
		if ok && len(to.String())+1+len(rest) <= nameBytesMax {
			e.name = to.join(rest)
		}
	}
	return nil
}

// Parts returns how many parts are kept, and how many of them somebody has open.
func (r *Root) Parts() (kept, held int) {
	s := &r.parts
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.parts {
		if e.held {
			held++
		}
	}
	return len(s.parts), held
}

// partFolder returns the name of a part's folder.
func partFolder(id string) string { return ownPrefix + id + partSuffix }

// partID returns the id of the part whose folder has that name.
func partID(folder string) string {
	return strings.ToLower(folder[len(ownPrefix) : len(ownPrefix)+ownDigits])
}
