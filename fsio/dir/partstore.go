package dir

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"ferry/fsio"
)

// partsMaxDefault is more parts than clients leave in a day. Each takes two inodes and about 200
// bytes of memory.
const partsMaxDefault = 10_000

// partStore indexes the parts of a root by id. Sweeps rebuild it from the notes on disk. It may be
// used by any number of goroutines.
type partStore struct {
	mu    sync.Mutex
	parts map[string]*partEntry
}

type partEntry struct {
	note
	held bool
	size int64     // When it was last seen or held.
	used time.Time // When it was last held, or written to by an earlier server.
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
func (r *store) reserve(n fsio.Name, owner string) (id string, err error) {
	for range emptyTries {
		var empty string
		id, empty, err = r.parts.reserve(note{n, owner}, r.options.PartsMax)
		if empty == "" {
			break
		}
		p, failed := r.OpenPart(empty)
		switch {
		case failed != nil: // Another server holds it, or it is gone.
		case p.Size() > 0:
			_ = p.Close() // Nothing was written to it.
		default:
			_ = p.Drop() // If that fails, it was used just now, and another one is the oldest.
		}
	}
	return id, err
}

// reserve lets an owner have as many parts as remain for others, and one if there is room at all:
// however many parts some owners begin, they cannot take all of the room. If it refuses, empty is
// the empty part that was unused for the longest, one of the same owner if the owner is at fault.
func (s *partStore) reserve(c note, partsMax int) (id, empty string, err error) {
	if partsMax <= 0 {
		partsMax = partsMaxDefault
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	owned := 0
	for _, e := range s.parts {
		if e.owner == c.owner {
			owned++
		}
	}
	left := partsMax - len(s.parts) - 1
	switch {
	case left < 0:
		return "", s.oldestEmpty(""), errPartsMax
	case c.owner != "" && owned+1 > max(1, left):
		return "", s.oldestEmpty(c.owner), errPartsOne
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // It never fails: the program ends instead.
	id = hex.EncodeToString(random[:])
	s.parts[id] = &partEntry{note: c, held: true}
	return id, "", nil
}

// oldestEmpty returns the empty part that was unused for the longest, of that owner if there is
// one, or "". The caller holds mu.
func (s *partStore) oldestEmpty(owner string) (oldest string) {
	since := time.Now().Add(-emptyRest)
	for id, e := range s.parts {
		if e.size == 0 && !e.held && !e.used.After(since) && (owner == "" || e.owner == owner) {
			oldest, since = id, e.used
		}
	}
	return oldest
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
		e.held, e.size, e.used = false, size, time.Now()
	}
}

func (s *partStore) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.parts, id)
}

// learn adds a part that a sweep found, unless it is known.
func (s *partStore) learn(id string, c note, m fsio.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[id] == nil {
		s.parts[id] = &partEntry{note: c, size: m.Size, used: m.ModTime}
	}
}

// keep forgets the parts that a sweep did not find, except those created since it began.
func (s *partStore) keep(found map[string]bool, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.parts {
		if !found[id] && !e.held && e.used.Before(began) {
			delete(s.parts, id)
		}
	}
}

func (r *store) Parts() (kept, held int) {
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
