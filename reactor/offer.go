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
	// offerSpent was for a command that was refused. Its port stays the session's, which may
	// renew it.
	offerSpent
	// offerHeld has its data connection, which waits for the command.
	offerHeld
	// offerClosed was used, expired or was withdrawn.
	offerClosed
)

// offer is a data port that stands open for one data connection of one session: leased for the
// client's address, or known by a KEY. It is owned by the loop.
type offer struct {
	r       *reactor
	session *session
	// transfer is the command that it serves, nil while there is none: FTP's offers precede their
	// commands.
	transfer *transfer
	// data is the connection that came before the command.
	data loop.Channel
	line *line
	// place is its position in the line's queue while it waits.
	place *list.Element
	state offerState
	// port is its port's index in the pool.
	port uint16
	// key is its KEY, where ports are shared.
	key codec.Key
	// serial tells the offer from others, and from itself before it was renewed.
	serial uint64
	// held counts the descriptors that were taken from the budget for it and its transfer.
	held     int64
	deadline loop.Deadline
}

// request queues for an offer of a port of that pool.
func (t *transfer) request(k poolKind) {
	o := t.session.newOffer(k)
	o.transfer, t.offer = t, o
	o.line.serve()
}

// requestAhead queues for an offer whose command has not come yet. It replaces the one before.
func (s *session) requestAhead(k poolKind) {
	s.dropOffer()
	o := s.newOffer(k)
	s.offer = o
	s.r.loop.Deadlines.Set(&o.deadline, s.r.loop.Now+s.r.limiter.Limits.OfferTimeout)
	o.line.serve()
}

// hasOffer reports whether an offer stands for the next command.
func (s *session) hasOffer() bool { return s.offer != nil && s.offer.state != offerSpent }

// keepOffer gives the offer of a command that was refused back to the session: another command may
// not use it, but the port needs neither a rest nor another one.
func (s *session) keepOffer(o *offer) {
	o.transfer, o.state, s.offer = nil, offerSpent, o
}

// renew has an offer without a data connection stand anew. Connections that were made for it before
// are closed.
func (o *offer) renew() {
	o.state = offerSpent
	for range acceptTries {
		o.accept()
	}
	o.becomeStanding()
	o.r.loop.Deadlines.Set(&o.deadline, o.r.loop.Now+o.r.limiter.Limits.OfferTimeout)
}

// becomeStanding counts an offer that is about to be told.
func (o *offer) becomeStanding() {
	o.r.count.offers++
	o.state, o.serial = offerStanding, o.r.count.offers
}

// dropOffer ends the offer that no command has claimed, if there is one.
func (s *session) dropOffer() {
	if o := s.offer; o != nil {
		s.offer = nil
		o.close()
		o.free()
		s.r.freed(s.address)
	}
}

// claim gives the offer that stands to a command, and begins the command's work.
func (t *transfer) claim(o *offer) {
	t.session.offer = nil
	t.offer, o.transfer = o, t
	if o.state == offerHeld { // the client has connected, and waits for us
		t.r.loop.Deadlines.Clear(&o.deadline)
	} else {
		t.r.loop.Deadlines.Set(&o.deadline, t.r.loop.Now+t.r.limiter.Limits.OfferTimeout)
	}
	t.work()
}

func (s *session) newOffer(k poolKind) *offer {
	r := s.r
	var o *offer
	if n := len(r.spareOffers); n > 0 {
		o = r.spareOffers[n-1]
		r.spareOffers = r.spareOffers[:n-1]
	} else {
		o = &offer{r: r}
		o.deadline.Owner = o
	}
	o.session, o.state = s, offerWaiting
	o.line = s.address.line(k)
	o.place = o.line.waiting.PushBack(o)
	s.address.offers++
	return o
}

// descriptors is how many the offer's transfer may have open at once.
func (o *offer) descriptors() int64 {
	if o.transfer != nil && o.transfer.Verb == codec.VerbPutPart {
		return limit.DescriptorsPart
	}
	return limit.DescriptorsEach
}

// grant gives the offer its port and what was taken from the limits.
func (o *offer) grant(port uint16, held int64) {
	o.port, o.held, o.state = port, held, offerGranted
	if o.transfer != nil && o.session.worksFirst {
		o.transfer.work()
		return
	}
	o.stand()
}

