package limit

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// budget returns a Budget of 20,000 descriptors with changed defaults.
func budget(t rapid.TB, change func(*Limits)) *Budget {
	t.Helper()
	l := Defaults()
	if change != nil {
		change(&l)
	}
	b, err := NewBudget(l, 1, 66, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// model is what a Budget must say, by the words of the documentation.
type model struct {
	*Budget
	total, each [kinds]int64
	addresses   [3]Address
	used        [3][kinds]int64
	transfers   [3][]int64 // the descriptors of each
}

func newModel(t *rapid.T) *model {
	m := new(model)
	draw := rapid.IntRange(1, 12)
	m.Budget = budget(t, func(l *Limits) {
		for _, c := range []struct {
			k           Kind
			total, each *int
		}{
			{Sessions, &l.Sessions, &l.SessionsPerAddress},
			{Transfers, &l.Transfers, &l.TransfersPerAddress},
			{Offers, &l.Offers, &l.OffersPerAddress},
			{Sums, &l.Sums, &l.SumsPerAddress},
			{Keyless, &l.Keyless, new(int)},
			{Logins, &l.Logins, new(int)},
		} {
			*c.total, *c.each = draw.Draw(t, "total"), draw.Draw(t, "per address")
			m.total[c.k], m.each[c.k] = int64(*c.total), int64(*c.each)
		}
		l.ListingsBytes = rapid.Int64Range(10, 1000).Draw(t, "listing memory")
		m.total[Listings] = l.ListingsBytes
	})
	m.total[Descriptors] = rapid.Int64Range(0, 20).Draw(t, "descriptors")
	m.counts[Descriptors].total = m.total[Descriptors]
	m.total[LargeListings] = 2
	m.each[Logins] = 2
	for _, k := range []Kind{Descriptors, Keyless, Listings} {
		m.each[k] = 1000
	}
	return m
}

func (m *model) all(k Kind) int64 { return m.used[0][k] + m.used[1][k] + m.used[2][k] }

func (m *model) add(i int, k Kind, n int64) { m.used[i][k] += n }

// short is what an address must be told that wants n of a kind. Of a fair kind it must leave leave
// times as much to others as it has.
func (m *model) short(i int, k Kind, n, leave int64) Shortage {
	has, left := m.used[i][k]+n, m.total[k]-m.all(k)-n
	fair := k == Keyless || k == Sums || k == Listings
	switch {
	case has > m.each[k]:
		return ShortAddress
	case left < 0, fair && n > 1 && n*leave > left:
		return ShortServer
	case fair && has > 1 && has*leave > left:
		return ShortAddress
	}
	return Enough
}

func (m *model) take(t *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(t, "address")
	k := rapid.SampledFrom([]Kind{Sessions, Keyless, Sums, Listings, LargeListings}).Draw(t, "kind")
	n, large := int64(1), k == LargeListings
	if k == Listings || large {
		n = rapid.Int64Range(1, 100).Draw(t, "bytes")
	}
	var got, want Shortage
	switch {
	case large && m.all(k) == m.total[k]:
		got, want = m.TakeListing(&m.addresses[i], n, true), ShortServer
	case large:
		got, want = m.TakeListing(&m.addresses[i], n, true), m.short(i, Listings, n, 2)
	case k == Listings:
		got, want = m.TakeListing(&m.addresses[i], n, false), m.short(i, k, n, 1)
	default:
		got, want = m.Take(&m.addresses[i], k, n), m.short(i, k, n, 1)
	}
	if got != want {
		t.Fatalf("%d of kind %d for one with %d, of %d with %d used: %v, want %v", n, k,
			m.used[i][k], m.total[k], m.all(k), got, want)
	}
	if want == Enough && large {
		m.add(0, LargeListings, 1)
		k = Listings
	}
	if want == Enough {
		m.add(i, k, n)
	}
}

func (m *model) give(t *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(t, "address")
	k := rapid.SampledFrom([]Kind{Sessions, Keyless, Sums, Listings, LargeListings}).Draw(t, "kind")
	if m.used[i][k] == 0 {
		t.Skip("nothing to give")
	}
	n := rapid.Int64Range(1, m.used[i][k]).Draw(t, "amount")
	if a := &m.addresses[i]; k == LargeListings {
		m.Give(nil, k, n)
	} else {
		m.Give(a, k, n)
	}
	m.add(i, k, -n)
}

func (m *model) takeOffer(t *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(t, "address")
	n := rapid.Int64Range(1, 5).Draw(t, "descriptors")
	want := m.short(i, Offers, 1, 0)
	if want == Enough {
		want = m.short(i, Transfers, 1, 0)
	}
	if want == Enough {
		want = m.short(i, Descriptors, n, 0)
	}
	if got := m.TakeOffer(&m.addresses[i], n); got != want {
		t.Fatalf("an offer: %v, want %v", got, want)
	}
	if want == Enough {
		m.add(i, Offers, 1)
		m.add(i, Transfers, 1)
		m.add(i, Descriptors, n)
		m.transfers[i] = append(m.transfers[i], n)
	}
}

func (m *model) endOffer(t *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(t, "address")
	if m.used[i][Offers] == 0 {
		t.Skip("no offer")
	}
	full := m.used[i][Offers] == m.each[Offers]
	if waited := m.GiveOffer(&m.addresses[i]); waited != full {
		t.Fatalf("others waited: %v, want %v", waited, full)
	}
	m.add(i, Offers, -1)
}

func (m *model) endTransfer(t *rapid.T) {
	i := rapid.IntRange(0, 2).Draw(t, "address")
	if len(m.transfers[i]) <= int(m.used[i][Offers]) {
		t.Skip("no transfer without an offer")
	}
	n := m.transfers[i][0]
	m.transfers[i] = m.transfers[i][1:]
	m.GiveTransfer(&m.addresses[i], n)
	m.add(i, Transfers, -1)
	m.add(i, Descriptors, -n)
}

// A Budget gives what its limits allow and no more: a fair kind leaves as much to others. A refused
// request takes nothing, and what is given back can be taken again.
func TestBudgetKeepsItsLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"take": m.take, "give": m.give, "take offer": m.takeOffer,
			"end offer": m.endOffer, "end transfer": m.endTransfer,
			"": func(t *rapid.T) {
				for k := range kinds {
					if m.Used(k) != m.all(k) {
						t.Fatalf("%d of kind %d are used, want %d", m.Used(k), k, m.all(k))
					}
					for i := range m.used {
						got, want := m.UsedBy(&m.addresses[i], k), m.used[i][k]
						if got != want && k != LargeListings || m.Full(&m.addresses[i], k) !=
							(got >= m.counts[k].each) {
							t.Fatalf("address %d uses %d of kind %d, want %d", i, got, k, want)
						}
					}
				}
			},
		})
	})
}

