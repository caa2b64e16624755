package reactor

import (
	"container/list"

	"ferry/codec"
	"ferry/reactor/limit"
	"ferry/reactor/loop"
)

// offerState is where an offer stands.
type offerState uint8

const (
	// offerWaiting queues for a port and for limits.
	offerWaiting offerState = iota + 1
	// offerGranted has both. File work may still precede it.
	offerGranted
	// offerStanding has been told to the client, or is about to be.
	offerStanding
	// offerClosed was used, expired or was withdrawn.
	offerClosed
)

// offer is a data port that stands open for one data connection of one session: leased for the
// client's address, or known by a KEY. It is owned by the loop.
type offer struct {
	r       *reactor
	session *session
	// transfer is the command that it serves.
	transfer *transfer
	line     *line
	// place is its position in the line's queue while it waits.
	place *list.Element
	state offerState
	// port is its port's index in the pool.
	port uint16
	// key is its KEY, where ports are shared.
	key codec.Key
	// held counts the descriptors that were taken from the budget for it and its transfer.
	held     int64
	deadline loop.Deadline
}

// request queues for an offer of a port of that pool.
func (t *transfer) request(k poolKind) {
	r := t.r
	var o *offer
	if n := len(r.spareOffers); n > 0 {
		o = r.spareOffers[n-1]
		r.spareOffers = r.spareOffers[:n-1]
	} else {
		o = &offer{r: r}
		o.deadline.Owner = o
	}
	o.session, o.transfer, o.state = t.session, t, offerWaiting
	t.offer = o
	o.line = t.address.line(k)
	o.place = o.line.waiting.PushBack(o)
	o.line.serve()
}

// descriptors is how many the offer's transfer may have open at once.
func (o *offer) descriptors() int64 {
	if o.transfer.Verb == codec.VerbPutPart {
		return limit.DescriptorsPart
	}
	return limit.DescriptorsEach
}

// grant gives the offer its port and what was taken from the limits.
func (o *offer) grant(port uint16, held int64) {
	o.port, o.held, o.state = port, held, offerGranted
	if o.session.worksFirst {
		o.transfer.work()
		return
	}
	o.stand()
}

// number is the port's number.
func (o *offer) number() uint16 { return o.line.pool.ports[o.port].number }

// stand makes the offer stand, and has the client told.
func (o *offer) stand() {
	r := o.r
	if o.line.pool.shared {
		r.keys.insert(o)
	} else {
		o.line.offers[o.port] = o
	}
	o.state = offerStanding
	o.transfer.become(transferOffered)
	r.count.offers++
	r.loop.Deadlines.Clear(&o.transfer.deadline)
	r.loop.Deadlines.Set(&o.deadline, r.loop.Now+r.limiter.Limits.OfferTimeout)
	o.session.feed(inPort)
}

// Expire ends an offer to which nobody connected.
func (o *offer) Expire(*loop.Deadline) {
	o.r.count.untaken++
	o.transfer.endAs(outcomeUntaken, nil)
}

// take ends the offer for a data connection that was made.
func (o *offer) take(c loop.Channel) {
	r, l, t := o.r, o.line, o.transfer
	waited := r.limiter.GiveOffer(l.a.use)
	if o.remove(); !l.pool.shared {
		l.release(o.port)
	}
	t.connect(c)
	if waited {
		r.freed(l.a)
	} else {
		l.serve()
	}
}

// remove takes a standing offer from where connections find it.
func (o *offer) remove() {
	if o.line.pool.shared {
		o.r.keys.remove(o)
	} else {
		o.line.offers[o.port] = nil
	}
	o.state = offerClosed
	o.r.loop.Deadlines.Clear(&o.deadline)
}

// close ends an offer that was not used. Its lease rests unless the server ends. (PROTOCOL.md,
// Rest.)
func (o *offer) close() {
	l := o.line
	switch o.state {
	case offerWaiting:
		l.waiting.Remove(o.place)
		o.place = nil
	case offerGranted:
		o.r.limiter.GiveOffer(l.a.use)
		if !l.pool.shared {
			l.release(o.port) // nobody was told of it
		}
	case offerStanding:
		o.r.limiter.GiveOffer(l.a.use)
		o.remove()
		switch {
		case l.pool.shared:
		case o.r.aborting:
			l.release(o.port)
		default:
			l.rest(o.port)
		}
	default:
		return
	}
	o.state = offerClosed
}

// free gives back what the offer held for its transfer, and keeps its memory for another.
func (o *offer) free() {
	r := o.r
	if o.held > 0 {
		r.limiter.GiveTransfer(o.line.a.use, o.held)
	}
	*o = offer{r: r}
	o.deadline.Owner = o
	if len(r.spareOffers) < sparesMax {
		r.spareOffers = append(r.spareOffers, o)
	}
}

// acceptNow looks whether the data connection of a standing offer waits to be accepted.
func (o *offer) acceptNow() {
	t, p := o.transfer, o.line.pool.ports[o.port]
	for range acceptTries {
		for _, l := range p.listeners {
			l.Accept()
		}
		if t.state != transferOffered {
			return
		}
	}
}

// acceptTries is how many connections are looked through for the one of an offer.
const acceptTries = 4