func (o *offer) number() uint16 { return o.line.pool.ports[o.port].number }

// stand makes the offer stand, has the client told, and takes the data connection if that has come
// already.
func (o *offer) stand() {
	r, t := o.r, o.transfer
	if o.state == offerStanding { // most clients connect before they send the command
		o.accept()
	}
	if o.state == offerGranted {
		switch {
		case o.line.pool.out:
		case o.line.pool.shared:
			r.keys.insert(o)
		default:
			o.line.offers[o.port] = o
		}
		o.becomeStanding()
	}
	if t == nil {
		r.loop.Deadlines.Set(&o.deadline, r.loop.Now+r.limiter.Limits.OfferTimeout)
		o.session.face.offered(o.session, o)
		return
	}
	t.become(transferOffered)
	r.loop.Deadlines.Clear(&t.deadline)
	r.loop.Deadlines.Set(&o.deadline, r.loop.Now+r.limiter.Limits.OfferTimeout)
	o.session.feed(inPort)
	if t.offer == o && o.state == offerHeld {
		o.use(o.data)
	}
}

// Expire ends an offer to which nobody connected. While the work of its command runs the client is
// not at fault.
func (o *offer) Expire(*loop.Deadline) {
	if t := o.transfer; t != nil && t.job.busy {
		o.r.loop.Deadlines.Set(&o.deadline, o.r.loop.Now+o.r.limiter.Limits.OfferTimeout)
		return
	}
	o.r.count.offersUnused++
	if o.transfer != nil {
		o.transfer.endAs(outcomeUnused, nil)
		return
	}
	s, waited := o.session, o.state == offerWaiting
	s.dropOffer()
	s.face.expired(s, waited)
}

// take gives a data connection to the offer, which holds it until its command is ready.
func (o *offer) take(c loop.Channel) {
	if o.state == offerSpent {
		c.Close()
		return
	}
	if o.remove(); !o.line.pool.shared {
		o.line.release(o.port)
	}
	o.data, o.state = c, offerHeld
	if t := o.transfer; t != nil && t.state == transferOffered {
		o.use(c)
		return
	}
	if o.transfer != nil {
		o.r.loop.Deadlines.Clear(&o.deadline)
	}
	o.line.serve() // its port is free again
}

// use ends the offer and hands its data connection to the transfer.
func (o *offer) use(c loop.Channel) {
	r, l, t := o.r, o.line, o.transfer
	waited := r.limiter.GiveOffer(l.a.use)
	o.data, o.state = nil, offerClosed
	r.loop.Deadlines.Clear(&o.deadline)
	t.connect(c)
	if waited {
		r.freed(l.a)
	} else {
		l.serve()
	}
}

// remove takes a standing offer from where connections find it.
func (o *offer) remove() {
	switch {
	case o.line.pool.out:
	case o.line.pool.shared:
		o.r.keys.remove(o)
	default:
		o.line.offers[o.port] = nil
	}
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
	case offerHeld:
		o.r.limiter.GiveOffer(l.a.use)
		o.data.SetReset(true)
		o.data.Close()
		o.data = nil
	case offerStanding, offerSpent:
		o.r.limiter.GiveOffer(l.a.use)
		o.remove()
		if o.data != nil { // a connection that the server is making
			o.data.Close()
			o.data = nil
		}
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
	o.r.loop.Deadlines.Clear(&o.deadline)
}

// free gives back what the offer held for its transfer, and keeps its memory for another.
func (o *offer) free() {
	r, a := o.r, o.line.a
	if o.held > 0 {
		r.limiter.GiveTransfer(a.use, o.held)
	}
	a.offers--
	*o = offer{r: r}
	o.deadline.Owner = o
	if len(r.spareOffers) < sparesMax {
		r.spareOffers = append(r.spareOffers, o)
	}
}

// acceptNow looks whether the data connection of a standing offer waits to be accepted.
func (o *offer) acceptNow() {
	t := o.transfer
	for range acceptTries {
		if o.accept(); t.state != transferOffered {
			return
		}
	}
}

// accept takes a connection that waits at the offer's port.
func (o *offer) accept() {
	for _, l := range o.line.pool.ports[o.port].listeners {
		l.Accept()
	}
}

// acceptTries is how many connections are looked through for the one of an offer.
const acceptTries = 4
