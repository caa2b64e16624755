package reactor

import (
	"container/list"
	"net/netip"

	"ferry/reactor/loop"
)

// address is what the loop knows of one client address. It is there as long as anything of it is in
// use.
type address struct {
	r  *reactor
	ip netip.Addr
	// use is shared with the other reactors, and with the other addresses of an IPv6 network.
	use *usage
	// sessions and transfers count what refers to this address here.
	sessions, transfers int
	// sums are its checksums.
	sums sumLine
	// listings are transfers whose listing waits for memory, in the order of their coming.
	listings [listingKinds][]*transfer
	// lines are the address's leases, one line for each pool; nil until the first command for it.
	lines [poolCount]*line
}

// line is the leases of one address on the ports of one pool, and the transfers that wait for one.
type line struct {
	a    *address
	pool *portPool
	// offers are the standing offers by the index of their port.
	offers []*transfer
	// free are the indexes of the ports that may be leased at once.
	free []uint16
	// resting are leases of offers that ended untaken, the longest-rested first.
	resting []restingLease
	// waiting are transfers without a port, in the order of their commands.
	waiting list.List
	// rested runs out when the first of the resting leases may serve again.
	rested loop.Deadline
	// starved says that the line waits in the reactor's list for a limit of the server.
	starved bool
}

type restingLease struct {
	port  uint16
	since loop.Instant
}

// addressOf returns the record of an address, made if need be. Call forget when it may be idle.
func (r *reactor) addressOf(ip netip.Addr) *address {
	a := r.addresses[ip]
	if a == nil {
		a = &address{r: r, ip: ip, use: r.limiter.hold(ip)}
		r.addresses[ip] = a
	}
	return a
}

// forget drops the record of an address of which nothing is in use.
func (r *reactor) forget(a *address) {
	if a.sessions > 0 || a.transfers > 0 {
		return
	}
	if r.addresses[a.ip] != a {
		return // it was forgotten by what its last user set off
	}
	for _, l := range a.lines {
		if l != nil && (len(l.resting) > 0 || l.starved) {
			return
		}
	}
	for _, l := range a.lines {
		if l != nil {
			r.loop.Deadlines.Clear(&l.rested)
		}
	}
	delete(r.addresses, a.ip)
	r.limiter.release(a.ip, a.use)
}

// line returns the address's line at a pool, made if need be.
func (a *address) line(k poolKind) *line {
	if a.lines[k] == nil {
		a.lines[k] = newLine(a, &a.r.pools[k])
	}
	return a.lines[k]
}

func newLine(a *address, pool *portPool) *line {
	l := &line{a: a, pool: pool}
	l.rested.Owner = l
	if pool.shared {
		return l
	}
	l.offers = make([]*transfer, len(pool.ports))
	l.free = make([]uint16, len(pool.ports))
	for i := range l.free {
		l.free[i] = uint16(i)
	}
	return l
}

// request puts a transfer in line for a port, and serves the line.
func (r *reactor) request(t *transfer, k poolKind) {
	t.line = t.address.line(k)
	t.place = t.line.waiting.PushBack(t)
	r.serve(t.line)
}

// withdraw takes a transfer out of its line: its session is over before a port was told.
func (r *reactor) withdraw(t *transfer) {
	if t.place != nil {
		t.line.waiting.Remove(t.place)
		t.place = nil
	}
}

// serve leases ports to the transfers that wait for one, as far as ports and limits go. (PROTOCOL,
// Ports: "When every lease for an address is taken, the port reply waits, in order. It is never
// refused for that alone".) While others wait for a limit of the server the line has its turn
// behind them, so that no address, however busy, keeps another waiting.
func (r *reactor) serve(l *line) {
	if l.starved || l.waiting.Len() == 0 {
		return
	}
	if len(r.starving) > 0 {
		r.starve(l)
		r.feedSoon()
		return
	}
	for {
		switch r.serveFirst(l) {
		case lineServed:
		case lineStarves:
			r.starve(l)
			return
		case lineWaits:
			return
		}
	}
}

// lineTurn is what came of a line's turn.
type lineTurn uint8

