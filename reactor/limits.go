package reactor

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
)

// descriptor counts. A transfer takes its descriptors from the budget before its port is told, and
// waits when there are none.
const (
	// descriptorsSpare is kept for what is open for a moment only (connections that are closed
	// at once, folders being listed) and for the process itself.
	descriptorsSpare = 128
	// descriptorsPerReactor is what an event loop and a watcher open.
	descriptorsPerReactor = 16
	// descriptorsEach is what a transfer may have open at once: the data socket and, to send, the
	// file and for a moment the path that was looked at; to receive, the temporary file and its
	// folder. Pipes are counted apart.
	descriptorsEach = 3
	// descriptorsPart is the same for a piece of a part: the data socket, the part, its folder and
	// the folder in which parts are known by their PART.
	descriptorsPart = 4
	// keylessMin is how many connections without a KEY may always wait; descriptorsSpare has them.
	keylessMin = 8
	// transfersMin is the fewest transfers at once that make a server.
	transfersMin = 16
)

// pipesMax is how many pipes of 1 MiB a server keeps: an ordinary user gets 64 of that size
// (pipe-user-pages-soft, 16,384 pages); past that uploads are read and written.
const pipesMax = 64

// limiter counts what all reactors use together. Its methods may be called from any reactor.
type limiter struct {
	limits Limits
	// descriptors is how many a transfer may still take.
	descriptors atomic.Int64
	sessions    atomic.Int64
	transfers   atomic.Int64
	pipes       atomic.Int64
	// keyless counts data connections that have not said their KEY.
	keyless atomic.Int64
	// announced counts the bytes that running uploads have announced and not yet written, as far as
	// they are kept free for them, see space.go.
	announced atomic.Int64
	// rates say who may open a session now.
	rates *rates
	// starved is set while some reactor waits for one of these counts to sink.
	starved  atomic.Bool
	listings listings

	mu        sync.Mutex
	addresses map[netip.Addr]*usage

	// space guards what uploads have announced.
	space sync.Mutex
}

// usage is what one client address has in use over all reactors; all addresses of an IPv6 network
// have one together (networkOf).
type usage struct {
	sessions  atomic.Int64
	transfers atomic.Int64
	// offers counts the transfers among them that have no data connection yet.
	offers atomic.Int64
	// announced is what its uploads have announced and not yet written, counted how much of that
	// is in limiter.announced. Both are guarded by limiter.space.
	announced, counted int64
	listings           atomic.Int64 // bytes
	sums               atomic.Int64
	// keyless counts its data connections that have not said their KEY.
	keyless atomic.Int64
	holders int // guarded by limiter.mu
}

// newLimiter divides the descriptors that this process may open, and fills in what was left to it.
// The error says which limit does not fit.
func newLimiter(l Limits, reactors, ports int, descriptors uint64) (*limiter, error) {
	fixed := int64(descriptorsSpare + 2*pipesMax + reactors*descriptorsPerReactor + ports)
	free := int64(min(descriptors, 1<<30)) - fixed
	least := int64(transfersMin * descriptorsEach)
	if free < least+1 {
		return nil, fmt.Errorf("this process may open %d descriptors, at least %d are needed: "+
			"raise the limit (ulimit -n) or lower --data-ports", descriptors, fixed+least+1)
	}
	if l.Sessions == 0 {
		l.Sessions = int(min(sessionsDefault, free/2))
	}
	if most := free - least; int64(l.Sessions) > most {
		return nil, fmt.Errorf("--max-sessions %d does not fit: this process may open %d "+
			"descriptors, which allows %d; lower it or raise the limit (ulimit -n)",
			l.Sessions, descriptors, most)
	}
	left := free - int64(l.Sessions)
	// Connections without a KEY have a quarter of what is not needed otherwise, and a few always.
	extra := max(0, min(int64(l.Keyless)-keylessMin, (left-least)/4))
	l.Keyless = int(min(int64(l.Keyless), keylessMin+extra))
	left -= extra
	if l.Transfers == 0 {
		l.Transfers = int(left / descriptorsEach)
	}
	if most := left / descriptorsEach; int64(l.Transfers) > most {
		return nil, fmt.Errorf("--max-transfers %d does not fit: this process may open %d "+
			"descriptors, which beside %d sessions allows %d; lower it or --max-sessions, or "+
			"raise the limit (ulimit -n)", l.Transfers, descriptors, l.Sessions, most)
	}
	if l.TransfersPerAddress == 0 {
		l.TransfersPerAddress = max(min(transfersPerAddressDefault, l.Transfers/2), 1)
	}
	lim := &limiter{
		limits:    l,
		addresses: make(map[netip.Addr]*usage),
		rates:     newRates(l.SessionRate, l.SessionsPerAddress),
	}
	lim.descriptors.Store(left)
	return lim, nil
}

