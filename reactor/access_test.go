package reactor

import (
	"net/netip"

	"ferry/fsio"
)

// How tests look into a reactor. They use these verbs, so that the fields behind them may change.

// dialect is the exchange that a client of a test speaks.
type dialect uint8

const (
	speaksBase dialect = iota
	speaksClassic
	speaksStatus
	speaksFTP
)

// holds is how many descriptors were taken from the budget for a transfer.
func (t *transfer) holds() int64 {
	if t.offer == nil {
		return 0
	}
	return t.offer.held
}

// queues reports whether a transfer waits for a port, for memory or for another checksum.
func (t *transfer) queues() bool {
	sums := &t.address.sums
	if sums.given > 0 {
		for _, o := range sums.waiting {
			if o == t {
				return true
			}
		}
	}
	return t.waitsForMemory() || t.offer != nil && t.offer.state == offerWaiting
}

func (t *transfer) waitsForMemory() bool { return t.send.list.waits() }

// answered reports whether the session no longer waits for a transfer.
func (t *transfer) answered() bool {
	return t.session.transfer != t || t.session.closesFirst
}

// keeping reports whether a part is kept of a broken upload.
func (t *transfer) keeping() bool { return t.recv.phase == receiveKeeping }

// stands reports whether the offer of a transfer can be taken.
func (t *transfer) stands() bool {
	o := t.offer
	if o == nil || !o.deadline.IsSet() {
		return false
	}
	if o.line.pool.shared {
		return t.r.keys.offers[o.key] == o
	}
	return o.line.offers[o.port] == o
}

// stands reports whether an offer that connections find is its session's or its transfer's.
func (o *offer) stands() bool {
	t := o.transfer
	switch {
	case o.state != offerStanding && o.state != offerSpent:
		return false
	case t == nil:
		return o.session.offer == o
	case t.state == transferWaiting: // the work of a command whose offer preceded it
		return t.offer == o && t.job.busy || t.waitsForMemory()
	default:
		return t.offer == o && t.state == transferOffered
	}
}

// sumEnded reports whether a worker was told to end the checksum of a part.
func (t *transfer) sumEnded(part string) bool {
	return t.Part.String() == part && t.found.sum != nil && t.found.sum.state.Load() == sumEnded
}

// aborting reports whether a session has an abor whose turn has not come.
func (s *session) aborting() bool {
	f, ok := s.face.(*statusFace)
	return ok && f.aborting
}

// arrive brings a data connection to a port.
func (r *reactor) arrive(p *dataPort, fd int, from string) {
	p.accepted(r.loop.Adopt(fd), netip.MustParseAddr(from))
}

// store is the folder that a server serves; setStore replaces it.
func (s *Server) store() fsio.Store         { return s.rights.store }
func (s *Server) setStore(store fsio.Store) { s.rights.store = store }

// holdsNothing reports whether an ended transfer that is kept for its memory holds anything else.
func (t *transfer) holdsNothing() bool {
	return t.state == transferEnded && !t.send.opened && !t.recv.hasFile() && !t.connected() &&
		t.offer == nil
}

// fits reports whether a session in a state may have a transfer in its state.
func (t *transfer) fits(s sessionState) bool {
	want := map[sessionState]transferState{
		sessionAsked: transferWaiting, sessionOffered: transferOffered,
		sessionMoving: transferMoving,
	}
	if t.session.closesFirst && s == sessionMoving && t.state == transferLingering {
		return true
	}
	return t.state == transferEnded || s == sessionOver || want[s] == t.state && t.state != 0
}
