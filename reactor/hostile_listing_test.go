package reactor

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hostileListings are crowds that have huge folders listed and read none of it, some of them from
// where the good client is.
var hostileListings = []hostileCase{
	{
		name: "a flood of listings of a huge folder", plain: true, change: fewListings,
		prepare: (*siege).huge, attack: func(s *siege) {
			var unread []*data
			for i := range listingsFlood {
				unread = append(unread, s.dialFrom(s.t, crowdAt(i)).ask("ls huge"))
			}
			s.wantListed()
			s.good.round()
			s.outwait()
			s.wantTransfers(0)
			for _, d := range unread {
				wantResetWithin(s.t, d, 1<<20)
			}
			s.wantLogged(string(outcomeStalled), 1)
			s.wantLogged(string(outcomeFailed), 1)
		},
	},
	{
		name: "a flood of listings of a huge folder, in status", plain: true, change: fewListings,
		prepare: (*siege).huge, attack: func(s *siege) {
			var crowd []*speaker
			for i := range listingsFlood {
				c := s.helloFrom(crowdAt(i))
				c.command([]string{"ls huge", "ls -l huge"}[i%2])
				crowd = append(crowd, c)
			}
			s.wantListed()
			s.good.round()
			var unread, waiting []*speaker
			for _, c := range crowd {
				if s.waitsForMemory(c.wire) {
					waiting = append(waiting, c)
					continue
				}
				c.wantOffer("ls").take()
				unread = append(unread, c)
			}
			if len(unread) == 0 || len(waiting) == 0 {
				s.t.Fatalf("%d are held, %d wait", len(unread), len(waiting))
			}
			s.outwait()
			for _, c := range unread {
				c.want(426, "the data connection was too slow")
			}
			for _, c := range waiting {
				c.want(450, "huge: other listings held all memory for them")
			}
			s.wantTransfers(0)
			crowd[0].ask("noop", 200, "")
		},
	},
}

// listingsFlood is how many listings are asked for at once.
const listingsFlood = 60

// crowdAt is where a client of a crowd is: at one of three addresses, the good client's among them.
func crowdAt(i int) string { return fmt.Sprintf("127.0.0.%d", 1+i%3) }

// fewListings leaves room for some listings of the huge folder.
func fewListings(o *Options) {
	o.Limits.ListingBytes, o.Limits.ListingsBytes = 1<<20, 4<<20
}

// huge makes a folder whose listing is nearly as large as allowed, and has the data connections
// take little of what is not read.
func (s *siege) huge() {
	largeFolder(s.t, filepath.Join(s.dir, "huge"), 3500)
	shortSockets(s.t)(s.Server)
}

// largeFolder makes a folder whose listing is larger than what a socket takes from a server whose
// client does not read, and returns the listing.
func largeFolder(t testing.TB, dir string, names int) (listing string) {
	t.Helper()
	check(t, os.Mkdir(dir, 0o755))
	var text strings.Builder
	for i := range names {
		name := fmt.Sprintf("%06d-%s", i, strings.Repeat("n", 240))
		check(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
		text.WriteString(name + "\n")
	}
	return text.String()
}

// shortSockets has the server's data connections take little of what is not read.
func shortSockets(t testing.TB) func(*Server) {
	return func(s *Server) {
		for _, kind := range []poolKind{poolData, poolKeyed} {
			for _, p := range s.reactors[0].pools[kind].ports {
				for _, l := range p.listeners {
					check(t, unix.SetsockoptInt(l.FD(), unix.SOL_SOCKET, unix.SO_SNDBUF, 64<<10))
				}
			}
		}
	}
}

// wantListed waits until every listing was built or waits for memory.
func (s *siege) wantListed() {
	s.t.Helper()
	eventually(s.t, "the listings to be built, or to wait", func() bool {
		busy := 0
		for _, r := range s.reactors {
			onLoop(s.t, r, func() {
				for _, t := range r.transfers {
					if t.job.busy {
						busy++
					}
				}
			})
		}
		return busy == 0 && s.transfersNow() == listingsFlood
	})
}

// outwait lets time pass until nobody who reads nothing is served any more: what has come within
// the first stall time is in the kernel's buffers. These may still take some bytes later, which
// excuses a transfer, but each look that leaves one must have found that it moved.
func (s *siege) outwait() {
	s.t.Helper()
	for round, left := 0, 1; (round < 3 || left > 0) && !s.t.Failed(); round++ {
		s.wantUnread()
		before := s.marks()
		s.pass(s.limiter.Limits.StallTimeout)
		after := s.marks()
		left = len(after)
		for t, mark := range after {
			if was, there := before[t]; there && mark <= was {
				s.t.Error("a transfer that moved nothing is left")
			}
		}
	}
}

// marks are how much each transfer that is being served had moved when it was looked at last.
func (s *siege) marks() map[*transfer]int64 {
	marks := make(map[*transfer]int64)
	for _, r := range s.reactors {
		onLoop(s.t, r, func() {
			for _, t := range r.transfers {
				if t.state == transferMoving && !t.waitsForMemory() {
					marks[t] = t.mark
				}
			}
		})
	}
	return marks
}

// waitsForMemory says whether the listing that a session asked for has none yet.
func (s *siege) waitsForMemory(c *wire) (waits bool) {
	peer := c.LocalAddr().String()
	for _, r := range s.reactors {
		onLoop(s.t, r, func() {
			for o := range r.sessions {
				if o.transfer != nil && o.peer() == netip.MustParseAddrPort(peer) {
					waits = o.transfer.waitsForMemory()
				}
			}
		})
	}
	return waits
}

// listingsWaiting is how many listings wait for memory.
func (r *reactor) listingsWaiting() (n int) {
	for k, line := range r.listing {
		for _, a := range line {
			n += len(a.listings[k])
		}
	}
	return n
}
