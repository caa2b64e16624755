//go:build linux && !ferryportable

package reactor

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// What is taken is given back, whatever was refused in between.
func TestLimitsBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := DefaultOptions().Limits
		l.Sessions = rapid.IntRange(1, 5).Draw(t, "sessions")
		l.SessionsPerAddress = rapid.IntRange(1, 5).Draw(t, "sessions an address")
		l.Transfers = rapid.IntRange(1, 5).Draw(t, "transfers")
		l.TransfersPerAddress = rapid.IntRange(1, 5).Draw(t, "transfers an address")
		lim, err := newLimiter(l, 1, 0, 100_000)
		check2(t, err)
		room := rapid.Int64Range(0, 20).Draw(t, "descriptors")
		lim.descriptors.Store(room)
		uses := [2]*usage{{}, {}}
		var transfers, sessions [2]int64
		var held int64
		which := rapid.IntRange(0, 1)
		t.Repeat(map[string]func(*rapid.T){
			"take transfer": func(t *rapid.T) {
				i := which.Draw(t, "address")
				n := rapid.Int64Range(1, 5).Draw(t, "descriptors")
				want := shortNothing
				switch {
				case transfers[i] == int64(l.TransfersPerAddress):
					want = shortAddress
				case transfers[0]+transfers[1] == int64(l.Transfers), held+n > room:
					want = shortServer
				}
				if got := lim.takeTransfer(uses[i], n); got != want {
					t.Fatalf("got %v, want %v", got, want)
				}
				if want != shortNothing {
					return
				}
				transfers[i]++
				held += n
				if rapid.Bool().Draw(t, "give") {
					lim.giveTransfer(uses[i], n)
					transfers[i]--
					held -= n
				}
			},
			"take session": func(t *rapid.T) {
				i := which.Draw(t, "address")
				want := sessions[i] < int64(l.SessionsPerAddress) &&
					sessions[0]+sessions[1] < int64(l.Sessions)
				if got := lim.takeSession(uses[i]); got != want {
					t.Fatalf("got %v, want %v", got, want)
				}
				if want {
					sessions[i]++
				}
			},
			"give session": func(t *rapid.T) {
				if i := which.Draw(t, "address"); sessions[i] > 0 {
					lim.giveSession(uses[i])
					sessions[i]--
				}
			},
			"": func(t *rapid.T) {
				if lim.descriptors.Load() != room-held ||
					lim.transfers.Load() != transfers[0]+transfers[1] ||
					lim.sessions.Load() != sessions[0]+sessions[1] {
					t.Fatal("the counts of the server are off")
				}
				for i, u := range uses {
					if u.transfers.Load() != transfers[i] || u.sessions.Load() != sessions[i] {
						t.Fatal("the counts of an address are off")
					}
				}
			},
		})
	})
}

func check2(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Two reactors at a limit: neither takes more than there is, and nothing is lost.
func TestLimitsHoldBetweenReactors(t *testing.T) {
	l := DefaultOptions().Limits
	l.Sessions, l.Transfers = 3, 3
	lim, err := newLimiter(l, 2, 0, 100_000)
	check(t, err)
	before := lim.descriptors.Load()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 2000 {
				u := lim.hold(loopback)
				if lim.takeTransfer(u, 3) == shortNothing {
					if lim.transfers.Load() > 7 { // three, and one that each other tries
						t.Error("too many transfers")
					}
					lim.giveTransfer(u, 3)
				}
				if lim.takeSession(u) {
					lim.giveSession(u)
				}
				lim.release(loopback, u)
			}
		})
	}
	group.Wait()
	if lim.descriptors.Load() != before || lim.transfers.Load() != 0 || lim.sessions.Load() != 0 ||
		len(lim.addresses) != 0 {
		t.Error("the counts are off")
	}
}

