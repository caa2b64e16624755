package reactor

import (
	"net/netip"
	"time"

	"ferry/reactor/loop"
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
	// listeners listen on it: one, unless the server listens on several addresses by name.
	listeners []*loop.Listener
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

// Accepted implements loop.Acceptor.
func (p *dataPort) Accepted(c loop.Channel, from netip.AddrPort) {
	r := p.r
	r.count.dataConnections++
	if r.wrap != nil {
		c = r.wrap(c)
	}
	r.meet(p, c, from.Addr())
}

// AcceptFailed implements loop.Acceptor.
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

// setRests takes over how long leases rest. Ports of the status exchange are not leased.
func (r *reactor) setRests() {
	l := &r.limiter.limits
	r.pools[poolKeyed].shared = true
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

// adoptPort adds a port that was bound to a pool.
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
