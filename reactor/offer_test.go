//go:build linux && !ferryportable

package reactor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"ferry/reactor/limit"
	"ferry/reactor/loop"
)

// leaseModel is what PROTOCOL says of leases, kept beside a reactor.
type leaseModel struct {
	*stage
	clients []*leaseClient
	// rested is when each lease was laid to rest.
	rested map[lease]loop.Instant
	// serial numbers commands in the order in which they were sent.
	serial int
}

type lease struct {
	port uint16
	from string
}

// leaseClient is one session as its client sees it.
type leaseClient struct {
	conn *fakeConn
	from string
	// asked is the serial of the command that has no port yet, port what was told.
	asked int
	port  uint16
	until loop.Instant
	left  int // unused in a row
	over  bool
}

var leaseFrom = []string{"127.0.0.1", "127.0.0.2"}

// line lists the clients of an address that wait for a port, the first command first.
func (m *leaseModel) line(from string) []*leaseClient {
	var line []*leaseClient
	for _, c := range m.clients {
		if c.from == from && c.asked > 0 && !c.over {
			line = append(line, c)
		}
	}
	slices.SortFunc(line, func(a, b *leaseClient) int { return a.asked - b.asked })
	return line
}

// standing says whether an offer stands on a lease.
func (m *leaseModel) standing(l lease) bool {
	return slices.ContainsFunc(m.clients, func(c *leaseClient) bool {
		return c.port == l.port && c.from == l.from
	})
}

// settled takes what the reactor told its clients and holds it against the rules.
func (m *leaseModel) settled(t *rapid.T) {
	now := m.loop.Now
	// Offers that expired are unused.
	for _, c := range m.clients {
		if c.port != 0 && c.until <= now {
			m.rested[lease{c.port, c.from}] = c.until
			c.port = 0
			c.left++
			c.over = c.over || c.left >= int(baseProperties.unusedMax)
		}
	}
	for _, from := range leaseFrom {
		line := m.line(from)
		for i, c := range line {
			if c.port = c.conn.told(); c.port == 0 {
				continue
			}
			if i > 0 && line[i-1].port == 0 {
				t.Fatal("a later command was served first")
			}
			m.offered(t, c, now)
		}
		if a := m.addresses[netip.MustParseAddr(from)]; a != nil && a.lines[poolData] != nil {
			m.nobodyWaitsInVain(t, a.lines[poolData], now)
		}
	}
}

// offered holds one offer against the rules.
func (m *leaseModel) offered(t *rapid.T, c *leaseClient, now loop.Instant) {
	l := lease{c.port, c.from}
	others := slices.Clone(m.clients)
	others = slices.DeleteFunc(others, func(o *leaseClient) bool { return o == c })
	for _, o := range others {
		if o.port == l.port && o.from == l.from {
			t.Fatal("two offers stand on one lease")
		}
	}
	if since, ok := m.rested[l]; ok && now-since < m.limiter.Limits.LeaseRest {
		if now-since < leaseRestMin {
			t.Fatalf("a lease serves after a rest of %v", now-since)
		}
		for _, p := range m.pools[poolData].ports {
			other := lease{p.number, c.from}
			if other == l || m.standing(other) {
				continue
			}
			if at, ok := m.rested[other]; !ok || at < since {
				t.Fatalf("port %d was freer than %d", other.port, l.port)
			}
		}
	}
	delete(m.rested, l)
	c.asked = 0
	c.until = now + m.limiter.Limits.OfferTimeout
}

// nobodyWaitsInVain demands that who waits has a reason to.
func (m *leaseModel) nobodyWaitsInVain(t *rapid.T, a *line, now loop.Instant) {
	if a.waiting.Len() == 0 || m.limiter.Full(a.a.use, limit.Transfers) ||
		m.limiter.Free(limit.Transfers) <= 0 {
		return
	}
	if len(a.free) > 0 {
		t.Fatal("a command waits although a lease is free")
	}
	if len(a.resting) > 0 {
		if now-a.resting[0].since >= leaseRestMin {
			t.Fatal("a command waits although a lease has rested enough")
		}
		if !a.rested.IsSet() {
			t.Fatal("a command waits for a rest that no deadline ends")
		}
	}
}

func TestLeasesFollowTheirModel(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		o := testOptions(dir)
		o.Limits.IdleTimeout = 1000 * time.Hour
		o.DataPorts.Count = rapid.IntRange(1, 4).Draw(rt, "ports")
		o.Limits.TransfersPerAddress = rapid.IntRange(1, 6).Draw(rt, "transfers an address")
		o.Limits.Transfers = rapid.IntRange(1, 8).Draw(rt, "transfers")
		s := stages(t, 1, o)[0]
		defer s.close()
		m := &leaseModel{stage: s, rested: map[lease]loop.Instant{}}
		free := s.limiter.Free(limit.Descriptors)
		rt.Repeat(m.actions())
		for _, c := range m.clients {
			if !c.over {
				s.hang(c.conn)
			}
		}
		s.advance(o.Limits.OfferTimeout)
		s.advance(o.Limits.LeaseRest)
		if len(s.addresses) != 0 || s.limiter.Addresses() != 0 || len(s.loop.Deadlines) != 0 ||
			len(s.transfers) != 0 || s.limiter.Free(limit.Descriptors) != free ||
			s.limiter.Used(limit.Transfers) != 0 || s.limiter.Used(limit.Sessions) != 0 {
			rt.Fatalf("left behind: %d addresses, %d deadlines, %d transfers, %d descriptors",
				len(s.addresses), len(s.loop.Deadlines), len(s.transfers),
				free-s.limiter.Free(limit.Descriptors))
		}
	})
}

