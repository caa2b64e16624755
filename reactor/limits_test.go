//go:build linux && !ferryportable

package reactor

import (
	"testing"

	"golang.org/x/sys/unix"

	"ferry/reactor/limit"
)

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
	if s.limiter.Addresses() != 0 || len(s.addresses) != 0 {
		t.Error("an address is still known")
	}
}

// What one address of an IPv6 network gives back goes to the others of it that wait for a limit,
// which counts them together.
func TestAddressesOfANetworkShareLimits(t *testing.T) {
	for name, change := range map[string]func(*limit.Limits){
		"offers":    func(l *limit.Limits) { l.OffersPerAddress = 1 },
		"transfers": func(l *limit.Limits) { l.TransfersPerAddress = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t.TempDir())
			change(&o.Limits)
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
			if s.limiter.Addresses() != 0 || len(s.addresses) != 0 || len(s.lines) != 0 {
				t.Error("an address is still known")
			}
		})
	}
}

// fill takes all of a kind that an address may have.
func fill(t *testing.T, b *limit.Budget, a *limit.Address, k limit.Kind) {
	t.Helper()
	for range 100_000 {
		if b.Take(a, k, 1) != limit.Enough {
			return
		}
	}
	t.Fatal("the address has no limit")
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
	fill(t, a.limiter, a.addressOf(loopback).use, limit.Transfers)
	a.say(first, "foo")
	a.lines = a.lines[:0]
	a.addressOf(loopback).line(poolData).queued = false
	a.hang(first)
	if len(a.addresses) != 0 {
		t.Fatal("the address is still known")
	}
	if n := a.limiter.Addresses(); n != 1 {
		t.Errorf("%d addresses are held, want the other reactor's", n)
	}
	b.hang(other)
	if a.limiter.Addresses() != 0 {
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
