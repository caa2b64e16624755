package reactor

import (
	"container/list"
	"math/rand/v2"
	"net/netip"
	"time"
)

// dataPort is one port of the pool, bound when the server starts and closed when it ends. It is
// owned by the loop.
type dataPort struct {
	r      *reactor
	number uint16
	index  uint16
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

// address is what the loop knows of one client address: the leases on the data ports and the
// transfers that wait for one. It is there as long as anything of it is in use.
type address struct {
	r  *reactor
	ip netip.Addr
	// use is shared with the other reactors.
	use *usage
	// sessions and transfers count what refers to this address here.
	sessions, transfers int
	// offers are the standing offers by the index of their port; nil until the first.
	offers []*transfer
	// free are the indexes of the ports that may be leased to this address at once.
	free []uint16
	// resting are leases of offers that ended untaken, the longest-rested first.
	resting []restingLease
	// waiting are transfers without a port, in the order of their commands.
	waiting list.List
	// rested runs out when the first of the resting leases may serve again.
	rested deadline
	// starved says that the address waits in the reactor's list for a limit of the server.
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
		a = &address{r: r, ip: ip, use: r.limiter.hold(ip)}
		a.rested.owner = a
		r.addresses[ip] = a
	}
	return a
}

// forget drops the record of an address of which nothing is in use.
func (r *reactor) forget(a *address) {
	if a.sessions > 0 || a.transfers > 0 || len(a.resting) > 0 || a.starved {
		return
	}
	if r.addresses[a.ip] != a {
		return // it was forgotten by what its last user set off
	}
	r.deadlines.clear(&a.rested)
	delete(r.addresses, a.ip)
	r.limiter.release(a.ip, a.use)
}

// request puts a transfer in line for a port, and serves the line.
func (r *reactor) request(t *transfer) {
	t.place = t.address.waiting.PushBack(t)
	r.serve(t.address)
}

// withdraw takes a transfer out of the line: its session is over before a port was told.
func (r *reactor) withdraw(t *transfer) {
	t.address.waiting.Remove(t.place)
	t.place = nil
}

// serve leases ports to the transfers that wait for one, as far as ports and limits go. (PROTOCOL,
// Ports: "When every lease for an address is taken, the port reply waits, in order. It is never
// refused for that alone.") It says no when the server as a whole has nothing left to give.
func (r *reactor) serve(a *address) (more bool) {
	for a.waiting.Len() > 0 {
		t := a.waiting.Front().Value.(*transfer)
		short := r.limiter.takeTransfer(a.use, descriptorsEach)
		if short != shortNothing && r.siblings {
			// What another reactor gave back in this moment it told nobody; from now on it does.
			r.limiter.starved.Store(true)
			short = r.limiter.takeTransfer(a.use, descriptorsEach)
		}
		switch short {
		case shortServer:
			r.starve(a)
			return false
		case shortAddress:
			if r.siblings { // what ends may end on another reactor
				r.starve(a)
			}
			return true
		case shortNothing:
		}
		port, ok := a.lease(r.now)
		if !ok {
			r.limiter.giveTransfer(a.use, descriptorsEach)
			r.awaitRest(a)
			return true
		}
		a.waiting.Remove(t.place)
		t.place = nil
		r.offer(t, port)
	}
	return true
}

// starve puts an address in the list of those that wait for another reactor or address.
func (r *reactor) starve(a *address) {
	if !a.starved {
		a.starved = true
		r.starving = append(r.starving, a)
	}
	r.limiter.starved.Store(true)
}

// serveStarving tries again for the addresses that waited for a limit of the server, in the order
// in which they began to wait, until there is nothing left again.
func (r *reactor) serveStarving() {
	again := r.starving
	r.starving = r.spareStarving[:0]
	for i, a := range again {
		again[i] = nil
		a.starved = false
		if more := r.serve(a); !more {
			r.starving = append(r.starving, again[i+1:]...)
			clear(again)
			break
		}
		r.forget(a)
	}
	r.spareStarving = again[:0]
}

