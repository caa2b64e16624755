package dir

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"ferry/fsio"
)

// partsMaxDefault is 10,000 parts: each takes two inodes and some 200 bytes of memory, and that
// many people do not lose their connections in a day.
const partsMaxDefault = 10_000

// partStore indexes the parts of a root by id. Sweeps rebuild it from the notes on disk. It may be
// used by any number of goroutines.
type partStore struct {
	mu    sync.Mutex
	parts map[string]*partEntry
	// sweep counts sweeps, so that one finds out which parts it has not seen.
	sweep uint64
}

// partEntry is what is known of a part.
type partEntry struct {
	note
	held bool
	size int64     // When it was last seen or held.
	used time.Time // When it was last held, or written to by an earlier server.
	seen uint64    // The last sweep that saw it, or the last one before it was last held.
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

// reserve draws an id for a part of that name, and holds it. If a limit is reached, an empty part
// makes room.
func (r *Root) reserve(n fsio.Name, owner string) (id string, err error) {
	for range emptyTries {
		id, err = r.parts.reserve(note{n, owner}, r.options.PartsMax)
		if err == nil || !r.makeRoom(owner, err) {
			break
		}
	}
	return id, err
}

// reserve lets an owner have as many parts as remain for others, and one if there is room at all:
// however many parts some owners begin, they cannot take all of the room.
func (s *partStore) reserve(c note, partsMax int) (string, error) {
	if partsMax <= 0 {
		partsMax = partsMaxDefault
	}
	var random [8]byte
	s.mu.Lock()
	defer s.mu.Unlock()
	owned := 0
	for _, e := range s.parts {
		if e.owner == c.owner {
			owned++
		}
	}
	left := partsMax - len(s.parts) - 1
	if left < 0 {
		return "", errPartsMax
	}
	if c.owner != "" && owned+1 > max(1, left) {
		return "", errPartsOne
	}
	for {
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
	}
	s.parts[id] = e
}

// hold takes the part for one holder, and returns its name and size.
func (s *partStore) hold(id string) (fsio.Name, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.parts[id]
	switch {
	case e == nil:
		return fsio.Name{}, 0, errNoPart
	case e.held:
		return fsio.Name{}, 0, errHeld
	}
	e.held = true
	return e.name, e.size, nil
}

// release lets others hold a part that has that many bytes by now.
func (s *partStore) release(id string, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.parts[id]; e != nil {
		// A sweep that is running may have read the folder before the part was there.
		e.held, e.size, e.used, e.seen = false, size, time.Now(), s.sweep
	}
}

// forget removes a part that has ended.
func (s *partStore) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.parts, id)
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
func (s *partStore) learn(id string, c note, m fsio.Entry, sweep uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[id] == nil {
		s.add(id, &partEntry{note: c, size: m.Size, used: m.ModTime, seen: sweep})
	}
}

// endSweep forgets the parts that began before the sweep and that it did not see: they are gone.
func (s *partStore) endSweep(sweep uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.parts {
		if e.seen < sweep && !e.held {
			delete(s.parts, id)
		}
	}
}

// Parts implements fsio.Store.
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
	p, err := r.openPart(id)
	switch {
	case err != nil: // Another server holds it, or it is gone.
	case p.Size() > 0:
		_ = p.Close() // Nothing was written to it.
	default:
		_ = p.Drop() // If that fails, it was used just now, and another one is the oldest.
	}
	return true
}

// oldestEmpty returns the empty part that was unused for the longest, and since that time at
// least, or "". If owner is not empty it is one of that owner.
func (s *partStore) oldestEmpty(owner string, since time.Time) (oldest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.parts {
		if e.size == 0 && !e.held && !e.used.After(since) && (owner == "" || e.owner == owner) {
			oldest, since = id, e.used
		}
	}
	return oldest
}
