package reactor

import (
	"errors"
	"slices"
	"sync/atomic"

	"ferry/codec"
	"ferry/fsio"
)

// A listing is held in memory from when it is built until the socket has taken its last byte. What
// all of them hold is bounded: a listing is built once the memory that it may need has been taken
// from a budget, and keeps what its text occupies.
const (
	// listingFirst is what a listing asks for first, in bytes: most are far smaller. One that turns
	// out larger is built anew with room for the largest allowed.
	listingFirst = 256 << 10
	// listingsLarge is how many of those that turned out larger are built at once: to build one
	// takes a few times the memory of its text.
	listingsLarge = 2
	// listingStalls is within how many stall timeouts a listing must be read whole. At the lowest
	// rate of a transfer a few clients would keep the memory from everybody else for days.
	listingStalls = 10
)

// listings counts the memory that listings hold, in bytes, and how many large ones are being built.
type listings struct {
	bytes atomic.Int64
	large atomic.Int64
	// wanted is set while listings of some reactor wait for others to end.
	wanted atomic.Bool
}

// takeListing takes memory for a listing, or says what it must wait for. Of the budget an address
// has half, so that it leaves room for others.
func (l *limiter) takeListing(u *usage, n int64, large bool) shortage {
	if !takeBytes(&u.listings, n, l.limits.ListingsBytes/2) {
		return shortAddress
	}
	if takeBytes(&l.listings.bytes, n, l.limits.ListingsBytes) {
		if !large || take(&l.listings.large, listingsLarge) {
			return shortNothing
		}
		l.listings.bytes.Add(-n)
	}
	u.listings.Add(-n)
	return shortServer
}

// takeBytes adds n to a count unless it would pass its limit.
func takeBytes(count *atomic.Int64, n, limit int64) bool {
	if count.Add(n) <= limit {
		return true
	}
	count.Add(-n)
	return false
}

func (l *limiter) giveListing(u *usage, n int64) {
	u.listings.Add(-n)
	l.listings.bytes.Add(-n)
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
	r.list(t)
}

// list builds a listing once there is memory for it and no earlier one waits for the same. One that
// has been built once, and was too large, keeps its turn.
func (r *reactor) list(t *transfer) {
	t.send.waits = true
	at := len(r.listing)
	if t.send.large {
		small := func(o *transfer) bool { return !o.send.large }
		if i := slices.IndexFunc(r.listing, small); i >= 0 {
			at = i
		}
	}
	r.listing = slices.Insert(r.listing, at, t)
	r.serveListings()
}

// serveListings builds those of the waiting listings for which there is memory now. None goes
// before an earlier one that could use the same memory.
func (r *reactor) serveListings() {
	waiting := r.listing
	r.listing = r.listing[:0]
	var full []*usage // addresses that have all they may hold
	server := false   // so has the server
	for _, t := range waiting {
		u := t.address.use
		if !server && !slices.Contains(full, u) {
			short := r.takeListing(t)
			if short == shortNothing {
				t.send.waits = false
				r.submit(t, jobList)
				continue
			}
			server = short == shortServer
			full = append(full, u)
		}
		r.listing = append(r.listing, t)
	}
	clear(waiting[len(r.listing):])
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
	t.send.waits = false
	r.listing = slices.DeleteFunc(r.listing, func(o *transfer) bool { return o == t })
}

// built lets another large listing be built. It follows the work, whatever became of the transfer.
func (r *reactor) built(t *transfer) {
	if t.send.large {
		t.send.large = false
		r.limiter.listings.large.Add(-1)
	}
}

// errListingTooLarge is a folder with more names than --max-listing takes.
var errListingTooLarge = &refusal{
	codec.CodeTooLarge, "the listing is larger than allowed (--max-listing)",
}

// errListingsFull is a listing that found no memory within the stall timeout.
var errListingsFull = errors.New("other listings held all memory for them")

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
	if r.limiter.listings.wanted.Swap(false) {
		r.server.feedAll()
	}
}