// lease takes a port for a new offer: a random free one, or the longest-rested when none is free.
func (a *address) lease(now instant) (port uint16, ok bool) {
	if a.offers == nil {
		a.offers = make([]*transfer, len(a.r.ports))
		a.free = make([]uint16, len(a.r.ports))
		for i := range a.free {
			a.free[i] = uint16(i)
		}
	}
	if n := len(a.free); n > 0 {
		i := rand.IntN(n)
		port = a.free[i]
		a.free[i] = a.free[n-1]
		a.free = a.free[:n-1]
		return port, true
	}
	if len(a.resting) > 0 && now-a.resting[0].since >= a.r.restMin() {
		port = a.resting[0].port
		a.resting = a.resting[1:]
		return port, true
	}
	return 0, false
}

// unlease gives a lease back that needs no rest.
func (a *address) unlease(port uint16) { a.free = append(a.free, port) }

// rest lays the lease of an untaken offer to rest. (PROTOCOL, Ports: "so that a late connect of
// that client cannot meet another session's offer".)
func (a *address) rest(port uint16, now instant) {
	a.resting = append(a.resting, restingLease{port, now})
	a.r.awaitRest(a)
}

// restMin is after how long a resting lease may serve when nothing else can.
func (r *reactor) restMin() time.Duration { return min(leaseRestMin, r.limiter.limits.LeaseRest) }

// awaitRest sets the address's deadline to when its first resting lease is of use.
func (r *reactor) awaitRest(a *address) {
	if len(a.resting) == 0 {
		r.deadlines.clear(&a.rested)
		return
	}
	at := a.resting[0].since + r.limiter.limits.LeaseRest
	// A lease that may serve already waits for a limit, not for time.
	if early := a.resting[0].since + r.restMin(); a.waiting.Len() > 0 && early > r.now {
		at = early
	}
	r.deadlines.set(&a.rested, at)
}

// expire frees the leases that have rested.
func (a *address) expire(*deadline) {
	r := a.r
	for len(a.resting) > 0 && r.now-a.resting[0].since >= r.limiter.limits.LeaseRest {
		a.free = append(a.free, a.resting[0].port)
		a.resting = a.resting[1:]
	}
	r.serve(a)
	r.awaitRest(a)
	r.forget(a)
}

// offer makes a transfer's offer stand on a leased port, and has the session told.
func (r *reactor) offer(t *transfer, port uint16) {
	a := t.address
	a.offers[port] = t
	t.port = port
	t.becomeOffered()
	r.count.offers++
	r.deadlines.set(&t.deadline, r.now+r.limiter.limits.OfferTimeout)
	r.feed(t.session, input{kind: inPort})
}

// untaken ends an offer to which nobody connected.
func (r *reactor) untaken(t *transfer) {
	a, s := t.address, t.session
	a.offers[t.port] = nil
	a.rest(t.port, r.now)
	r.count.untaken++
	t.outcome = outcomeUntaken
	r.endTransfer(t)
	r.feed(s, input{kind: inExpire})
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
	var t *transfer
	if a := r.addresses[ip]; a != nil && a.offers != nil && !p.parting {
		t = a.offers[p.index]
	}
	if t == nil {
		if !p.parting {
			r.count.strangers++
		}
		closeDescriptor(fd)
		return
	}
	a := t.address
	a.offers[p.index] = nil
	a.unlease(p.index)
	t.becomeMoving(fd, r.now)
	r.feed(t.session, input{kind: inConnect})
	r.deadlines.set(&t.deadline, r.now+r.limiter.limits.StallTimeout)
	if t.isPut() {
		r.beginReceive(t)
	} else {
		r.beginSend(t)
	}
	if a.waiting.Len() > 0 {
		r.serve(a)
	}
}
