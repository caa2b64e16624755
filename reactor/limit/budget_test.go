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

// A refused request takes nothing, and everything taken can be given back.
func TestBudgetBalances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l Limits
		b := budget(t, func(to *Limits) {
			for name, p := range map[string]*int{
				"sessions": &to.Sessions, "sessions per address": &to.SessionsPerAddress,
				"transfers": &to.Transfers, "transfers per address": &to.TransfersPerAddress,
				"offers": &to.Offers, "offers per address": &to.OffersPerAddress,
			} {
				*p = rapid.IntRange(1, 5).Draw(t, name)
			}
			l = *to
		})
		room := rapid.Int64Range(0, 20).Draw(t, "descriptors")
		b.counts[Descriptors].total = room
		type held struct {
			sessions, offers int
			transfers        []int64 // with so many descriptors each
		}
		var addresses [2]Address
		var have [2]held
		var open int64
		which := rapid.IntRange(0, 1)
		t.Repeat(map[string]func(*rapid.T){
			"take offer": func(t *rapid.T) {
				i := which.Draw(t, "address")
				n := rapid.Int64Range(1, 5).Draw(t, "descriptors")
				want := Enough
				switch h := have[i]; {
				case h.offers == l.OffersPerAddress:
					want = ShortAddress
				case have[0].offers+have[1].offers == l.Offers:
					want = ShortServer
				case len(h.transfers) == l.TransfersPerAddress:
					want = ShortAddress
				case len(have[0].transfers)+len(have[1].transfers) == l.Transfers, open+n > room:
					want = ShortServer
				}
				if got := b.TakeOffer(&addresses[i], n); got != want {
					t.Fatalf("got %v, want %v", got, want)
				}
				if want == Enough {
					have[i].offers++
					have[i].transfers = append(have[i].transfers, n)
					open += n
				}
			},
			"end offer": func(t *rapid.T) {
				h, a := &have[which.Draw(t, "address")], &addresses[0]
				if a = &addresses[1]; h == &have[0] {
					a = &addresses[0]
				}
				if h.offers == 0 {
					t.Skip("no offer")
				}
				if waited := b.GiveOffer(a); waited != (h.offers == l.OffersPerAddress) {
					t.Fatalf("others waited: %v", waited)
				}
				h.offers--
			},
			"end transfer": func(t *rapid.T) {
				i := which.Draw(t, "address")
				h := &have[i]
				if len(h.transfers) == h.offers {
					t.Skip("no transfer without an offer")
				}
				b.GiveTransfer(&addresses[i], h.transfers[0])
				open -= h.transfers[0]
				h.transfers = h.transfers[1:]
			},
			"take session": func(t *rapid.T) {
				i := which.Draw(t, "address")
				want := have[i].sessions < l.SessionsPerAddress &&
					have[0].sessions+have[1].sessions < l.Sessions
				if got := b.Take(&addresses[i], Sessions, 1) == Enough; got != want {
					t.Fatalf("got %v, want %v", got, want)
				}
				if want {
					have[i].sessions++
				}
			},
			"end session": func(t *rapid.T) {
				i := which.Draw(t, "address")
				if have[i].sessions == 0 {
					t.Skip("no session")
				}
				b.Give(&addresses[i], Sessions, 1)
				have[i].sessions--
			},
			"": func(t *rapid.T) {
				if b.Free(Descriptors) != room-open {
					t.Fatalf("%d descriptors are free of %d, %d are open", b.Free(Descriptors), room,
						open)
				}
				for _, c := range []struct {
					k    Kind
					have func(h held) int
				}{
					{Sessions, func(h held) int { return h.sessions }},
					{Offers, func(h held) int { return h.offers }},
					{Transfers, func(h held) int { return len(h.transfers) }},
				} {
					all := int64(0)
					for i := range have {
						n := int64(c.have(have[i]))
						all += n
						if got := b.UsedBy(&addresses[i], c.k); got != n {
							t.Fatalf("address %d uses %d of kind %d, want %d", i, got, c.k, n)
						}
					}
					if got := b.Used(c.k); got != all {
						t.Fatalf("%d of kind %d are used, want %d", got, c.k, all)
					}
				}
			},
		})
	})
}

