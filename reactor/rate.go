package reactor

import (
	"net/netip"
	"sync"
	"time"

	"ferry/reactor/loop"
)

// rates say whether a client address may open one more session now. An address has an allowance
// of so many sessions at once, which comes back at a steady rate. Only addresses whose allowance
// is not whole are remembered, and at the usual rates that is over within milliseconds. It may be
// used by any number of reactors; their clocks differ by nothing that matters here.
type rates struct {
	// interval is how long it takes until one more session is allowed, burst the same for the
	// whole allowance.
	interval, burst time.Duration

	mu sync.Mutex
	// whole says when the allowance of an address will be whole again. Guarded by mu.
	whole map[netip.Addr]loop.Instant
	// sweepAt is how many addresses are remembered before those that need not be are dropped.
	// Guarded by mu.
	sweepAt int
}

// ratesSweep is the fewest remembered addresses that are worth a look, some 100 KiB.
const ratesSweep = 1024

// newRates returns rates of so many sessions a second, and so many at once.
func newRates(perSecond, atOnce int) *rates {
	interval := time.Second / time.Duration(perSecond)
	return &rates{
		interval: interval,
		burst:    interval * time.Duration(atOnce),
		whole:    make(map[netip.Addr]loop.Instant),
		sweepAt:  ratesSweep,
	}
}

// allow takes one session out of an address's allowance, or says that there is none left.
func (l *rates) allow(ip netip.Addr, now loop.Instant) bool {
	ip = networkOf(ip)
	l.mu.Lock()
	defer l.mu.Unlock()
	at := max(l.whole[ip], now) + l.interval
	if at-now > l.burst {
		return false
	}
	if l.whole[ip] = at; len(l.whole) >= l.sweepAt {
		l.sweep(now)
	}
	return true
}

// sweep drops the addresses whose allowance is whole. It is worth its time: as many again have to
// come before the next.
func (l *rates) sweep(now loop.Instant) {
	for ip, at := range l.whole {
		if at <= now {
			delete(l.whole, ip)
		}
	}
	l.sweepAt = max(ratesSweep, 2*len(l.whole))
}

// networkBits is how much of an IPv6 address tells clients apart: its holder has a network of that
// length at least, and picks the rest as it likes.
const networkBits = 64

// networkOf is what limits count a client by: its address, or its network where it may have as many
// addresses as it likes.
func networkOf(ip netip.Addr) netip.Addr {
	if ip.Is4() {
		return ip
	}
	network, err := ip.Prefix(networkBits)
	if err != nil {
		return ip
	}
	return network.Addr()
}
