package fsio

import (
	"errors"
	"time"
)

// Parts without a byte make room for others: nothing that had arrived is lost with one, and to
// begin one costs its client nothing. Whoever comes back to one that was given up begins anew.

const (
	// emptyRest is how long nobody must have had an empty part before it makes room: who has just
	// begun one is about to connect.
	emptyRest = time.Minute
	// emptyTries is how often it is tried to make room for one part. Others may begin parts at the
	// same time, or have those that are to make room.
	emptyTries = 4
)

// makeRoom gives up an empty part for a new one of that owner, which was refused. It reports
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
	case err != nil: // It is another server's now, or gone.
	case p.Size() > 0:
		_ = p.Close() // Nothing was written to it.
	default:
		_ = p.Drop() // Should that fail, it was had just now, and the next one is the oldest.
	}
	return true
}

// oldestEmpty returns the empty part that nobody has had for the longest, and since that time at
// least. An owner that is not empty wants one of its own.
func (s *partStore) oldestEmpty(owner string, since time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := s.empties.Front(); at != nil; at = at.Next() {
		id := at.Value.(string)
		e := s.parts[id]
		if e.had.After(since) {
			break
		}
		if owner == "" || e.owner == owner {
			return id
		}
	}
	return ""
}

// free lets others have a part that somebody had. The lock is held.
func (s *partStore) free(id string, e *partEntry) {
	e.held, e.had = false, time.Now()
	s.list(id, e)
}

// list puts a part among the empties if it is one. The lock is held.
func (s *partStore) list(id string, e *partEntry) {
	if e.size == 0 && e.empty == nil {
		e.empty = s.empties.PushBack(id)
	}
}

// fill takes a part from among the empties. The lock is held.
func (s *partStore) fill(e *partEntry) {
	if e.empty != nil {
		s.empties.Remove(e.empty)
		e.empty = nil
	}
}