// With a fair kind, an address never takes more than it leaves to others, except one; an address
// that has nothing gets one whenever there is one.
func TestFairKindsLeaveAsMuchToOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(1, 40).Draw(t, "total")
		b := budget(t, func(l *Limits) { l.Keyless, l.Sums, l.SumsPerAddress = total, total, 16 })
		k := rapid.SampledFrom([]Kind{Keyless, Sums}).Draw(t, "kind")
		most := map[Kind]int64{Keyless: int64(total), Sums: 16}[k]
		var addresses [5]Address
		var used [5]int64
		var all int64
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				i := rapid.IntRange(0, 4).Draw(t, "address")
				n, left := used[i]+1, int64(total)-all-1
				want := n <= most && left >= 0 && (n == 1 || n <= left)
				if got := b.Take(&addresses[i], k, 1); (got == Enough) != want {
					t.Fatalf("with %d used, %d by others, of %d: %v", used[i], all-used[i], total, got)
				} else if left < 0 && n <= most && got != ShortServer {
					t.Fatalf("the server has none left: %v", got)
				}
				if want {
					used[i], all = n, all+1
				}
			},
			"give": func(t *rapid.T) {
				i := rapid.IntRange(0, 4).Draw(t, "address")
				if used[i] == 0 {
					t.Skip("nothing to give")
				}
				b.Give(&addresses[i], k, 1)
				used[i]--
				all--
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
	if b.Free(Descriptors) != before || b.Addresses() != 0 {
		t.Errorf("%d of %d descriptors are free, %d addresses held", b.Free(Descriptors), before,
			b.Addresses())
	}
	for k := range kinds {
		if n := b.Used(k); n != 0 {
			t.Errorf("%d of kind %d are used", n, k)
		}
	}
}

// A transfer passes through the Budget four times, so that must not allocate.
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

// Connections without a KEY never use descriptors that sessions and the fewest transfers need.
func TestKeylessHaveAShareOfDescriptors(t *testing.T) {
	for _, c := range []struct{ descriptors, sessions, keyless, left int }{
		{20_000, 10_000, 128, 20_000 - 10_000 - 338 - 120},
		{20_000, 19_600, 11, 59},
		{1_000, 0, 78, 331 - 70},
	} {
		l := Defaults()
		l.Sessions = c.sessions
		b, err := NewBudget(l, 1, 66, uint64(c.descriptors))
		if err != nil {
			t.Fatal(err)
		}
		if b.Limits.Keyless != c.keyless || b.Free(Descriptors) != int64(c.left) {
			t.Errorf("of %d descriptors, %d sessions: %d without a KEY, %d left", c.descriptors,
				b.Limits.Sessions, b.Limits.Keyless, b.Free(Descriptors))
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

// An address uses as much memory for listings as it leaves to others, and for large ones half of
// that, so that small listings are always possible. Two large listings are built at a time.
func TestListingsOfAnAddressLeaveMemoryForOthers(t *testing.T) {
	const small, large = 256 << 10, 16 << 20
	for _, kind := range []struct {
		n    int64
		want []int64 // what each address holds in the end
	}{
		{small, []int64{64 << 20, 32 << 20, 16 << 20, 8 << 20}},
		{large, []int64{32 << 20, 16 << 20, 16 << 20, 16 << 20, 0}},
	} {
		b := budget(t, nil)
		for i, want := range kind.want {
			a := new(Address)
			for b.TakeListing(a, kind.n, kind.n == large) == Enough {
				if kind.n == large {
					b.Give(nil, LargeListings, 1) // it was built
				}
			}
			if held := b.UsedBy(a, Listings); held != want {
				t.Errorf("address %d holds %d bytes of listings of %d, want %d", i, held, kind.n, want)
			}
			if short := b.TakeListing(a, small, false); kind.n == large && short != Enough {
				t.Errorf("address %d with large listings has no small one: %v", i, short)
			}
		}
		if n := b.Used(LargeListings); n != 0 {
			t.Errorf("%d large listings are being built", n)
		}
	}
	b := budget(t, nil)
	for i, want := range []Shortage{Enough, Enough, ShortServer} {
		if got := b.TakeListing(new(Address), 1<<20, true); got != want {
			t.Errorf("large listing %d at once: %v, want %v", i, got, want)
		}
	}
}
