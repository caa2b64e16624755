//go:build linux && !ferryportable

package reactor

import (
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"ferry/reactor/limit"
)

// tightListings leave room for one unread listing of largeFolder for each of two addresses.
func tightListings(o *Options) {
	o.Limits.ListingBytes, o.Limits.ListingsBytes = 512<<10, 2<<20
}

// Listings that are not read hold no more memory than is allowed, of which one address has half.
// The others wait, and each is given whole in the end.
func TestListingsShareABudget(t *testing.T) {
	plainOnly(t) // the relay reads ahead
	ts := serveWith(t, shortSockets(t), tightListings)
	want := largeFolder(t, filepath.Join(ts.dir, "large"), 2000)
	r := ts.reactors[0]
	standing := func() (held int64, waiting int) {
		onLoop(t, r, func() {
			held, waiting = r.limiter.Used(limit.Listings), r.listingsWaiting()
		})
		return held, waiting
	}
	var unread []*data
	ask := func(from string, wantWaiting int) {
		t.Helper()
		d := ts.dialFrom(t, from).ask("ls large")
		unread = append(unread, d)
		eventually(t, "the listing is held, or waits", func() bool {
			held, waiting := standing()
			if most := r.limiter.Limits.ListingsBytes; held > most {
				t.Fatalf("listings hold %d bytes of %d", held, most)
			}
			busy := false
			onLoop(t, r, func() {
				for _, tr := range r.transfers {
					busy = busy || tr.job.busy
				}
			})
			return !busy && waiting == wantWaiting
		})
	}
	ask("127.0.0.1", 0)
	ask("127.0.0.1", 1)
	ask("127.0.0.1", 2)
	// Half is left to another address, and nothing to a third.
	ask("127.0.0.2", 2)
	ask("127.0.0.3", 3)
	// The order in which those that wait are served is that in which they turn out to be large.
	var group sync.WaitGroup
	for _, d := range unread {
		group.Go(func() {
			got, err := io.ReadAll(d)
			if text := string(got); err != nil || text != record(want) {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			_ = d.Close()
		})
	}
	group.Wait()
	ts.quiet()
	if held, waiting := standing(); held != 0 || waiting != 0 {
		t.Errorf("%d bytes are held, %d listings wait", held, waiting)
	}
}

// A listing that is too large is reset; the session goes on.
func TestListingOverTheLimitIsReset(t *testing.T) {
	ts := serve(t, func(o *Options) {
		o.Limits.ListingBytes, o.Limits.ListingsBytes = 64<<10, 1<<20
	})
	largeFolder(t, filepath.Join(ts.dir, "large"), 300)
	c := ts.dial()
	c.command("ls large")
	wantResetAt(t, c.from, c.wantPort(), 0)
	c.ask("ls").wantRecord([]byte("large/\n"))
	c.quit()
	ts.quiet()
	ts.wantTransfer(1, outcomeFailed)
	ts.wantTransfer(2, outcomeComplete)
}

// A client that goes on reading, but slower than a tenth of its listing in a stall time, is
// stalled, and its memory goes to the one who waits. Who found no memory in a whole stall time is
// reset.
func TestListingIsNotHeldForEver(t *testing.T) {
	o := testOptions(t.TempDir())
	tightListings(&o)
	log := new(logKeeper)
	o.Log = zerolog.New(log)
	want := largeFolder(t, filepath.Join(o.Root, "large"), 2000)
	s := stages(t, 1, o)[0]
	defer s.close()
	ask := func(c *fakeConn) (end *net.TCPConn, tr *transfer) {
		t.Helper()
		s.say(c, "ls large")
		end = s.meetOverTCP(c.told())
		tr = s.transfers[len(s.transfers)-1]
		eventually(t, "the listing is built, or waits", func() bool {
			s.settle()
			return !tr.job.busy
		})
		return end, tr
	}
	control := []*fakeConn{s.open("127.0.0.1"), s.open("127.0.0.1"), s.open("127.0.0.1")}
	slowEnd, slow := ask(control[0])
	waitEnd, waits := ask(control[1])
	if slow.send.held == 0 || !waits.waitsForMemory() {
		t.Fatalf("the first holds %d bytes; the second waits: %v", slow.send.held,
			waits.waitsForMemory())
	}
	// More than the lowest rate of a transfer demands, less than a tenth of the listing.
	readExactly(t, slowEnd, []byte(record(want)[:len(want)/20]))
	s.settle()
	s.advance(o.Limits.StallTimeout / 2)
	lateEnd, late := ask(control[2])
	if !late.waitsForMemory() {
		t.Fatal("the third does not wait")
	}
	s.advance(o.Limits.StallTimeout/2 + time.Millisecond)
	eventually(t, "the third is built", func() bool {
		s.settle()
		return !late.waitsForMemory() && !late.job.busy
	})
	if slow.state != transferEnded || waits.state != transferEnded || late.send.held == 0 {
		t.Errorf("the first is %v, the second %v, the third holds %d bytes",
			slow.state, waits.state, late.send.held)
	}
	ended := log.all("transfer ended")
	if len(ended) != 2 || ended[0]["outcome"] != string(outcomeStalled) ||
		ended[1]["outcome"] != string(outcomeFailed) {
		t.Errorf("the log says %v", ended)
	}
	for _, end := range []*net.TCPConn{slowEnd, waitEnd, lateEnd} {
		check(t, end.Close())
	}
	eventually(t, "all listings end", func() bool {
		s.settle()
		return len(s.transfers) == 0
	})
	if n := s.limiter.Used(limit.Listings); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
	for _, c := range control {
		s.hang(c)
	}
}

// meetOverTCP is meetAt with a connection whose ends know what was acknowledged. It holds little.
func (s *stage) meetOverTCP(number uint16) *net.TCPConn {
	s.t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	check(s.t, err)
	defer func() { _ = l.Close() }()
	end, err := net.Dial("tcp4", l.Addr().String())
	check(s.t, err)
	accepted, err := l.Accept()
	check(s.t, err)
	check(s.t, accepted.(*net.TCPConn).SetWriteBuffer(16<<10))
	check(s.t, end.(*net.TCPConn).SetReadBuffer(16<<10))
	raw, err := accepted.(*net.TCPConn).SyscallConn()
	check(s.t, err)
	fd := -1
	check(s.t, raw.Control(func(d uintptr) {
		fd, err = unix.FcntlInt(d, unix.F_DUPFD_CLOEXEC, 0)
	}))
	check(s.t, err)
	check(s.t, accepted.Close())
	s.tick()
	s.arrive(s.portOf(number), fd, "127.0.0.1")
	return end.(*net.TCPConn)
}