// Concurrent reactors at a limit never exceed it, and nothing is lost.
func TestBudgetHoldsBetweenReactors(t *testing.T) {
	b := budget(t, func(l *Limits) { l.Sessions, l.Transfers, l.Keyless = 3, 3, 3 })
	before := b.Free(Descriptors)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 2000 {
				a := b.Hold(loopback)
				if b.TakeOffer(a, 3) == Enough {
					b.GiveOffer(a)
					if n := b.Used(Transfers); n > 3 {
						t.Errorf("%d transfers", n)
					}
					b.GiveTransfer(a, 3)
				}
				for _, k := range []Kind{Sessions, Keyless} {
					if b.Take(a, k, 1) == Enough {
						b.Give(a, k, 1)
					}
				}
				b.Release(a)
			}
		})
	}
	group.Wait()
	if text := b.InUse(); text != "" || b.Free(Descriptors) != before {
		t.Errorf("in use: %s, %d of %d descriptors are free", text, b.Free(Descriptors), before)
	}
}

// Every transfer passes through the Budget several times, so that must not allocate.
func TestBudgetDoesNotAllocate(t *testing.T) {
	b := budget(t, nil)
	a := b.Hold(loopback)
	if n := testing.AllocsPerRun(100, func() {
		b.TakeOffer(a, 3)
		b.Full(a, Transfers, Offers)
		b.GiveOffer(a)
		b.GiveTransfer(a, 3)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDescriptorsAreDivided(t *testing.T) {
	l := Defaults()
	b := budget(t, nil)
	if b.Limits.Sessions < 9_000 || b.Limits.Transfers < 2_000 {
		t.Errorf("20,000 descriptors admit %d sessions and %d transfers",
			b.Limits.Sessions, b.Limits.Transfers)
	}
	if _, err := NewBudget(l, 1, 66, 200); err == nil || !strings.Contains(err.Error(), "ulimit") {
		t.Errorf("200 descriptors: %v", err)
	}
	l.Sessions = 30_000
	if _, err := NewBudget(l, 1, 66, 20_000); err == nil ||
		!strings.Contains(err.Error(), "--max-sessions 30000") {
		t.Errorf("30,000 sessions of 20,000 descriptors: %v", err)
	}
	l.Sessions, l.Transfers = 0, 100_000
	_, err := NewBudget(l, 1, 66, 20_000)
	if err == nil || !strings.Contains(err.Error(), "--max-transfers 100000 does not fit") {
		t.Fatalf("100,000 transfers of 20,000 descriptors: %v", err)
	}
	// The number in the error fits.
	var most int
	_, after, _ := strings.Cut(err.Error(), "sessions allows ")
	_, _ = fmt.Sscan(after, &most)
	for add, fits := range map[int]bool{0: true, 1: false} {
		l.Transfers = most + add
		if _, err := NewBudget(l, 1, 66, 20_000); (err == nil) != fits || most < transfersLeast {
			t.Errorf("%d transfers of 20,000 descriptors: %v", l.Transfers, err)
		}
	}
}

// Connections without a KEY and handshakes never use descriptors that sessions and the fewest
// transfers need. A server without TLS reserves none for handshakes.
func TestKeylessHaveAShareOfDescriptors(t *testing.T) {
	for _, c := range []struct{ descriptors, sessions, keyless, handshakes, left int }{
		{20_000, 10_000, 128, 1_000, 20_000 - 10_000 - 338 - 120 - 992},
		{20_000, 10_000, 128, 0, 20_000 - 10_000 - 338 - 120},
		{20_000, 19_600, 11, 10, 59 - 2},
		{1_000, 0, 78, 61, 331 - 70 - 53},
	} {
		l := Defaults()
		l.Sessions = c.sessions
		if c.handshakes == 0 {
			l.Handshakes = 0
		}
		b, err := NewBudget(l, 1, 66, uint64(c.descriptors))
		if err != nil {
			t.Fatal(err)
		}
		if b.Limits.Keyless != c.keyless || b.Limits.Handshakes != c.handshakes ||
			b.Free(Descriptors) != int64(c.left) {
			t.Errorf("of %d descriptors, %d sessions: %d without a KEY, %d handshakes, %d left",
				c.descriptors, b.Limits.Sessions, b.Limits.Keyless, b.Limits.Handshakes,
				b.Free(Descriptors))
		}
	}
}

// By default one address has at most half of the transfers, also where descriptors are few.
func TestOneAddressLeavesTransfersToOthers(t *testing.T) {
	resolved := func(given int, descriptors uint64) Limits {
		l := Defaults()
		l.TransfersPerAddress = given
		b, err := NewBudget(l, 1, 66, descriptors)
		if err != nil {
			t.Fatal(err)
		}
		return b.Limits
	}
	for _, descriptors := range []uint64{20_000, 1000} {
		l := resolved(0, descriptors)
		if want := min(2000, l.Transfers/2); l.TransfersPerAddress != want || want == 0 {
			t.Errorf("%d descriptors: %d transfers, %d of one address", descriptors,
				l.Transfers, l.TransfersPerAddress)
		}
	}
	if l := resolved(77, 1000); l.TransfersPerAddress != 77 {
		t.Errorf("77 was given, and %d is used", l.TransfersPerAddress)
	}
}