func TestDescriptorsAreDivided(t *testing.T) {
	l := DefaultOptions().Limits
	lim, err := newLimiter(l, 1, 66, 20_000)
	check(t, err)
	if lim.limits.Sessions < 9_000 || lim.limits.Transfers < 2_000 {
		t.Errorf("20,000 descriptors admit %d sessions and %d transfers",
			lim.limits.Sessions, lim.limits.Transfers)
	}
	if _, err := newLimiter(l, 1, 66, 200); err == nil || !strings.Contains(err.Error(), "ulimit") {
		t.Errorf("200 descriptors: %v", err)
	}
	l.Sessions = 30_000
	if _, err := newLimiter(l, 1, 66, 20_000); err == nil ||
		!strings.Contains(err.Error(), "--max-sessions 30000") {
		t.Errorf("30,000 sessions of 20,000 descriptors: %v", err)
	}
	l.Sessions, l.Transfers = 0, 100_000
	_, err = newLimiter(l, 1, 66, 20_000)
	if err == nil || !strings.Contains(err.Error(), "--max-transfers 100000 does not fit") {
		t.Fatalf("100,000 transfers of 20,000 descriptors: %v", err)
	}
	// What it says does fit.
	var most int
	_, after, _ := strings.Cut(err.Error(), "sessions allows ")
	_, _ = fmt.Sscan(after, &most)
	for add, fits := range map[int]bool{0: true, 1: false} {
		l.Transfers = most + add
		if _, err := newLimiter(l, 1, 66, 20_000); (err == nil) != fits || most < transfersMin {
			t.Errorf("%d transfers of 20,000 descriptors: %v", l.Transfers, err)
		}
	}
}

// An address holds so many offers and no more, whatever exchange they are of; one that is taken, or
// ends, lets the next have its turn.
func TestOffersOfAnAddressAreLimited(t *testing.T) {
	o := testOptions(t.TempDir())
	o.Limits.OffersPerAddress = 2
	s := stages(t, 1, o)[0]
	defer s.close()
	var crowd []*fakeConn
	var ports []uint16
	for range 4 {
		c := s.open("10.0.0.1")
		s.say(c, "foo")
		crowd = append(crowd, c)
	}
	other := s.open("10.0.0.2")
	s.say(other, "foo")
	port := other.told()
	if port == 0 {
		t.Fatal("another address was not served")
	}
	s.take(port, "10.0.0.2")
	for i, c := range crowd {
		if ports = append(ports, c.told()); (ports[i] != 0) != (i < 2) {
			t.Fatalf("client %d was told port %d", i, ports[i])
		}
	}
	fd := s.meetAt(ports[0], "10.0.0.1") // it moves, and counts no more
	if ports[2] = crowd[2].told(); ports[2] == 0 || crowd[3].told() != 0 {
		t.Fatal("the third did not have its turn, or the fourth had")
	}
	s.advance(o.Limits.OfferTimeout)
	if ports[3] = crowd[3].told(); ports[3] == 0 {
		t.Fatal("the fourth did not have its turn")
	}
	check(t, unix.Close(fd))
	s.take(ports[3], "10.0.0.1")
	for _, c := range append(crowd, other) {
		s.hang(c)
	}
	s.advance(o.Limits.LeaseRest)
	if len(s.limiter.addresses) != 0 || len(s.addresses) != 0 {
		t.Error("an address is still known")
	}
}

// What one address of an IPv6 network gives back goes to the others of it that wait for a limit,
// which counts them together.
func TestAddressesOfANetworkShareLimits(t *testing.T) {
	for name, limit := range map[string]func(*Limits){
		"offers":    func(l *Limits) { l.OffersPerAddress = 1 },
		"transfers": func(l *Limits) { l.TransfersPerAddress = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t.TempDir())
			limit(&o.Limits)
			s := stages(t, 1, o)[0]
			defer s.close()
			from := []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"}
			var crowd []*fakeConn
			for _, ip := range from {
				crowd = append(crowd, s.open(ip))
				s.say(crowd[len(crowd)-1], "foo")
			}
			other := s.open("2001:db8:0:1::1")
			s.say(other, "foo")
			s.settle() // its turn is behind those who wait, and comes though they wait on
			port := other.told()
			if port == 0 {
				t.Fatal("another network was not served")
			}
			s.take(port, "2001:db8:0:1::1")
			// The first of them takes its offer, the second lets it lapse.
			port = crowd[0].told()
			if port == 0 || crowd[1].told() != 0 || crowd[2].told() != 0 {
				t.Fatal("not one of the network was served")
			}
			s.take(port, from[0])
			if crowd[1].told() == 0 || crowd[2].told() != 0 {
				t.Fatal("the second waits for what the first gave back, or the third does not")
			}
			s.advance(o.Limits.OfferTimeout)
			if port = crowd[2].told(); port == 0 {
				t.Fatal("the third waits for what the second gave back")
			}
			s.take(port, from[2])
			for _, c := range append(crowd, other) {
				s.hang(c)
			}
			s.advance(o.Limits.LeaseRest)
			if len(s.limiter.addresses) != 0 || len(s.addresses) != 0 || len(s.starving) != 0 {
				t.Error("an address is still known")
			}
		})
	}
}

