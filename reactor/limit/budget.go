package limit

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Kind is something that a Budget counts.
type Kind uint8

// What a Budget counts. Listings and Announced are in bytes.
const (
	Sessions Kind = iota
	Transfers
	Offers // transfers without a data connection yet
	Descriptors
	Keyless // data connections that have not sent their KEY
	Listings
	LargeListings // being built; not counted per address
	Sums
	Pipes     // not counted per address
	Announced // bytes reserved for running uploads, see space.go
	kinds
)

// Shortage says why something cannot be taken.
type Shortage uint8

const (
	// Enough: it was taken.
	Enough Shortage = iota
	// ShortAddress: the address has all that it may have.
	ShortAddress
	// ShortServer: the server has nothing left, or too little even for an address with nothing.
	ShortServer
)

// count is one kind: how much there is, how much of it one address may have, and how much is in use.
type count struct {
	total, each int64
	// fair limits an address to what it leaves to others.
	fair bool
	used int64
}

// share is how much an address may have of what others leave, of the given number of parts. With two
// parts one address has at most half, and a second one half of the rest. One is always allowed.
func share(left, parts int64) int64 { return max(1, left/parts) }

// fairParts is the usual number of parts: an address may have as much as it leaves to others.
const fairParts = 2

// Budget counts what all reactors use. Its methods may be called from any goroutine.
type Budget struct {
	// Limits are the limits in force. They do not change.
	Limits Limits
	// Rates bound how fast sessions are opened.
	Rates *Rates
	// Starved is set while a reactor waits for Offers, Transfers or Descriptors, ListingsWanted while
	// one waits for Listings.
	Starved, ListingsWanted atomic.Bool

	mu        sync.Mutex
	counts    [kinds]count
	addresses map[netip.Addr]*Address
}

// Address is what one client address uses, over all reactors. The addresses of an IPv6 network
// share one, see Network. All fields are guarded by Budget.mu.
type Address struct {
	network netip.Addr
	used    [kinds]int64
	// announced is what its uploads have announced and not yet written. used[Announced] is the part
	// of it that is reserved.
	announced int64
	holders   int
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
	return full || b.Starved.Load()
}

// GiveTransfer follows the end of a transfer.
func (b *Budget) GiveTransfer(a *Address, descriptors int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.add(a, Transfers, -1)
	b.add(a, Descriptors, -descriptors)
}

// largeParts is the number of parts for large listings: two of three stay with others, so that
// there is always memory for small listings, also for an address with large ones.
const largeParts = 3

// TakeListing takes memory for a listing. For a large one, which is to be built anew, it takes one
// of LargeListings as well; give that back once it is built.
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

// Descriptors: a transfer takes its descriptors before its port is told, and waits if there are too
// few of them.
const (
	// descriptorsSpare is for short-lived descriptors (connections that are closed at once, folders
	// being listed) and for the process itself.
	descriptorsSpare = 128
	// descriptorsPerReactor is what an event loop and a watcher open.
	descriptorsPerReactor = 16
	// DescriptorsEach is the most that a transfer has open: the data socket and, to send, the file
	// and briefly the path that was checked; to receive, the temporary file and its folder. Pipes
	// are counted separately.
	DescriptorsEach = 3
	// DescriptorsPart is the same for a piece of a part: the data socket, the part, its folder and
	// the folder of part ids.
	DescriptorsPart = 4
	// keylessLeast is how many connections without a KEY descriptorsSpare has room for.
	keylessLeast = 8
	// transfersLeast is the fewest concurrent transfers that make a server.
	transfersLeast = 16
)

const (
	// pipes of 1 MiB: Linux grants an ordinary user 64 of that size (pipe-user-pages-soft, 16,384
	// pages). Uploads without a pipe are read and written.
	pipesTotal = 64
	// largeListings are built at once, since building takes a few times the memory of the text.
	largeListings = 2
)

// Defaults for what Limits leave to the Budget.
const (
	// sessionsAuto is 9,000 concurrent clients and a reserve.
	sessionsAuto = 10_000
	// transfersPerAddressAuto leaves room for others when clients at one address read slowly.
	transfersPerAddressAuto = 2_000
)

// NewBudget divides the descriptors that this process may open, and resolves limits of 0. The error
// names the limit that does not fit.
func NewBudget(l Limits, reactors, ports int, descriptors uint64) (*Budget, error) {
	fixed := int64(descriptorsSpare + 2*pipesTotal + reactors*descriptorsPerReactor + ports)
	free := int64(min(descriptors, 1<<30)) - fixed
	least := int64(transfersLeast * DescriptorsEach)
	if free < least+1 {
		return nil, fmt.Errorf("this process may open %d descriptors, at least %d are needed: "+
			"raise the limit (ulimit -n) or lower --data-ports", descriptors, fixed+least+1)
	}
	if l.Sessions == 0 {
		l.Sessions = int(min(sessionsAuto, free/2))
	}
	if most := free - least; int64(l.Sessions) > most {
		return nil, fmt.Errorf("--max-sessions %d does not fit: this process may open %d "+
			"descriptors, which allows %d; lower it or raise the limit (ulimit -n)",
			l.Sessions, descriptors, most)
	}
	left := free - int64(l.Sessions)
	// Connections without a KEY get up to a quarter of what sessions and the fewest transfers leave.
	extra := max(0, min(int64(l.Keyless)-keylessLeast, (left-least)/4))
	l.Keyless = int(min(int64(l.Keyless), keylessLeast+extra))
	left -= extra
	if l.Transfers == 0 {
		l.Transfers = int(left / DescriptorsEach)
	}
	if most := left / DescriptorsEach; int64(l.Transfers) > most {
		return nil, fmt.Errorf("--max-transfers %d does not fit: this process may open %d "+
			"descriptors, which beside %d sessions allows %d; lower it or --max-sessions, or "+
			"raise the limit (ulimit -n)", l.Transfers, descriptors, l.Sessions, most)
	}
	if l.TransfersPerAddress == 0 {
		l.TransfersPerAddress = max(min(transfersPerAddressAuto, l.Transfers/2), 1)
	}
	if l.Offers == 0 {
		l.Offers = l.Transfers
	}
	b := &Budget{
		Limits:    l,
		Rates:     NewRates(l.SessionRate, l.SessionsPerAddress),
		addresses: make(map[netip.Addr]*Address),
	}
	const any = math.MaxInt64
	b.counts = [kinds]count{
		Sessions:      {total: int64(l.Sessions), each: int64(l.SessionsPerAddress)},
		Transfers:     {total: int64(l.Transfers), each: int64(l.TransfersPerAddress)},
		Offers:        {total: int64(l.Offers), each: int64(l.OffersPerAddress)},
		Descriptors:   {total: left, each: any},
		Keyless:       {total: int64(l.Keyless), each: any, fair: true},
		Listings:      {total: l.ListingsBytes, each: any, fair: true},
		LargeListings: {total: largeListings, each: any},
		Sums:          {total: int64(l.Sums), each: int64(l.SumsPerAddress), fair: true},
		Pipes:         {total: pipesTotal, each: any},
		Announced:     {total: any, each: any},
	}
	return b, nil
}
