package fsio

import (
	"container/list"
	"crypto/rand"
	"encoding/binary"
	"errors"
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
	errNoFolder = &cause{KindNotFound, "no such folder"}
	errHeld     = &cause{KindBusy, "another session has the part"}
	errPartsMax = &cause{KindTooMany, "too many parts are kept"}
	errPartsOne = &cause{KindTooMany, "too many parts are kept for this address"}
	errNotAtEnd = &cause{KindOffset, "the part is not that long"}
)

// partStore indexes the parts of a root by id. Sweeps rebuild it from the notes on disk. It may be
// used by any number of goroutines.
type partStore struct {
	mu    sync.Mutex
	parts map[string]*partEntry
	// owned counts the parts of each known owner.
	owned map[string]int
	// empties are the ids of parts that nobody holds and that have no byte, least recently held
	// first.
	empties list.List
	// sweep counts sweeps, so that one finds out which parts it has not seen.
	sweep uint64
}

// partEntry is what is known of a part.
type partEntry struct {
	note
	held bool
	size int64     // When it was last seen or held.
	used time.Time // When it was last held, or written to by an earlier server.
	seen uint64    // The last sweep that saw it, or the last one before it began.

	empty *list.Element // Its place in empties; nil if it has none.
}

// reserve draws an id for a part of that name, and holds it. If the limit is reached, empty parts
// make room.
func (r *Root) reserve(n Name, owner string) (id string, err error) {
	for range emptyTries {
		id, err = r.parts.reserve(note{n, owner}, r.options.partsMax())
		if err == nil || !r.makeRoom(owner, err) {
			break
		}
	}
	return id, err
}

// reserve lets an owner have as many parts as remain for others, and one if there is room at all:
// however many parts some owners begin, they cannot take all of the room.
func (s *partStore) reserve(c note, partsMax int) (string, error) {
	var random [8]byte
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		left := partsMax - len(s.parts) - 1
		if left < 0 {
			return "", errPartsMax
		}
		if c.owner != "" && s.owned[c.owner]+1 > max(1, left) {
			return "", errPartsOne
		}
		_, _ = rand.Read(random[:]) // It never fails: the program ends instead.
		id := hexadecimal(binary.NativeEndian.Uint64(random[:]))
		if s.parts[id] == nil {
			s.add(id, &partEntry{note: c, held: true, seen: s.sweep})
			return id, nil
		}
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

// remove removes a part that is there. The caller holds mu.
func (s *partStore) remove(id string) {
	owner := s.parts[id].owner
	s.unlist(s.parts[id])
	delete(s.parts, id)
	if owner == "" {
		return
	}
	if s.owned[owner]--; s.owned[owner] == 0 {
		delete(s.owned, owner)
	}
}

// hold takes the part for one holder, and returns its name.
func (s *partStore) hold(id string) (Name, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.parts[id]
	switch {
	case e == nil:
		return Name{}, errNoPart
	case e.held:
		return Name{}, errHeld
	}
	e.held = true
	s.unlist(e)
	return e.name, nil
}

// release lets others hold the part.
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

// free and the rest of the list's methods are called with mu held.
func (s *partStore) free(id string, e *partEntry) {
	// A sweep that is running may have listed the folder before the part was there.
	e.held, e.used, e.seen = false, time.Now(), s.sweep
	s.list(id, e)
}

func (s *partStore) list(id string, e *partEntry) {
	if e.size == 0 && e.empty == nil {
		e.empty = s.empties.PushBack(id)
	}
}

func (s *partStore) unlist(e *partEntry) {
	if e.empty != nil {
		s.empties.Remove(e.empty)
		e.empty = nil
	}
}

// forget removes a part that has ended.
func (s *partStore) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[id] != nil {
		s.remove(id)
	}
}

// beginSweep returns the number of a new sweep.
func (s *partStore) beginSweep() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep++
	return s.sweep
}

// sees marks a part as seen by a sweep, and reports whether somebody in this process holds it.
func (s *partStore) sees(id string, sweep uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.parts[id]
	if e != nil {
		e.seen = max(e.seen, sweep)
	}
	return e != nil && e.held
}

// learn adds a part that a sweep found, unless it is known.
func (s *partStore) learn(id string, c note, m meta, sweep uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[id] == nil {
		e := &partEntry{note: c, size: m.size, used: m.changed, seen: sweep}
		s.add(id, e)
		s.list(id, e)
	}
}

// endSweep forgets the parts that began before the sweep and that it did not see: they are gone.
func (s *partStore) endSweep(sweep uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.parts {
		if e.seen < sweep && !e.held {
			s.remove(id)
		}
	}
}

// Parts returns how many parts are kept, and how many of them are held.
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

// Empty parts make room for others: nothing is lost with one but a few bytes of traffic. Its
// client begins anew.
const (
	// emptyRest is how long an empty part must be unused before it makes room: a client that has
	// just begun one is about to connect.
	emptyRest = time.Minute
	// emptyTries is how often NewPart tries to make room. Others may begin parts at the same time.
	emptyTries = 4
)

// makeRoom drops an empty part in favour of an owner that was refused a new one. It reports
// whether there may be more room than before.
func (r *Root) makeRoom(owner string, refused error) bool {
	if !errors.Is(refused, errPartsOne) {
		owner = "" // Anybody's will do.
	}
	id := r.parts.oldestEmpty(owner, time.Now().Add(-emptyRest))
	if id == "" {
		return false
	}
	p, err := r.OpenPart(id)
	switch {
	case err != nil: // Another server holds it, or it is gone.
	case p.Size() > 0:
		_ = p.Close() // Nothing was written to it.
	default:
		_ = p.Drop() // If that fails, it was used just now, and another one is the oldest.
	}
	return true
}

// oldestEmpty returns the empty part that was unused for the longest, since the given time at
// least, or "". If owner is not empty it is one of that owner.
func (s *partStore) oldestEmpty(owner string, since time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := s.empties.Front(); at != nil; at = at.Next() {
		id := at.Value.(string)
		e := s.parts[id]
		if e.used.After(since) {
			break
		}
		if owner == "" || e.owner == owner {
			return id
		}
	}
	return ""
}
