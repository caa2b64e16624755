package reactor

import (
	"container/list"
	"net/netip"
	"time"

	"ferry/reactor/limit"
	"ferry/reactor/loop"
)

// poolKind is what the ports of a pool are for.
type poolKind uint8

const (
	// poolData holds the leased data ports.
	poolData poolKind = iota
	// poolFiles and poolMessages are the classic exchange's one port for files and for messages.
	poolFiles
	poolMessages
	// poolKeyed holds the ports where an offer is known by its KEY.
	poolKeyed
	// poolOut has no ports: its offers are connections that the server makes.
	poolOut
	poolCount
)

// portPool is a set of ports of which offers take one each. It is owned by the loop.
type portPool struct {
	ports []*dataPort
	// shared: any number of offers stand on a port, which is not leased.
	shared bool
	// out: the server connects.
	out bool
	// rest is how long the lease of an unused offer rests, restMin after how long it may serve when
	// no other is free.
	rest, restMin time.Duration
}

// address is what the loop knows of one client address. It exists as long as anything of it is in
// use.
type address struct {
	r  *reactor
	ip netip.Addr
	// use is shared with the other reactors, and with the other addresses of an IPv6 network.
	use *limit.Address
	// sessions, transfers and offers count what refers to this address here.
	sessions, transfers, offers int
	sums                        sumQueue
	// listings are the transfers whose listing waits for memory, first come, first served.
	listings [listingKinds][]*transfer
	// lines are its leases for each pool; nil until the first command for it.
	lines [poolCount]*line
}

// line is the leases of one address on the ports of one pool, and the queue for them.
type line struct {
	a    *address
	pool *portPool
	// offers are the standing offers by the index of their port.
	offers []*offer
	// free are the indexes of the ports that may be leased at once.
	free []uint16
	// resting are the leases of offers that ended unused, the longest-rested first.
	resting []restingLease
	// waiting are offers without a port, in the order of their commands.
	waiting list.List
	// rested runs out when the first of the resting leases may serve again.
	rested loop.Deadline
	// queued: the line is in the reactor's queue for capacity of the server.
	queued bool
}

type restingLease struct {
	port  uint16
	since loop.Instant
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
	if a.sessions > 0 || a.transfers > 0 || a.offers > 0 || r.addresses[a.ip] != a {
		return
	}
	for _, l := range a.lines {
		if l != nil && (len(l.resting) > 0 || l.queued) {
			return
		}
	}
	for _, l := range a.lines {
		if l != nil {
			r.loop.Deadlines.Clear(&l.rested)
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
	l.rested.Owner = l
	if pool.shared {
		return l
	}
	l.offers = make([]*offer, len(pool.ports))
	l.free = make([]uint16, len(pool.ports))
	for i := range l.free {
		l.free[i] = uint16(i)
	}
	return l
}

// shares reports whether what the address has in use may be freed by others than itself here: on
// another reactor, or by a neighbor in its network, which the limits count with it.
func (a *address) shares() bool { return a.r.siblings || a.ip.Is6() }

// serve grants the offers that wait for a port, as far as ports and limits go. (PROTOCOL.md, Port
// queue.) While others wait for a limit of the server the line queues behind them, so that no
// address, however busy, keeps another waiting.
func (l *line) serve() {
	if l.queued || l.waiting.Len() == 0 {
		return
	}
	r := l.a.r
	if len(r.lines) > 0 {
		l.enqueue()
		r.serveSoon()
		return
	}
	for {
		switch l.serveFirst() {
		case turnServed:
		case turnQueued:
			l.enqueue()
			return
		case turnWaits:
			return
		}
	}
}

type lineTurn uint8

const (
	// turnServed: its first offer was granted.
	turnServed lineTurn = iota
	// turnWaits: nothing waits, or it waits for a port or a transfer of its own to end.
	turnWaits
	// turnQueued: it waits for a limit that others may free.
	turnQueued
)

// serveFirst grants the first offer of a line, if port and limits allow.
func (l *line) serveFirst() lineTurn {
	if l.waiting.Len() == 0 {
		return turnWaits
	}
	r := l.a.r
	o := l.waiting.Front().Value.(*offer)
	n := o.descriptors()
	short := r.limiter.TakeOffer(l.a.use, n)
	if short != limit.Enough && r.siblings {
		// Another reactor may have released a slot before we set this; look once more.
		r.limiter.CapacityWanted.Store(true)
		short = r.limiter.TakeOffer(l.a.use, n)
	}
	if short == limit.ShortServer || short == limit.ShortAddress && l.a.shares() {
		return turnQueued
	}
	if short == limit.ShortAddress {
		return turnWaits
	}
	port, ok := l.lease(r.loop.Now)
	if !ok {
		r.limiter.GiveOffer(l.a.use)
		r.limiter.GiveTransfer(l.a.use, n)
		l.awaitRest()
		return turnWaits
	}
	l.waiting.Remove(o.place)
	o.place = nil
	o.grant(port, n)
	return turnServed
}

// enqueue puts a line at the end of the queue for capacity of the server.
func (l *line) enqueue() {
	r := l.a.r
	if !l.queued {
		l.queued = true
		r.lines = append(r.lines, l)
	}
	r.limiter.CapacityWanted.Store(true)
}

// limited reports whether the line's address has all the transfers or offers it may have.
func (l *line) limited() bool {
	return l.a.r.limiter.Full(l.a.use, limit.Transfers, limit.Offers)
}

// serveLines gives each line that waits for capacity a turn of one offer, first come, first served.
// Once the server has nothing left the rest keep their places; a line whose own address has too much
// goes behind them.
func (r *reactor) serveLines() {
	round := r.lines
	r.lines = nil
	for i, l := range round {
		l.queued = false
		switch turn := l.serveFirst(); {
		case turn == turnQueued && l.limited():
			// Its own address or network has too much: no reason for those behind it to wait.
			l.enqueue()
		case turn == turnQueued:
			l.queued = true
			r.lines = append(round[i:len(round):len(round)], r.lines...)
			r.limiter.CapacityWanted.Store(true)
			return
		case turn == turnServed && l.waiting.Len() > 0:
			l.enqueue()
			r.serveSoon()
		default:
			r.forget(l.a)
		}
	}
}

// freed lets others have what a transfer or session of an address gave back.
func (r *reactor) freed(a *address) {
	for _, l := range a.lines {
		if l != nil {
			l.serve()
		}
	}
	if r.limiter.CapacityWanted.Load() {
		r.server.serveWaiting()
	}
}

// lease takes a port for a new offer: a random free one, or the longest-rested when none is free.
func (l *line) lease(now loop.Instant) (port uint16, ok bool) {
	if l.pool.out {
		return 0, true
	}
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

// release gives a lease back that needs no rest.
func (l *line) release(port uint16) { l.free = append(l.free, port) }

// rest keeps the lease of an unused offer from being used for a while. (PROTOCOL.md, Rest.)
func (l *line) rest(port uint16) {
	l.resting = append(l.resting, restingLease{port, l.a.r.loop.Now})
	l.awaitRest()
}

// awaitRest sets the line's deadline to when its first resting lease is of use.
func (l *line) awaitRest() {
	r := l.a.r
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
	for len(l.resting) > 0 && l.a.r.loop.Now-l.resting[0].since >= l.pool.rest {
		l.free = append(l.free, l.resting[0].port)
		l.resting = l.resting[1:]
	}
	l.serve()
	l.awaitRest()
	l.a.r.forget(l.a)
}
