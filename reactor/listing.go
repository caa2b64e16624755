package reactor

import (
	"slices"

	"ferry/codec"
	"ferry/fsio"
	"ferry/reactor/limit"
)

// A listing is held in memory from when it is built until the socket has taken its last byte. What
// all of them hold is bounded: a listing is built once the memory that it may need has been taken
// from a budget, and keeps what its text occupies. Those that find none wait, for a stall timeout
// at most, and count among the transfers of their address meanwhile.
const (
	// listingFirst is what a listing asks for first, in bytes: most are far smaller. One that turns
	// out larger is built anew with room for the largest allowed.
	listingFirst = 256 << 10
	// listingStalls is within how many stall timeouts a listing must be read whole. At the lowest
	// rate of a transfer a few clients would keep the memory from everybody else for days.
	listingStalls = 10
)

// listingKind tells apart the queues in which listings wait.
type listingKind uint8

const (
	listingSmall listingKind = iota
	listingLarge
	listingKinds
)

// listState is where the listing of a transfer stands.
type listState uint8

const (
	listNone listState = iota
	listWaitsSmall
	listBuildsSmall
	listWaitsLarge
	listBuildsLarge
)

// waits reports whether the listing queues for memory.
func (l listState) waits() bool { return l == listWaitsSmall || l == listWaitsLarge }

// kind is the queue that the listing belongs to.
func (l listState) kind() listingKind {
	if l >= listWaitsLarge {
		return listingLarge
	}
	return listingSmall
}

// beginList builds the listing of the folder that was asked for.
func (s *sender) beginList() {
	t := s.t
	s.reserved = min(listingFirst, t.r.limiter.Limits.ListingBytes)
	if t.state == transferWaiting { // it has no offer yet, whose deadline would see to that
		t.awaitProgress()
	}
	s.enqueueList(listWaitsSmall)
}

// enqueueList builds a listing once there is memory for it, and its address has its turn.
func (s *sender) enqueueList(as listState) {
	s.list = as
	k, a, r := as.kind(), s.t.address, s.t.r
	if len(a.listings[k]) == 0 {
		r.listing[k] = append(r.listing[k], a)
	}
	a.listings[k] = append(a.listings[k], s.t)
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
	queue := r.listing[k]
	for passed := 0; passed < len(queue); {
		a := queue[0]
		s := &a.listings[k][0].send
		short := s.takeMemory()
		if short == limit.ShortServer {
			break
		}
		queue = queue[1:]
		if passed++; short == limit.Enough {
			passed = 0
			s.dequeueList()
			s.list++ // from waiting to building
			s.t.submit(jobList)
		}
		if len(a.listings[k]) > 0 {
			queue = append(queue, a)
		}
	}
	r.listing[k] = queue
}

func (s *sender) dequeueList() {
	waiting := &s.t.address.listings[s.list.kind()]
	*waiting = slices.DeleteFunc(*waiting, func(o *transfer) bool { return o == s.t })
}

func (s *sender) takeMemory() limit.Shortage {
	u, l := s.t.address.use, s.t.r.limiter
	large := s.list.kind() == listingLarge
	short := l.TakeListing(u, s.reserved, large)
	if short != limit.Enough {
		// Another reactor may have released memory before we set wanted; look once more.
		l.ListingsWanted.Store(true)
		short = l.TakeListing(u, s.reserved, large)
	}
	if short == limit.Enough {
		s.held = s.reserved
	}
	return short
}

// leaveQueue takes a transfer that has ended out of those that wait for memory.
func (s *sender) leaveQueue() {
	if !s.list.waits() {
		return
	}
	s.dequeueList()
	k, a, r := s.list.kind(), s.t.address, s.t.r
	s.list = listNone
	if len(a.listings[k]) == 0 {
		r.listing[k] = slices.DeleteFunc(r.listing[k], func(o *address) bool { return o == a })
	}
}

// listingExpired is the end of the time that a listing without an offer may wait for memory. One
// that waits for our own disk is not at fault.
func (s *sender) listingExpired() {
	if s.list.waits() {
		s.t.fail(outcomeFailed, errListingsFull)
		return
	}
	s.t.awaitProgress()
}

// built lets another large listing be built. It follows the work, even if the transfer has ended.
func (s *sender) built() {
	large := s.list == listBuildsLarge
	if s.list == listBuildsSmall || large {
		s.list = listNone
	}
	if large {
		s.t.r.limiter.Give(nil, limit.LargeListings, 1)
		s.t.r.feedListings()
	}
}

// feedListings lets others have what a listing gave back.
func (r *reactor) feedListings() {
	if r.limiter.ListingsWanted.Swap(false) {
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
func (s *sender) listed() {
	t := s.t
	j := &t.job
	most := t.r.limiter.Limits.ListingBytes
	switch {
	case j.err == nil:
		s.keepListing(int64(cap(j.listing)))
		text := j.listing
		j.listing = nil
		if t.state == transferWaiting { // its size is told with the offer
			s.rest, s.size = text, int64(len(text))
			t.offer.stand()
			return
		}
		// What it waited for was not the client's fault: its time begins now.
		t.awaitProgress()
		s.message(text)
	case fsio.KindOf(j.err) == fsio.KindTooLarge && s.reserved < most:
		s.keepListing(0)
		s.reserved = most
		s.enqueueList(listWaitsLarge)
	case fsio.KindOf(j.err) == fsio.KindTooLarge:
		t.fail(outcomeFailed, errListingTooLarge)
	default:
		s.keepListing(0)
		t.session.face.refuse(t, outcomeOf(j.err), j.err)
	}
}

// keepListing gives memory back but for n bytes, and lets others have it.
func (s *sender) keepListing(n int64) {
	if s.held == n {
		return
	}
	s.t.r.limiter.Give(s.t.address.use, limit.Listings, s.held-n)
	s.held = n
	s.t.r.feedListings()
}
