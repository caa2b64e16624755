package reactor

import "slices"

// How a reactor ends: it drains, or it is aborted.

// drain lets running transfers and standing offers finish, and takes nothing new. drained is called
// when nothing runs any more.
func (r *reactor) drain(drained func()) {
	r.draining = true
	r.drained = drained
	r.feedSessions(inDrain)
	r.checkDrained()
}

// feedSessions feeds every session, some of which end by it.
func (r *reactor) feedSessions(in inputKind) {
	for s := range r.sessions {
		s.feed(in)
	}
}

// checkDrained follows everything that may have been the last.
func (r *reactor) checkDrained() {
	if r.drained != nil && len(r.transfers) == 0 && len(r.sessions) == 0 {
		drained := r.drained
		r.drained = nil
		drained()
	}
}

// abort closes every session and resets what still runs. aborted is called when no worker has
// anything of it in hand any more.
func (r *reactor) abort(aborted func()) {
	r.draining, r.aborting = true, true
	r.drained = aborted
	r.keys.dropAll()
	r.handshakes.dropAll()
	r.feedSessions(inAbort)
	for s := range r.sessions {
		s.conn.Close() // its last answer did not leave
	}
	for _, t := range slices.Clone(r.transfers) {
		switch t.state {
		case transferMoving:
			r.server.reset.Add(1)
			t.fail(outcomeAborted, nil)
		case transferOffered:
			t.endAs(outcomeAborted, nil)
		case transferLingering:
			t.end()
		default: // it has ended, and waits for a worker
		}
	}
	r.checkDrained()
}
