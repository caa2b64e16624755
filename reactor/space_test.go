package reactor

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"ferry/reactor/limit"
)

// announcedBy is how many bytes an address has announced.
func (ts *testServer) announcedBy(ip netip.Addr) int64 {
	a := ts.limiter.Hold(ip)
	defer ts.limiter.Release(a)
	return ts.limiter.UsedBy(a, limit.Announced)
}

// An address that announces all the free space leaves half of it to others, and what it sends is
// stored as long as there is room.
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
		return ts.announcedBy(from) == 8*200_000_000
	})
	if n := ts.limiter.Used(limit.Reserved); n > room/2+64<<20 || n < room/2-64<<20 {
		t.Errorf("%d bytes are kept for one address", n)
	}
	c := ts.dial()
	d := c.ask("put honest")
	d.say("0600000000abc")
	eventually(t, "the honest announcement", func() bool {
		return ts.announcedBy(loopback) >= 500_000_000
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