// pipeQuota counts the pipes of all loops.
type pipeQuota struct{ *limiter }

// Left implements loop.Quota.
func (q pipeQuota) Left() bool { return q.pipes.Load() < pipesMax }

// Take implements loop.Quota.
func (q pipeQuota) Take() bool { return take(&q.pipes, pipesMax) }

// Give implements loop.Quota.
func (q pipeQuota) Give() { q.pipes.Add(-1) }

// hold returns what an address has in use, for as long as the caller keeps it.
func (l *limiter) hold(ip netip.Addr) *usage {
	ip = networkOf(ip)
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.addresses[ip]
	if u == nil {
		u = new(usage)
		l.addresses[ip] = u
	}
	u.holders++
	return u
}

// release ends a hold.
func (l *limiter) release(ip netip.Addr, u *usage) {
	ip = networkOf(ip)
	l.mu.Lock()
	defer l.mu.Unlock()
	if u.holders--; u.holders == 0 {
		delete(l.addresses, ip)
	}
}

// take adds one to a count unless it is at its limit.
func take(count *atomic.Int64, limit int) bool {
	if count.Add(1) <= int64(limit) {
		return true
	}
	count.Add(-1)
	return false
}

// takeSession counts a session in, and says no when there are too many.
func (l *limiter) takeSession(u *usage) bool {
	if !take(&u.sessions, l.limits.SessionsPerAddress) {
		return false
	}
	if !take(&l.sessions, l.limits.Sessions) {
		u.sessions.Add(-1)
		return false
	}
	return true
}

func (l *limiter) giveSession(u *usage) {
	l.sessions.Add(-1)
	u.sessions.Add(-1)
}

// takeKeyless counts a connection in that has not said its KEY, or says who has too many of them.
// An address may have as many as it leaves to others, and one if there is room at all: so one
// address that floods leaves half of them free, two a third each, and who is slow to say its KEY
// beside them is not closed for theirs.
func (l *limiter) takeKeyless(u *usage) shortage {
	all := l.keyless.Add(1)
	left := int64(l.limits.Keyless) - all
	if left >= 0 && u.keyless.Add(1) <= max(1, left) {
		return shortNothing
	}
	l.keyless.Add(-1)
	if left < 0 {
		return shortServer
	}
	u.keyless.Add(-1)
	return shortAddress
}

func (l *limiter) giveKeyless(u *usage) {
	l.keyless.Add(-1)
	u.keyless.Add(-1)
}

// shortage is why a transfer cannot begin yet.
type shortage uint8

const (
	shortNothing shortage = iota
	shortAddress          // its address has all it may have
	shortServer           // the server has
)

// takeTransfer counts a transfer and its descriptors in, or says what it must wait for.
func (l *limiter) takeTransfer(u *usage, descriptors int64) shortage {
	if !take(&u.transfers, l.limits.TransfersPerAddress) {
		return shortAddress
	}
	if !take(&l.transfers, l.limits.Transfers) {
		u.transfers.Add(-1)
		return shortServer
	}
	if l.descriptors.Add(-descriptors) < 0 {
		l.descriptors.Add(descriptors)
		l.transfers.Add(-1)
		u.transfers.Add(-1)
		return shortServer
	}
	return shortNothing
}

func (l *limiter) giveTransfer(u *usage, descriptors int64) {
	l.descriptors.Add(descriptors)
	l.transfers.Add(-1)
	u.transfers.Add(-1)
}

// takeOffer counts a transfer in that is to be offered.
func (l *limiter) takeOffer(u *usage, descriptors int64) shortage {
	if !take(&u.offers, l.limits.OffersPerAddress) {
		return shortAddress
	}
	short := l.takeTransfer(u, descriptors)
	if short != shortNothing {
		u.offers.Add(-1)
	}
	return short
}

// giveOffer follows the end of an offer, and says whether its address may have waited for that.
func (l *limiter) giveOffer(u *usage) (waited bool) {
	return u.offers.Add(-1) == int64(l.limits.OffersPerAddress)-1 || l.starved.Load()
}
