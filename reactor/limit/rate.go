package limit

import (
	"net/netip"
	"sync"
	"time"
)

// Rates bound how fast an address opens sessions: it may open so many at once, and its allowance is
// refilled at a steady rate. Only addresses with a partly used allowance are remembered, at the
// default rate for milliseconds. Rates are safe for concurrent use; the reactors' clocks differ by
// too little to matter.
type Rates struct {
	// interval is the time for one more session, burst that for the whole allowance.
	interval, burst time.Duration

	mu sync.Mutex
	// full is when the allowance of an address is full again. Guarded by mu.
	full map[netip.Addr]time.Duration
	// sweepAt is the number of addresses at which those with a full allowance are dropped. Guarded
	// by mu.
	sweepAt int
}

// ratesSweep is the fewest remembered addresses that are worth a sweep, some 100 KiB.
const ratesSweep = 1024

// NewRates returns rates of so many sessions a second, and so many at once.
func NewRates(perSecond, atOnce int) *Rates {
	interval := time.Second / time.Duration(perSecond)
	return &Rates{
		interval: interval,
		burst:    interval * time.Duration(atOnce),
		full:     make(map[netip.Addr]time.Duration),
		sweepAt:  ratesSweep,
	}
}

// Allow takes one session from the allowance of an address, and reports whether there was one. Now
// is a time on a monotonic clock.
func (r *Rates) Allow(ip netip.Addr, now time.Duration) bool {
	ip = Network(ip)
	r.mu.Lock()
	defer r.mu.Unlock()
	at := max(r.full[ip], now) + r.interval
	if at-now > r.burst {
		return false
	}
	if r.full[ip] = at; len(r.full) >= r.sweepAt {
		r.sweep(now)
	}
	return true
}

// sweep drops the addresses with a full allowance. Its cost is spread: as many more have to come
// before the next sweep.
func (r *Rates) sweep(now time.Duration) {
	for ip, at := range r.full {
		if at <= now {
			delete(r.full, ip)
		}
	}
	r.sweepAt = max(ratesSweep, 2*len(r.full))
}

// networkBits is the length of the smallest usual IPv6 network. Its holder chooses the other bits
// freely, so they do not tell clients apart.
const networkBits = 64

// Network is what limits count a client by: its IPv4 address, or the network of its IPv6 address.
func Network(ip netip.Addr) netip.Addr {
	if ip.Is4() {
		return ip
	}
	network, err := ip.Prefix(networkBits)
	if err != nil {
		return ip
	}
	return network.Addr()
}