// An address that two reactors know is given up by each of them once.
func TestAddressIsForgottenOnce(t *testing.T) {
	o := testOptions(t.TempDir())
	o.DataPorts.Count = 1
	both := stages(t, 2, o)
	a, b := both[0], both[1]
	defer a.close()
	other := b.open("127.0.0.1")
	first, second := a.open("127.0.0.1"), a.open("127.0.0.1")
	a.say(first, "foo")
	a.say(second, "foo") // waits for the one port
	a.take(first.told(), "127.0.0.1")
	a.say(first, "foo") // so does this one
	port := second.told()
	a.hang(second)
	a.take(port, "127.0.0.1")
	third := first.told()
	a.take(third, "127.0.0.1")
	// The last of the address's sessions goes while its command waits.
	a.limiter.limits.TransfersPerAddress = 0
	a.say(first, "foo")
	a.starving = a.starving[:0]
	a.addressOf(loopback).line(poolData).starved = false
	a.hang(first)
	if len(a.addresses) != 0 {
		t.Fatal("the address is still known")
	}
	if u := a.limiter.addresses[netip.MustParseAddr("127.0.0.1")]; u == nil || u.holders != 1 {
		t.Errorf("the other reactor's hold is %+v", u)
	}
	b.hang(other)
	if len(a.limiter.addresses) != 0 {
		t.Error("the address is still held")
	}
}

// What one transfer gives back goes to the address that has waited for the server's limit longest.
func TestServerLimitIsSharedInOrder(t *testing.T) {
	o := testOptions(t.TempDir())
	o.Limits.Transfers = 1
	s := stages(t, 1, o)[0]
	defer s.close()
	crowd := []*fakeConn{s.open("127.0.0.1"), s.open("127.0.0.1"), s.open("127.0.0.1")}
	single := s.open("127.0.0.2")
	s.say(crowd[0], "foo")
	s.say(single, "foo")
	s.say(crowd[1], "foo")
	s.say(crowd[2], "foo")
	s.take(crowd[0].told(), "127.0.0.1")
	s.say(crowd[0], "foo")
	port := single.told()
	if port == 0 {
		t.Fatal("the crowd went first")
	}
	s.take(port, "127.0.0.2")
	s.say(single, "foo")
	for _, i := range []int{1, 2, 0} {
		if port = crowd[i].told(); port == 0 {
			t.Fatalf("client %d of the crowd has no port", i)
		}
		s.take(port, "127.0.0.1")
		if port = single.told(); port != 0 {
			s.take(port, "127.0.0.2")
			s.say(single, "foo")
		}
	}
	for _, c := range append(crowd, single) {
		s.hang(c)
	}
	s.advance(o.Limits.OfferTimeout)
	s.advance(o.Limits.LeaseRest)
}

// Connections without a KEY never take what sessions and the fewest transfers need.
func TestConnectionsWithoutAKeyHaveAShareOfDescriptors(t *testing.T) {
	for _, c := range []struct{ descriptors, sessions, keyless, left int }{
		{20_000, 10_000, 128, 20_000 - 10_000 - 338 - 120},
		{20_000, 19_600, 11, 59},
		{1_000, 0, 78, 331 - 70},
	} {
		l := DefaultOptions().Limits
		l.Sessions = c.sessions
		lim, err := newLimiter(l, 1, 66, uint64(c.descriptors))
		check(t, err)
		if lim.limits.Keyless != c.keyless || lim.descriptors.Load() != int64(c.left) {
			t.Errorf("of %d descriptors, %d sessions: %d without a KEY, %d left", c.descriptors,
				lim.limits.Sessions, lim.limits.Keyless, lim.descriptors.Load())
		}
	}
}