const (
	// lineServed: its first transfer has a port.
	lineServed lineTurn = iota
	// lineWaits: nothing waits, or it waits for a port or a transfer of its own to end.
	lineWaits
	// lineStarves: it waits for a limit that others may free.
	lineStarves
)

// serveFirst leases a port to the first transfer of a line, if port and limits allow.
func (r *reactor) serveFirst(l *line) lineTurn {
	if l.waiting.Len() == 0 {
		return lineWaits
	}
	n := l.waiting.Front().Value.(*transfer).descriptors()
	short := r.limiter.takeOffer(l.a.use, n)
	if short != shortNothing && r.siblings {
		// What another reactor gave back in this moment it told nobody; from now on it does.
		r.limiter.starved.Store(true)
		short = r.limiter.takeOffer(l.a.use, n)
	}
	if short == shortServer || short == shortAddress && l.a.shares() {
		return lineStarves
	}
	if short == shortAddress {
		return lineWaits
	}
	port, ok := l.lease(r.loop.Now)
	if !ok {
		r.limiter.giveOffer(l.a.use)
		r.limiter.giveTransfer(l.a.use, n)
		r.awaitRest(l)
		return lineWaits
	}
	t := l.waiting.Remove(l.waiting.Front()).(*transfer)
	t.place = nil
	t.unmet = true
	r.offer(t, port)
	return lineServed
}

// shares says whether what the address has in use may be freed by others than itself here: on
// another reactor, or by a neighbor in its network, with which limits count it (networkOf).
func (a *address) shares() bool { return a.r.siblings || a.ip.Is6() }

// serveAddress serves all lines of an address.
func (r *reactor) serveAddress(a *address) {
	for _, l := range a.lines {
		if l != nil {
			r.serve(l)
		}
	}
}

// starve puts a line at the end of those that wait for another reactor or address.
func (r *reactor) starve(l *line) {
	if !l.starved {
		l.starved = true
		r.starving = append(r.starving, l)
	}
	r.limiter.starved.Store(true)
}

// serveStarving gives each line that starves a turn of one transfer, in the order in which they
// began to wait. Once the server has nothing left the rest keep their places; a line whose own
// address has too much goes behind them.
func (r *reactor) serveStarving() {
	round := r.starving
	r.starving = nil
	for i, l := range round {
		l.starved = false
		switch turn := r.serveFirst(l); {
		case turn == lineStarves && l.limited():
			// It is its own address or network that has too much: that is no reason for those
			// behind it to wait.
			r.starve(l)
		case turn == lineStarves:
			l.starved = true
			r.starving = append(round[i:len(round):len(round)], r.starving...)
			r.limiter.starved.Store(true)
			return
		case turn == lineServed && l.waiting.Len() > 0:
			r.starve(l)
			r.feedSoon()
		default:
			r.forget(l.a)
		}
	}
}

// limited says whether the line's address has all the transfers or offers it may have.
func (l *line) limited() bool {
	most, u := &l.a.r.limiter.limits, l.a.use
	return u.transfers.Load() >= int64(most.TransfersPerAddress) ||
		u.offers.Load() >= int64(most.OffersPerAddress)
}

// met follows the end of a transfer's offer, and says whether others may have waited for that.
func (t *transfer) met() (waited bool) {
	if !t.unmet {
		return false
	}
	t.unmet = false
	return t.r.limiter.giveOffer(t.address.use)
}

// lease takes a port for a new offer: a random free one, or the longest-rested when none is free.
func (l *line) lease(now loop.Instant) (port uint16, ok bool) {
	if l.pool.shared {
		return uint16(l.a.r.pick(len(l.pool.ports))), true
	}
	if n := len(l.free); n > 0 {
		i := l.a.r.pick(n)
		port = l.free[i]
		l.free[i] = l.free[n-1]
		l.free = l.free[:n-1]
		return port, true
	}
	if len(l.resting) > 0 && now-l.resting[0].since >= l.pool.restMin {
		port = l.resting[0].port
		l.resting = l.resting[1:]
		return port, true
	}
	return 0, false
}

