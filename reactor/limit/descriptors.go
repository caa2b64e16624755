package limit

import (
	"fmt"
	"math"
	"net/netip"
)

// A transfer takes its descriptors before its port is told, and waits if there are too few.
const (
	// DescriptorsEach is the most that a transfer has open: the data socket and, to send, the file
	// and briefly the path that was checked; to receive, the temporary file and its folder. Pipes
	// are counted separately.
	DescriptorsEach = 3
	// DescriptorsPart is the same for a piece of a part: the data socket, the part, its folder and
	// the folder of part ids.
	DescriptorsPart = 4
	// descriptorsSpare is for short-lived descriptors (connections that are closed at once, folders
	// being listed) and for the process itself.
	descriptorsSpare = 128
	// descriptorsPerReactor is what an event loop and a watcher open.
	descriptorsPerReactor = 16
	// keylessLeast is how many connections without a KEY descriptorsSpare has room for, and as many
	// in a handshake.
	keylessLeast = 8
	// transfersLeast is the fewest concurrent transfers that make a server.
	transfersLeast = 16
	// pipesTotal is what Linux grants an ordinary user of pipes of 1 MiB (pipe-user-pages-soft,
	// 16,384 pages). Uploads without a pipe are read and written.
	pipesTotal = 64
	// loginsEach has one password of an address checked while another waits.
	loginsEach = 2
	// largeListings are built at once, since that takes a few times the memory of the text.
	largeListings = 2
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
	// Connections without a KEY get up to a quarter of what sessions and transfersLeast leave, and
	// handshakes, most of which have a descriptor elsewhere, up to a quarter of the rest.
	for _, n := range []*int{&l.Keyless, &l.Handshakes} {
		extra := max(0, min(int64(*n)-keylessLeast, (left-least)/4))
		*n = int(min(int64(*n), keylessLeast+extra))
		left -= extra
	}
	if l.Transfers == 0 {
		l.Transfers = int(left / DescriptorsEach)
	}
	if most := left / DescriptorsEach; int64(l.Transfers) > most {
		return nil, fmt.Errorf("--max-transfers %d does not fit: this process may open %d "+
			"descriptors, which with %d sessions allows %d; lower it or --max-sessions, or "+
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
	const all = math.MaxInt64
	b.counts = [kinds]count{
		Sessions:      {total: int64(l.Sessions), each: int64(l.SessionsPerAddress)},
		Transfers:     {total: int64(l.Transfers), each: int64(l.TransfersPerAddress)},
		Offers:        {total: int64(l.Offers), each: int64(l.OffersPerAddress)},
		Descriptors:   {total: left, each: all},
		Keyless:       {total: int64(l.Keyless), each: all, fair: true},
		Handshakes:    {total: int64(l.Handshakes), each: all, fair: true},
		Listings:      {total: l.ListingsBytes, each: all, fair: true},
		LargeListings: {total: largeListings, each: all},
		Sums:          {total: int64(l.Sums), each: int64(l.SumsPerAddress), fair: true},
		Logins:        {total: int64(l.Logins), each: loginsEach},
		Pipes:         {total: pipesTotal, each: all},
		Announced:     {total: all, each: all},
		Reserved:      {total: all, each: all},
	}
	return b, nil
}
