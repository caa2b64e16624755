package reactor

import (
	"container/list"
	"net/netip"
	"time"

	"ferry/reactor/limit"
)

// dataPort is one port of the pool, bound when the server starts and closed when it ends. It is
// owned by the loop.
type dataPort struct {
	r      *reactor
	number uint16
	index  uint16
	kind   poolKind
	// parting marks the port that is told after quit: whoever comes is closed at once.
	parting bool
	// sockets listen on it: one, unless the server listens on several addresses by name.
	sockets []dataSocket
}

// dataSocket is one listening socket of a data port.
type dataSocket struct {
	port *dataPort
	fd   int
	slot slot
}

// poolKind is what the ports of a pool are for.
type poolKind uint8

const (
	// poolData are the data ports of base: a file or a message each.
	poolData poolKind = iota
	// poolFiles is classic's one port for files, poolMessages its one port for messages.
	poolFiles
	poolMessages
	// poolKeyed are the ports of the status exchange, where an offer is known by its KEY.
	poolKeyed
	poolCount
)

// portPool is a set of ports of which offers take one each. It is owned by the loop.
type portPool struct {
	ports []*dataPort
	// shared says that any number of offers stand on a port, which is not leased.
	shared bool
	// rest is how long the lease of an untaken offer rests, restMin after how long it may serve
	// when nothing else can.
	rest, restMin time.Duration
}

// address is what the loop knows of one client address. It is there as long as anything of it is in
// use.
type address struct {
	r  *reactor
	ip netip.Addr
	// use is shared with the other reactors, and with the other addresses of an IPv6 network.
	use *limit.Address
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
	rested deadline
	// starved says that the line waits in the reactor's list for a limit of the server.
	starved bool
}

type restingLease struct {
	port  uint16
	since instant
}

// addressOf returns the record of an address, made if need be. Call forget when it may be idle.
func (r *reactor) addressOf(ip netip.Addr) *address {
	a := r.addresses[ip]
	if a == nil {
		a = &address{r: r, ip: ip, use: r.limiter.Hold(ip)}
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
			r.deadlines.clear(&l.rested)
		}
	}
	delete(r.addresses, a.ip)
	r.limiter.Release(a.use)
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
	l.rested.owner = l
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
	short := r.limiter.TakeOffer(l.a.use, n)
	if short != limit.Enough && r.siblings {
		// What another reactor gave back in this moment it told nobody; from now on it does.
		r.limiter.Starved.Store(true)
		short = r.limiter.TakeOffer(l.a.use, n)
	}
	if short == limit.ShortServer || short == limit.ShortAddress && l.a.shares() {
		return lineStarves
	}
	if short == limit.ShortAddress {
		return lineWaits
	}
	port, ok := l.lease(r.now)
	if !ok {
		r.limiter.GiveOffer(l.a.use)
		r.limiter.GiveTransfer(l.a.use, n)
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
// another reactor, or by a neighbor in its network, with which limits count it (limit.Network).
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
	r.limiter.Starved.Store(true)
}

// feedSoon has the next turn serve those that starve.
func (r *reactor) feedSoon() {
	r.hungry.Store(true)
	r.ring()
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
			r.limiter.Starved.Store(true)
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
	return l.a.r.limiter.Full(l.a.use, limit.Transfers, limit.Offers)
}

// met follows the end of a transfer's offer, and says whether others may have waited for that.
func (t *transfer) met() (waited bool) {
	if !t.unmet {
		return false
	}
	t.unmet = false
	return t.r.limiter.GiveOffer(t.address.use)
}

// lease takes a port for a new offer: a random free one, or the longest-rested when none is free.
func (l *line) lease(now instant) (port uint16, ok bool) {
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
	l.resting = append(l.resting, restingLease{port, r.now})
	r.awaitRest(l)
}

// awaitRest sets the line's deadline to when its first resting lease is of use.
func (r *reactor) awaitRest(l *line) {
	if len(l.resting) == 0 {
		r.deadlines.clear(&l.rested)
		return
	}
	at := l.resting[0].since + l.pool.rest
	// A lease that may serve already waits for a limit, not for time.
	if early := l.resting[0].since + l.pool.restMin; l.waiting.Len() > 0 && early > r.now {
		at = early
	}
	r.deadlines.set(&l.rested, at)
}

// expire frees the leases that have rested.
func (l *line) expire(*deadline) {
	r := l.a.r
	for len(l.resting) > 0 && r.now-l.resting[0].since >= l.pool.rest {
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
	r.deadlines.set(&t.deadline, r.now+r.limiter.Limits.OfferTimeout)
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

// ready accepts one connection. If there are more, the watcher says so again after this turn: a
// flood at one port leaves the others their share.
func (d *dataSocket) ready(readiness) {
	r := d.port.r
	fd, peer, err := accept(d.fd)
	switch {
	case err == nil:
		r.count.dataConnections++
		r.meet(d.port, fd, peer.Addr())
	case err != errAgain && err != errAborted:
		r.acceptFailed(d, err)
	}
}

// meet gives a new data connection to the offer that stands for its address on the port. (PROTOCOL,
// Ports: "a connection to the port from another address, or without an offer, is closed at once".)
func (r *reactor) meet(p *dataPort, fd int, ip netip.Addr) {
	if p.kind == poolKeyed {
		r.newcomer(fd, ip)
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
			setReset(fd, true)
		}
		closeDescriptor(fd)
		return
	}
	l := t.line
	l.offers[p.index] = nil
	l.unlease(p.index)
	t.becomeMoving(fd, r.now)
	waited := t.met()
	r.deadlines.set(&t.deadline, r.now+r.limiter.Limits.StallTimeout)
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
