package reactor

import (
	"crypto/tls"
	"net/netip"

	"ferry/reactor/loop"
)

// dataPort is one port of the pool, bound when the server starts and closed when it ends. It is
// owned by the loop.
type dataPort struct {
	r      *reactor
	number uint16
	index  uint16
	kind   poolKind
	// parting: the port that is told after quit, where every connection is closed at once.
	parting bool
	// listeners listen on it: one, unless the server listens on several addresses by name.
	listeners []*loop.Listener
}

func (p *dataPort) Accepted(c loop.Channel, from netip.AddrPort) {
	r := p.r
	r.count.dataConnections++
	if r.wrap != nil {
		c = r.wrap(c)
	}
	p.accepted(c, from.Addr())
}

// accepted gives a new data connection to the offer that stands for its address on the port.
// (PROTOCOL.md, Leases.)
func (p *dataPort) accepted(c loop.Channel, ip netip.Addr) {
	r := p.r
	if p.kind == poolKeyed {
		p.acceptKeyed(c, ip)
		return
	}
	if p.parting {
		c.Close()
		return
	}
	switch o := p.offerFor(ip); {
	case o == nil || c.TLS() != nil && !o.session.welcomes(c.TLS()):
		r.count.unauthorized++
		// On classic's port for files a clean close is the end of a file, of an empty one here.
		c.SetReset(p.kind == poolFiles)
		c.Close()
	case o.session.secureData() && c.TLS() == nil:
		sends := o.transfer != nil && !o.transfer.isPut()
		p.acceptTLS(c, ip, o.session.tls.settings, nil, sends, o)
	default:
		o.take(c)
	}
}

// welcomes reports whether an encrypted data connection may be the session's.
func (s *session) welcomes(c *tls.ConnectionState) bool {
	return s.secureData() && (c.DidResume || !s.tls.mustResume)
}

// offerFor is the offer that stands for an address on a leased port, or nil.
func (p *dataPort) offerFor(ip netip.Addr) *offer {
	a := p.r.addresses[ip]
	if a == nil || a.lines[p.kind] == nil {
		return nil
	}
	return a.lines[p.kind].offers[p.index]
}

func (p *dataPort) AcceptFailed(err error) { p.r.logAcceptFailed(p, err) }

// adopt takes the ports that were bound for this reactor; the last of base's is the parting port.
func (r *reactor) adopt(bound, keyed []boundPort) {
	for _, b := range keyed {
		r.adoptPort(poolKeyed, b)
	}
	last := len(bound) - 1
	for _, b := range bound[:last] {
		r.adoptPort(poolData, b)
	}
	r.parting = r.newPort(poolData, bound[last])
	r.parting.parting = true
}

// setRests takes over how long leases rest. Keyed ports are not leased.
func (r *reactor) setRests() {
	l := &r.limiter.Limits
	r.pools[poolKeyed].shared = true
	r.pools[poolOut].shared, r.pools[poolOut].out = true, true
	for k := range r.pools {
		if poolKind(k) == poolKeyed {
			continue
		}
		rest := l.LeaseRest
		if poolKind(k) != poolData {
			rest = l.ClassicRest
		}
		r.pools[k].rest, r.pools[k].restMin = rest, min(leaseRestMin, rest)
	}
}

func (r *reactor) adoptPort(k poolKind, b boundPort) {
	p := r.newPort(k, b)
	p.index = uint16(len(r.pools[k].ports))
	r.pools[k].ports = append(r.pools[k].ports, p)
}

func (r *reactor) newPort(k poolKind, b boundPort) *dataPort {
	return &dataPort{r: r, number: b.number, kind: k, listeners: b.listeners}
}

func (r *reactor) eachPort(f func(p *dataPort)) {
	for _, pool := range r.pools {
		for _, p := range pool.ports {
			f(p)
		}
	}
	if r.parting != nil {
		f(r.parting)
	}
}

func (r *reactor) closePorts() {
	r.eachPort(func(p *dataPort) {
		for _, l := range p.listeners {
			l.Close()
		}
	})
	r.pools, r.parting = [poolCount]portPool{}, nil
}
