package fsio

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"sync"
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
	// sweep counts sweeps, so that one finds out which parts it has not met.
	sweep uint64
}

type partEntry struct {
	name  Name   // That the file will have.
	owner string // That asked for it, empty if that is not known.
	held  bool
	seen  uint64 // The sweep that met it, or that ran or had run last when it was made.
}

// partsShare is which part of all that may be kept one owner may have: who begins parts and never
// goes on leaves room for others.
const partsShare = 2

// reserve draws an id for a part of that name, and holds it.
func (s *partStore) reserve(n Name, owner string, partsMax int) (string, error) {
	var random [8]byte
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if len(s.parts) >= partsMax {
			return "", errPartsMax
		}
		if owner != "" && s.owned[owner] >= max(1, partsMax/partsShare) {
			return "", errPartsOne
		}
		_, _ = rand.Read(random[:]) // It never fails: the program ends instead.
		id := hexadecimal(binary.NativeEndian.Uint64(random[:]))
		if s.parts[id] != nil {
			continue
		}
		s.add(id, &partEntry{name: n, owner: owner, held: true, seen: s.sweep})
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
	delete(s.parts, id)
	if owner == "" {
		return
	}
	if s.owned[owner]--; s.owned[owner] == 0 {
		delete(s.owned, owner)
	}
}

// hold takes the part for one opener, and returns its name.
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
	return e.name, nil
}

// release lets others have the part.
func (s *partStore) release(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.parts[id]; e != nil {
		e.held = false
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

// holds reports whether somebody in this process has the part.
func (s *partStore) holds(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.parts[id]
	return e != nil && e.held
}

// begin begins a sweep.
func (s *partStore) begin() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep++
	return s.sweep
}

// met takes in a part that a sweep has met, under the name that it has there.
func (s *partStore) met(id string, n Name, sweep uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.parts[id]
	if e == nil {
		s.add(id, &partEntry{name: n, seen: sweep})
		return
	}
	e.seen = max(e.seen, sweep)
	if !e.held {
		e.name = n
	}
}

// end forgets the parts that were there before the sweep and that it has not met.
func (s *partStore) end(sweep uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, e := range s.parts {
		if e.seen < sweep && !e.held {
			s.remove(id)
		}
	}
}

// all returns the names of all parts by their ids.
func (s *partStore) all() map[string]Name {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make(map[string]Name, len(s.parts))
	for id, e := range s.parts {
		names[id] = e.name
	}
	return names
}

// moved takes note that a folder, or the file that it names, has another name.
func (s *partStore) moved(from, to Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := from.String() + "/"
	for _, e := range s.parts {
		if rest, ok := strings.CutPrefix(e.name.String(), prefix); ok {
			e.name = to.join(rest)
		}
	}
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
