package reactor

import (
	"slices"
	"sync"
	"sync/atomic"

	"ferry/codec"
	"ferry/fsio"
)

// A listing is held in memory from when it is built until the socket has taken its last byte. What
// all of them hold is bounded: a listing is built once the memory that it may need has been taken
// from a budget, and keeps what its text occupies. Those that find none wait, for a stall timeout
// at most, and count among the transfers of their address meanwhile.
const (
	// listingFirst is what a listing asks for first, in bytes: most are far smaller. One that turns
	// out larger is built anew with room for the largest allowed.
	listingFirst = 256 << 10
	// listingsLarge is how many of those that turned out larger are built at once: to build one
	// takes a few times the memory of its text.
	listingsLarge = 2
	// listingsLargeShare is how much more has to be left to others for one of those than for a
	// small one. So some memory is always left in which small ones are built, those of an address
	// that has taken all it may for large ones included.
	listingsLargeShare = 2
	// listingsMin is how many of the largest listings there must be memory for: an address has one,
	// and another address as well.
	listingsMin = 4
	// listingStalls is within how many stall timeouts a listing must be read whole. At the lowest
	// rate of a transfer a few clients would keep the memory from everybody else for days.
	listingStalls = 10
)

// listings counts the memory that listings hold, in bytes, and how many large ones are being built.
type listings struct {
	// mu is held while memory is taken: what is left must not change between a look and that.
	mu    sync.Mutex
	bytes atomic.Int64
	large atomic.Int64
	// wanted is set while listings of some reactor wait for others to end.
	wanted atomic.Bool
}

// takeListing takes memory for a listing, or says what it must wait for. An address may hold as
// much as it leaves to others, for a large listing half of that. So one address alone has half of
// the memory, two that ask for all they can get have a third each, and however many they are, who
// holds nothing finds as much as each of them.
func (l *limiter) takeListing(u *usage, n int64, large bool) shortage {
	s := &l.listings
	s.mu.Lock()
	defer s.mu.Unlock()
	left := l.limits.ListingsBytes - s.bytes.Load() - n
	if large {
		left /= listingsLargeShare
	}
	switch {
	case n > left || large && s.large.Load() >= listingsLarge:
		return shortServer
	case u.listings.Load()+n > left:
		return shortAddress
	}
	s.bytes.Add(n)
	u.listings.Add(n)
	if large {
		s.large.Add(1)
	}
	return shortNothing
}

func (l *limiter) giveListing(u *usage, n int64) {
	u.listings.Add(-n)
	l.listings.bytes.Add(-n)
}

// listingKind tells apart the lines in which listings wait.
type listingKind uint8

const (
	listingSmall listingKind = iota
	listingLarge
	listingKinds
)

// kind is that of a transfer's listing.
func (s *sender) kind() listingKind {
	if s.large {
		return listingLarge
	}
	return listingSmall
}

func (r *reactor) beginList(t *transfer) {
	name, err := t.parseName()
	if r.server.options.UploadOnly {
		err = errUploadOnly
	}
	if err != nil {
		r.sendFailed(t, err)
		return
	}
	r.listNamed(t, name)
}

// listNamed builds the listing of a folder.
func (r *reactor) listNamed(t *transfer, name fsio.Name) {
	t.send.name = name
	t.send.reserved = min(listingFirst, r.limiter.limits.ListingBytes)
	if t.asked != nil { // it has no data connection yet, whose deadline would see to that
		r.loop.Deadlines.Set(&t.deadline, r.loop.Now+r.limiter.limits.StallTimeout)
	}
	r.list(t)
}

// list builds a listing once there is memory for it, and its address has its turn.
func (r *reactor) list(t *transfer) {
	t.send.waits = true
	k, a := t.send.kind(), t.address
	if len(a.listings[k]) == 0 {
		r.listing[k] = append(r.listing[k], a)
	}
	a.listings[k] = append(a.listings[k], t)
	r.serveListings()
}

// serveListings builds those of the waiting listings for which there is memory now. Small ones go
// first, since a large one that waits is no reason for them to do so.
func (r *reactor) serveListings() {
	for k := range listingKinds {
		r.serveListingsOf(k)
	}
}

