package limit

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Kind is something that a Budget counts.
type Kind uint8

// The kinds. Listings, Announced and Reserved are in bytes. LargeListings and Pipes are not counted
// per address.
const (
	Sessions Kind = iota
	Transfers
	Offers // transfers without a data connection yet
	Descriptors
	Keyless    // data connections that have not sent their KEY
	Handshakes // of TLS, under way
	Listings
	LargeListings // that are being built
	Sums
	Logins // passwords that are checked, or wait for that
	Pipes
	Announced // by running uploads, and not yet written
	Reserved  // the part of it that is kept free, see space.go
	kinds
)

// Shortage says why something cannot be taken.
type Shortage uint8

// What Take can answer.
const (
	Enough       Shortage = iota // It was taken.
	ShortAddress                 // The address has all that it may have.
	ShortServer                  // The server has too little left for any address.
)

// count is one kind: how much there is, how much of it one address may have, and how much is used.
type count struct {
	total, each, used int64
	// fair limits an address to what it leaves to others.
	fair bool
}

// share is how much an address may have of what others leave: one of so many parts, at least 1.
func share(left, parts int64) int64 { return max(1, left/parts) }

const (
	// fairParts give one address at most half, a second one half of the rest, and so on.
	fairParts = 2
	// largeParts are for large listings. Two of three stay with others, so that there is always
	// memory for small listings, also for an address that has large ones.
	largeParts = 3
)

// Budget counts what all reactors use. Its methods may be called from any goroutine.
type Budget struct {
	// Limits are the limits in force. They do not change.
	Limits Limits
	// Rates bound how fast sessions are opened.
	Rates *Rates
	// CapacityWanted is set while a reactor waits for Offers, Transfers or Descriptors,
	// ListingsWanted while one waits for Listings.
	CapacityWanted, ListingsWanted atomic.Bool

	mu        sync.Mutex
	counts    [kinds]count
	addresses map[netip.Addr]*Address
}

// Address is what one client address uses, over all reactors. The addresses of an IPv6 network
// share one, see Network. All fields are guarded by Budget.mu.
type Address struct {
	network netip.Addr
	used    [kinds]int64
	holders int
}

// Hold returns the record of an address. The caller releases it.
func (b *Budget) Hold(ip netip.Addr) *Address {
	network := Network(ip)
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.addresses[network]
	if a == nil {
		a = &Address{network: network}
		b.addresses[network] = a
	}
	a.holders++
	return a
}

// Release ends a Hold.
func (b *Budget) Release(a *Address) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.holders--; a.holders == 0 {
		delete(b.addresses, a.network)
	}
}

// Addresses is the number of addresses that are held.
func (b *Budget) Addresses() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.addresses)
}

// Take takes n of a kind, or says what is short and takes nothing. The address may be nil for what
// is not counted per address.
func (b *Budget) Take(a *Address, k Kind, n int64) Shortage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.take(a, k, n, fairParts)
}

func (b *Budget) take(a *Address, k Kind, n, parts int64) Shortage {
	c := &b.counts[k]
	var has int64
	if a != nil {
		has = a.used[k]
	}
	left := c.total - c.used
	switch {
	case has+n > c.each:
		return ShortAddress
	case n > left, c.fair && n > share(left, parts):
		return ShortServer
	case c.fair && has+n > share(left+has, parts):
		return ShortAddress
	}
	b.add(a, k, n)
	return Enough
}

func (b *Budget) add(a *Address, k Kind, n int64) {
	b.counts[k].used += n
	if a != nil {
		a.used[k] += n
	}
}

// Give returns n of a kind.
func (b *Budget) Give(a *Address, k Kind, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(a, k, -n)
}

// TakeOffer takes an offer, its transfer and the transfer's descriptors.
func (b *Budget) TakeOffer(a *Address, descriptors int64) Shortage {
	b.mu.Lock()
	defer b.mu.Unlock()
	needs := [...]struct {
		k Kind
		n int64
	}{{Offers, 1}, {Transfers, 1}, {Descriptors, descriptors}}
	for i, need := range needs {
		if short := b.take(a, need.k, need.n, fairParts); short != Enough {
			for _, taken := range needs[:i] {
				b.add(a, taken.k, -taken.n)
			}
			return short
		}
	}
	return Enough
}

// GiveOffer follows the end of an offer and reports whether someone may wait for that. Its transfer
// goes on.
func (b *Budget) GiveOffer(a *Address) (waited bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	full := a.used[Offers] == b.counts[Offers].each
	b.add(a, Offers, -1)
	return full || b.CapacityWanted.Load()
}

// GiveTransfer follows the end of a transfer.
func (b *Budget) GiveTransfer(a *Address, descriptors int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(a, Transfers, -1)
	b.add(a, Descriptors, -descriptors)
}

// TakeListing takes memory for a listing. For a large one it takes one of LargeListings as well,
// which is given back once the listing is built.
func (b *Budget) TakeListing(a *Address, n int64, large bool) Shortage {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !large {
		return b.take(a, Listings, n, fairParts)
	}
	if b.take(nil, LargeListings, 1, fairParts) != Enough {
		return ShortServer
	}
	short := b.take(a, Listings, n, largeParts)
	if short != Enough {
		b.add(nil, LargeListings, -1)
	}
	return short
}

// Full reports whether an address has all it may have of one of these kinds.
func (b *Budget) Full(a *Address, of ...Kind) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range of {
		if a.used[k] >= b.counts[k].each {
			return true
		}
	}
	return false
}

// Used is how much of a kind is in use.
func (b *Budget) Used(k Kind) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts[k].used
}

// UsedBy is how much of a kind an address uses.
func (b *Budget) UsedBy(a *Address, k Kind) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return a.used[k]
}

// Free is how much of a kind is left.
func (b *Budget) Free(k Kind) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts[k].total - b.counts[k].used
}

// InUse lists what is in use except pipes and addresses, for tests: "" if that is nothing.
func (b *Budget) InUse() (text string) {
	for k := range kinds {
		if n := b.Used(k); n != 0 && k != Pipes {
			text += fmt.Sprintf("%d of kind %d, ", n, k)
		}
	}
	return text
}
