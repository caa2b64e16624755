package reactor

import "net/netip"

// dataPort is one port of a pool, bound when the server starts and closed when it ends. It is owned
// by the loop.
type dataPort struct {
	r      *reactor
	number uint16
	index  uint16
	kind   poolKind
	// parting: the port that is told after quit, where every connection is closed at once.
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

// ready accepts one connection. If there are more, the watcher says so again after this turn: a
// flood at one port leaves the others their share.
func (d *dataSocket) ready(readiness) {
	r := d.port.r
	fd, peer, err := accept(d.fd)
	switch {
	case err == nil:
		r.count.dataConnections++
		d.port.accepted(fd, peer.Addr())
	case err != errAgain && err != errAborted:
		r.acceptFailed(d, err)
	}
}

// accepted gives a new data connection to the offer that stands for its address on the port.
// (PROTOCOL.md, Leases.)
func (p *dataPort) accepted(fd int, ip netip.Addr) {
	r := p.r
	if p.kind == poolKeyed {
		r.acceptKeyed(fd, ip)
		return
	}
	if p.parting {
		closeDescriptor(fd)
		return
	}
	if a := r.addresses[ip]; a != nil && a.lines[p.kind] != nil {
		if o := a.lines[p.kind].offers[p.index]; o != nil {
			o.take(fd)
			return
		}
	}
	r.count.strangers++
	if p.kind == poolFiles {
		// A clean close is the end of a file there, of an empty one in this case.
		setReset(fd, true)
	}
	closeDescriptor(fd)
}