// unlease gives a lease back that needs no rest.
func (l *line) unlease(port uint16) { l.free = append(l.free, port) }

// rest lays the lease of an untaken offer to rest. (PROTOCOL, Ports: "so that a late connect of
// that client cannot meet another session's offer".)
func (r *reactor) rest(l *line, port uint16) {
	l.resting = append(l.resting, restingLease{port, r.loop.Now})
	r.awaitRest(l)
}

// awaitRest sets the line's deadline to when its first resting lease is of use.
func (r *reactor) awaitRest(l *line) {
	if len(l.resting) == 0 {
		r.loop.Deadlines.Clear(&l.rested)
		return
	}
	at := l.resting[0].since + l.pool.rest
	// A lease that may serve already waits for a limit, not for time.
	if early := l.resting[0].since + l.pool.restMin; l.waiting.Len() > 0 && early > r.loop.Now {
		at = early
	}
	r.loop.Deadlines.Set(&l.rested, at)
}

// Expire frees the leases that have rested.
func (l *line) Expire(*loop.Deadline) {
	r := l.a.r
	for len(l.resting) > 0 && r.loop.Now-l.resting[0].since >= l.pool.rest {
		l.free = append(l.free, l.resting[0].port)
		l.resting = l.resting[1:]
	}
	r.serve(l)
	r.awaitRest(l)
	r.forget(l.a)
}

// offer makes a transfer's offer stand on a leased port, and has the session told.
func (r *reactor) offer(t *transfer, port uint16) {
	t.port = port
	if t.line.pool.shared {
		r.granted(t)
		return
	}
	t.line.offers[port] = t
	t.becomeOffered()
	r.count.offers++
	r.loop.Deadlines.Set(&t.deadline, r.loop.Now+r.limiter.limits.OfferTimeout)
	r.feed(t.session, input{kind: inPort})
}

// untaken ends an offer to which nobody connected.
func (r *reactor) untaken(t *transfer) {
	s := t.session
	r.count.untaken++
	if t.asked != nil {
		t.outcome = outcomeUntaken
		r.endTransfer(t)
		return
	}
	r.endOffer(t)
	r.feed(s, input{kind: inExpire})
}

// endOffer takes an offer back. (PROTOCOL, Ports: "The lease of an offer that ended untaken, for
// whatever reason, rests".)
func (r *reactor) endOffer(t *transfer) {
	t.line.offers[t.port] = nil
	r.rest(t.line, t.port)
	t.outcome = outcomeUntaken
	r.logTransfer(t)
	r.endTransfer(t)
}

// meet gives a new data connection to the offer that stands for its address on the port. (PROTOCOL,
// Ports: "a connection to the port from another address, or without an offer, is closed at once".)
func (r *reactor) meet(p *dataPort, c loop.Channel, ip netip.Addr) {
	if p.kind == poolKeyed {
		r.newcomer(c, ip)
		return
	}
	var t *transfer
	if a := r.addresses[ip]; a != nil && !p.parting && a.lines[p.kind] != nil {
		t = a.lines[p.kind].offers[p.index]
	}
	if t == nil {
		if !p.parting {
			r.count.strangers++
		}
		if p.kind == poolFiles {
			// A clean close is the end of a file there, of an empty one in this case.
			c.SetReset(true)
		}
		c.Close()
		return
	}
	l := t.line
	l.offers[p.index] = nil
	l.unlease(p.index)
	t.becomeMoving(c, r.loop.Now)
	waited := t.met()
	r.loop.Deadlines.Set(&t.deadline, r.loop.Now+r.limiter.limits.StallTimeout)
	s := t.session
	if t.framed() {
		r.feed(s, input{kind: inConnect})
		r.beginMoving(t)
	} else {
		// The session goes on at once, and what it does next may end this transfer.
		r.detach(t)
		r.beginMoving(t)
		r.feed(s, input{kind: inConnect})
	}
	if waited {
		r.freed(l.a)
	} else {
		r.serve(l)
	}
}

func (r *reactor) beginMoving(t *transfer) {
	if t.isPut() {
		r.beginReceive(t)
	} else {
		r.beginSend(t)
	}
}
