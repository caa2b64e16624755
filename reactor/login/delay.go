package login

import (
	"net/netip"
	"sync"
	"time"
)

const (
	delayFirst = time.Second
	delayMax   = 30 * time.Second
	// forgetAfter is how long failures are remembered after the delay of the last one is over.
	forgetAfter = 10 * time.Minute
	// delaysSweep is the fewest remembered failures that are worth a sweep, some 200 KiB.
	delaysSweep = 1024
)

// Delays slow down those who guess passwords. After a failed login, the next one of the same
// address, and the next one for the same user from there, waits 1 s; after each further failure
// twice as long, up to 30 s. Nobody can delay the logins of another address. Delays are safe for
// concurrent use.
type Delays struct {
	mu       sync.Mutex
	failures map[guesser]*failures
	sweepAt  int
}

// guesser is an address, or a user at an address.
type guesser struct {
	from   netip.Addr
	isUser bool
	user   string
}

type failures struct {
	count int
	// next is when the next login may be checked.
	next time.Duration
	// forget is when they are forgotten. Logins that succeed do not put that off.
	forget time.Duration
}

// NewDelays returns delays without failures.
func NewDelays() *Delays {
	return &Delays{failures: make(map[guesser]*failures), sweepAt: delaysSweep}
}

// Begin returns how long a login must wait until its password is checked, and takes its turn. It
// reports false if that is too long because others of the address wait already: refuse the login
// then. From is an address or a network, now a time on a monotonic clock.
func (d *Delays) Begin(from netip.Addr, user string, now time.Duration) (time.Duration, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	start := now
	keys := guessers(from, user)
	for _, k := range keys {
		switch f := d.failures[k]; {
		case f == nil:
		case now > f.forget:
			delete(d.failures, k)
		default:
			start = max(start, f.next)
		}
	}
	wait := start - now
	if wait > delayMax {
		return wait, false
	}
	for _, k := range keys {
		if f := d.failures[k]; f != nil {
			f.next = start + delay(f.count)
		}
	}
	return wait, true
}

// End tells how a login ended whose password was checked.
func (d *Delays) End(from netip.Addr, user string, ok bool, now time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	keys := guessers(from, user)
	if ok {
		// Only the user's own: otherwise an account of one's own would help to guess others.
		delete(d.failures, keys[1])
		return
	}
	for _, k := range keys {
		f := d.failures[k]
		if f == nil || now > f.forget {
			f = &failures{}
			d.failures[k] = f
		}
		f.count++
		f.next = max(f.next, now+delay(f.count))
		f.forget = f.next + forgetAfter
	}
	if len(d.failures) >= d.sweepAt {
		d.sweep(now)
	}
}

// sweep forgets old failures. As many more must come before the next sweep.
func (d *Delays) sweep(now time.Duration) {
	for k, f := range d.failures {
		if now > f.forget {
			delete(d.failures, k)
		}
	}
	d.sweepAt = max(delaysSweep, 2*len(d.failures))
}

// delay is how long to wait after so many failures.
func delay(count int) time.Duration {
	if count > 5 { // 2^5 s are more than the maximum
		return delayMax
	}
	return delayFirst << max(0, count-1)
}

func guessers(from netip.Addr, user string) [2]guesser {
	return [2]guesser{{from: from}, {from, true, user[:min(len(user), nameMax+1)]}}
}
