package reactor

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// However many uploads of whatever size come and go: what is kept free is never more than what was
// announced, half of the free space for an address, and nothing in the end.
func TestAnnouncementsBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &limiter{limits: Limits{FreeBytes: 1000}}
		const free = 11_000
		uses := [3]*usage{{}, {}, {}}
		var open [3][]int64
		which := rapid.IntRange(0, 2)
		sum := func(i int) (n int64) {
			for _, m := range open[i] {
				n += m
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				i := which.Draw(t, "address")
				n := rapid.Int64Range(1, 6000).Draw(t, "bytes")
				others := l.announced.Load() - uses[i].counted
				fits := sum(i)+n <= free-1000-others
				if err := l.claim(uses[i], n, free); (err == nil) != fits {
					t.Fatalf("%d bytes: %v", n, err)
				}
				if fits {
					open[i] = append(open[i], n)
				}
			},
			"end": func(t *rapid.T) {
				i := which.Draw(t, "address")
				if len(open[i]) == 0 {
					t.Skip("none runs")
				}
				n := open[i][0]
				piece := rapid.Int64Range(0, n).Draw(t, "written")
				l.written(uses[i], piece)
				l.written(uses[i], n-piece)
				open[i] = open[i][1:]
			},
			"": func(t *rapid.T) {
				var counted int64
				for i, u := range uses {
					if u.announced != sum(i) || u.counted < 0 ||
						u.counted > min(u.announced, 10_000/spaceShare) {
						t.Fatalf("address %d announced %d: %d, %d", i, sum(i), u.announced,
							u.counted)
					}
					counted += u.counted
				}
				if counted != l.announced.Load() {
					t.Fatalf("%d counted, %d kept", counted, l.announced.Load())
				}
			},
		})
	})
}

// One address that announces all there is leaves half of it to others, and what it sends is stored
// as long as there is room.
// usage is what an address has in use, nil for nothing.
func (ts *testServer) usage(ip netip.Addr) *usage {
	ts.limiter.mu.Lock()
	defer ts.limiter.mu.Unlock()
	return ts.limiter.addresses[ip]
}

func TestAnnouncementsOfOneAddressLeaveRoomForOthers(t *testing.T) {
	var st syscall.Statfs_t
	check(t, syscall.Statfs(t.TempDir(), &st))
	free := int64(st.Bavail) * int64(st.Bsize)
	const room = 2 << 30
	ts := serve(t, func(o *Options) { o.Limits.FreeBytes = free - room })
	var greedy []*data
	from := netip.MustParseAddr("127.0.0.2")
	for i := range 8 { // nearly all of it; others write to the disk as well
		c := ts.dialFrom(t, from.String())
		d := c.ask(fmt.Sprint("put greedy", i))
		d.say("0200000000")
		greedy = append(greedy, d)
	}
	eventually(t, "the announcements", func() bool {
		ts.limiter.space.Lock()
		defer ts.limiter.space.Unlock()
		u := ts.usage(from)
		return u != nil && u.announced == 8*200_000_000
	})
	if n := ts.limiter.announced.Load(); n > room/spaceShare+64<<20 || n < room/spaceShare-64<<20 {
		t.Errorf("%d bytes are kept for one address", n)
	}
	c := ts.dial()
	d := c.ask("put honest")
	d.say("0600000000abc")
	eventually(t, "the honest announcement", func() bool {
		ts.limiter.space.Lock()
		defer ts.limiter.space.Unlock()
		u := ts.usage(loopback)
		return u != nil && u.announced >= 500_000_000
	})
	c2 := ts.dial()
	c2.put("another", string(pattern(3<<20)))
	ts.wantTransfer(1, outcomeComplete)
	reset(t, d.TCPConn)
	for _, d := range greedy {
		reset(t, d.TCPConn)
	}
	ts.quiet()
	ts.wantFile("another", pattern(3<<20))
	c.quit()
	c2.quit()
}

// TestFewAddressesDoNotTakeAllRoom: each is promised half of what others leave, so that after a few
// that announce whatever fits there is still room for a further one.
func TestFewAddressesDoNotTakeAllRoom(t *testing.T) {
	l := &limiter{limits: Limits{FreeBytes: 1000}}
	const free = 11_000
	for i, want := range []int64{5000, 2500, 1250, 625} {
		u := new(usage)
		n := free - 1000 - l.announced.Load()
		check(t, l.claim(u, n, free))
		if u.counted != want {
			t.Errorf("address %d is promised %d of %d, want %d", i, u.counted, n, want)
		}
	}
	check(t, l.claim(new(usage), 600, free))
}

// TestOneAddressLeavesTransfersToOthers: where descriptors are few as well.
func TestOneAddressLeavesTransfersToOthers(t *testing.T) {
	limited := func(given int, descriptors uint64) Limits {
		l := DefaultOptions().Limits
		l.TransfersPerAddress = given
		lim, err := newLimiter(l, 1, 66, descriptors)
		check(t, err)
		return lim.limits
	}
	for _, descriptors := range []uint64{20_000, 1000} {
		l := limited(0, descriptors)
		if want := min(2000, l.Transfers/2); l.TransfersPerAddress != want || want == 0 {
			t.Errorf("%d descriptors: %d transfers, %d of one address", descriptors,
				l.Transfers, l.TransfersPerAddress)
		}
	}
	if l := limited(77, 1000); l.TransfersPerAddress != 77 {
		t.Errorf("77 was given, and %d is taken", l.TransfersPerAddress)
	}
}