// serveListingsOf gives each address with listings of a kind a turn, until none can use its own.
func (r *reactor) serveListingsOf(k listingKind) {
	line := r.listing[k]
	for passed := 0; passed < len(line); {
		a := line[0]
		t := a.listings[k][0]
		short := r.takeListing(t)
		if short == shortServer {
			break
		}
		line = line[1:]
		if passed++; short == shortNothing {
			passed = 0
			r.leaveListings(t)
			r.submit(t, jobList)
		}
		if len(a.listings[k]) > 0 {
			line = append(line, a)
		}
	}
	r.listing[k] = line
}

// leaveListings takes a transfer out of its address's part of the line.
func (r *reactor) leaveListings(t *transfer) {
	t.send.waits = false
	waiting := &t.address.listings[t.send.kind()]
	*waiting = slices.DeleteFunc(*waiting, func(o *transfer) bool { return o == t })
}

func (r *reactor) takeListing(t *transfer) shortage {
	s, u := &t.send, t.address.use
	short := r.limiter.takeListing(u, s.reserved, s.large)
	if short != shortNothing {
		// What another reactor gave back in this moment it told nobody; from now on it does.
		r.limiter.listings.wanted.Store(true)
		short = r.limiter.takeListing(u, s.reserved, s.large)
	}
	if short == shortNothing {
		s.held = s.reserved
	}
	return short
}

// unlist takes a transfer that has ended out of those that wait for memory.
func (r *reactor) unlist(t *transfer) {
	if !t.send.waits {
		return
	}
	k := t.send.kind()
	r.leaveListings(t)
	if a := t.address; len(a.listings[k]) == 0 {
		r.listing[k] = slices.DeleteFunc(r.listing[k], func(o *address) bool { return o == a })
	}
}

// listingExpired is the end of the time that a listing of the status exchange may wait for memory.
// One that waits for our own disk is not at fault.
func (r *reactor) listingExpired(t *transfer) {
	if t.send.waits {
		r.failTransfer(t, outcomeFailed, errListingsFull)
		return
	}
	r.loop.Deadlines.Set(&t.deadline, r.loop.Now+r.limiter.limits.StallTimeout)
}

// built lets another large listing be built. It follows the work, whatever became of the transfer.
func (r *reactor) built(t *transfer) {
	if t.send.large {
		t.send.large = false
		r.limiter.listings.large.Add(-1)
		r.feedListings()
	}
}

// feedListings lets others have what a listing gave back.
func (r *reactor) feedListings() {
	if r.limiter.listings.wanted.Swap(false) {
		r.server.feedAll()
	}
}

// errListingTooLarge is a folder with more names than --max-listing takes.
var errListingTooLarge = &refusal{
	codec.CodeTooLarge, "the listing is larger than allowed (--max-listing)",
}

// errListingsFull is a listing that found no memory within the stall timeout.
var errListingsFull = &refusal{codec.CodeBusy, "other listings held all memory for them"}

// listed takes a listing, or the word that it needs more memory than was taken for it.
func (r *reactor) listed(t *transfer) {
	s, j := &t.send, &t.job
	most := r.limiter.limits.ListingBytes
	switch {
	case j.err == nil:
		r.keepListing(t, int64(cap(j.listing)))
		text := j.listing
		j.listing = nil
		if t.asked != nil { // its size is told with the offer
			t.send.rest, t.send.size = text, int64(len(text))
			r.offerKeyed(t)
			return
		}
		// What it waited for was not the client's fault: its time begins now.
		r.loop.Deadlines.Set(&t.deadline, r.loop.Now+r.limiter.limits.StallTimeout)
		r.sendMessage(t, text)
	case fsio.KindOf(j.err) == fsio.KindTooLarge && s.reserved < most:
		r.keepListing(t, 0)
		s.reserved, s.large = most, true
		r.list(t)
	case fsio.KindOf(j.err) == fsio.KindTooLarge:
		r.failTransfer(t, outcomeFailed, errListingTooLarge)
	case t.asked != nil:
		r.failTransfer(t, outcomeOf(j.err), j.err)
	default:
		r.keepListing(t, 0)
		r.sendFailed(t, j.err)
	}
}

// keepListing gives memory back but for n bytes, and lets others have it.
func (r *reactor) keepListing(t *transfer, n int64) {
	s := &t.send
	if s.held == n {
		return
	}
	r.limiter.giveListing(t.address.use, s.held-n)
	s.held = n
	r.feedListings()
}