func (m *leaseModel) actions() map[string]func(*rapid.T) {
	some := func(t *rapid.T, what string, is func(*leaseClient) bool) *leaseClient {
		var found []*leaseClient
		for _, c := range m.clients {
			if is(c) {
				found = append(found, c)
			}
		}
		if len(found) == 0 {
			t.Skip("there is none")
		}
		return rapid.SampledFrom(found).Draw(t, what)
	}
	return map[string]func(*rapid.T){
		"open": func(t *rapid.T) {
			if len(m.clients) > 12 {
				t.Skip("enough")
			}
			from := rapid.SampledFrom(leaseFrom).Draw(t, "from")
			m.clients = append(m.clients, &leaseClient{conn: m.open(from), from: from})
		},
		"ask": func(t *rapid.T) {
			c := some(t, "who", func(c *leaseClient) bool {
				return !c.over && c.asked == 0 && c.port == 0
			})
			m.serial++
			c.asked = m.serial
			m.say(c.conn, "foo")
		},
		"take": func(t *rapid.T) {
			c := some(t, "who", func(c *leaseClient) bool { return c.port != 0 })
			port := c.port
			c.port, c.left = 0, 0
			m.take(port, c.from)
		},
		"come without an offer": func(t *rapid.T) {
			p := rapid.SampledFrom(m.pools[poolData].ports).Draw(t, "port").number
			from := rapid.SampledFrom(leaseFrom).Draw(t, "from")
			if m.standing(lease{p, from}) {
				t.Skip("there is one")
			}
			before := m.count.unauthorized
			m.take(p, from)
			if m.count.unauthorized != before+1 {
				t.Fatal("a stranger was served")
			}
		},
		"hang up": func(t *rapid.T) {
			c := some(t, "who", func(c *leaseClient) bool { return !c.over })
			c.over, c.asked = true, 0
			m.hang(c.conn)
		},
		"wait": func(t *rapid.T) {
			m.advance(time.Duration(rapid.SampledFrom([]int{1, 4, 9, 10, 21, 31, 119}).
				Draw(t, "seconds")) * time.Second)
		},
		"": m.invariants,
	}
}

// invariants hold after every action.
func (m *leaseModel) invariants(t *rapid.T) {
	m.settle()
	m.settled(t)
	for _, a := range m.addresses {
		wantLeases(m.t, a)
	}
	var held int64
	for _, tr := range m.transfers {
		if tr.holds() > 0 {
			held++
		}
	}
	if n := m.limiter.Used(limit.Transfers); n != held {
		t.Fatalf("%d transfers are counted, %d run", n, held)
	}
}

// A command that waits for a limit, not for a lease, must not keep the loop at a lease that has
// rested enough.
func TestRestedLeaseDoesNotKeepTheLoop(t *testing.T) {
	o := testOptions(t.TempDir())
	o.DataPorts.Count = 2
	o.Limits.TransfersPerAddress = 1
	s := stages(t, 1, o)[0]
	defer s.close()
	a, b, c := s.open("127.0.0.1"), s.open("127.0.0.1"), s.open("127.0.0.1")
	s.say(a, "foo")
	s.say(b, "put file")
	s.say(c, "foo")
	s.advance(o.Limits.OfferTimeout) // a's lease rests, b is offered the other
	fd := s.meetAt(b.told(), "127.0.0.1")
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.advance(leaseRestMin)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the loop turns about itself")
	}
	_ = unix.Close(fd)
	s.settle()
	eventually(t, "the last command's port", func() bool {
		s.settle()
		return c.told() != 0
	})
	for _, x := range []*fakeConn{a, b, c} {
		s.hang(x)
	}
	s.advance(o.Limits.OfferTimeout)
	if left := slices.Collect(maps.Keys(s.sessions)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// The leases of an address are its own: what rests for one serves another.
func TestLeaseIsOfPortAndAddress(t *testing.T) {
	o := testOptions(t.TempDir())
	o.DataPorts.Count = 1
	s := stages(t, 1, o)[0]
	defer s.close()
	for i := range 5 {
		from := fmt.Sprintf("127.0.0.%d", i+1)
		c := s.open(from)
		s.say(c, "foo")
		if c.told() == 0 {
			t.Fatalf("%s has no port", from)
		}
		s.hang(c)
	}
	s.advance(o.Limits.OfferTimeout)
	s.advance(o.Limits.LeaseRest)
	if len(s.addresses) > 0 {
		t.Errorf("%d addresses are left", len(s.addresses))
	}
}
