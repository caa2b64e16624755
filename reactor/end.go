package reactor

import "slices"

// How a reactor ends: it drains, or it is aborted.

// drain lets running transfers and standing offers finish, and takes nothing new. drained is called
// when nothing runs any more.
func (r *reactor) drain(drained func()) {
	r.draining = true
	r.drained = drained
	r.feedAll(input{kind: inDrain})
	r.checkDrained()
}

// feedAll feeds every session, some of which end by it.
func (r *reactor) feedAll(in input) {
	for s := range r.sessions {
		r.feed(s, in)
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
	r.draining = true
	r.drained = aborted
	r.turnAllAway()
	r.feedAll(input{kind: inAbort})
	for s := range r.sessions {
		s.conn.Close() // its last answer did not leave
	}
	for _, t := range slices.Clone(r.transfers) {
		switch t.state {
		case transferMoving:
			r.server.reset.Add(1)
			r.failTransfer(t, outcomeAborted, nil)
		case transferOffered:
			if !t.line.pool.shared {
				t.line.offers[t.port] = nil // who comes late meets nobody
			}
			r.endTransfer(t)
		case transferLingering:
			r.endTransfer(t)
		default: // it has ended, and waits for a worker
		}
	}
	r.checkDrained()
}
