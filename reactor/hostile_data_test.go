package reactor

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ferry/reactor/limit"
)

// hole makes a file called large, of 64 MiB, that takes no room on the disk.
func (ts *testServer) hole() {
	ts.t.Helper()
	f, err := os.Create(filepath.Join(ts.dir, "large"))
	check(ts.t, err)
	check(ts.t, f.Truncate(64<<20))
	check(ts.t, f.Close())
}

// wantOver demands that a data connection ends, whatever still comes and however it ends.
func wantOver(t testing.TB, d *data) {
	t.Helper()
	_, err := io.Copy(io.Discard, d)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Fatalf("it did not end: %v", err)
	}
	check(t, d.Close())
}

// pump sends until the server lets it no more.
func pump(d *data, text string) {
	for {
		if _, err := io.WriteString(d, text); err != nil {
			return
		}
	}
}

// temporaries are the hidden files of uploads in the root.
func (s *siege) temporaries() []string {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.dir, ".ferry-*.tmp"))
	check(s.t, err)
	return found
}

// wantTemporary waits until an upload has a hidden file, its blocks included, or has ended.
func (s *siege) wantTemporary() {
	s.t.Helper()
	eventually(s.t, "a temporary file", func() bool {
		working := false
		for _, r := range s.reactors {
			onLoop(s.t, r, func() {
				for _, t := range r.transfers {
					working = working || t.state != transferMoving || t.job.busy
				}
			})
		}
		return !working && len(s.temporaries()) == 1 || s.transfersNow() == 0
	})
}

// wantMoved waits until so many bytes of an upload have come, or none is under way: what lies in
// the socket when time passes has not moved.
func (s *siege) wantMoved(n int64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprint("bytes: ", n), func() bool {
		moved := true
		for _, r := range s.reactors {
			onLoop(s.t, r, func() {
				for _, t := range r.transfers {
					moved = moved && (!t.isPut() || t.state != transferMoving || t.moved >= n)
				}
			})
		}
		return moved
	})
}

// offersOf is how many offers stand for a hostile client in base.
func (s *siege) offersOf(from string) (n int) {
	r := s.reactors[0]
	onLoop(s.t, r, func() {
		if a := r.addresses[netip.MustParseAddr(from)]; a != nil && a.lines[poolData] != nil {
			for _, o := range a.lines[poolData].offers {
				if o != nil {
					n++
				}
			}
		}
	})
	return n
}

// hostileData are clients that are hostile on the data connections of base.
var hostileData = []hostileCase{
	{name: "data connection from another address", attack: func(s *siege) {
		s.file("secret", []byte("secret"))
		c := s.dial()
		c.command("get secret")
		port := c.wantPort()
		for range 10 {
			connectFrom(s.t, netip.MustParseAddr("127.0.0.3"), port).wantEOF()
		}
		c.connect(port).wantRecord([]byte("secret"))
	}},
	{name: "data connection that comes late", attack: func(s *siege) {
		c := s.dial()
		c.command("get kept/file")
		port := c.wantPort()
		s.pass(s.limiter.Limits.OfferTimeout)
		c.connect(port).wantEOF()
		// The port rests: whoever comes even later meets no other's offer.
		for range 20 {
			c.command("get good")
			if next := c.wantPort(); next == port {
				s.t.Fatal("the port of an unused offer was told anew")
			} else {
				wantOver(s.t, c.connect(next))
			}
		}
	}},
	{name: "two data connections for one offer", attack: func(s *siege) {
		c := s.dial()
		c.command("put twice")
		port := c.wantPort()
		first := c.connect(port)
		first.say(record("first"))
		s.wantTransfers(1)
		eventually(s.t, "the first to be met", func() bool { return s.offersOf(hostileFrom) == 0 })
		c.connect(port).wantEOF()
		first.stored()
		s.wantFile("twice", []byte("first"))
	}},
	{name: "data connection with no offer", attack: func(s *siege) {
		for _, p := range s.reactors[0].pools[poolData].ports {
			d := connectFrom(s.t, netip.MustParseAddr(hostileFrom), p.number)
			wantEnd(s.t, d.TCPConn, errAny)
		}
	}},
	{name: "never reads", attack: func(s *siege) {
		s.hole()
		c := s.dial()
		d := c.ask("get large")
		s.outwait()
		s.wantLogged(string(outcomeStalled), 1)
		wantResetWithin(s.t, d, 64<<20)
	}},
	{name: "reads a byte a minute", attack: func(s *siege) {
		s.hole()
		d := s.dial().ask("get large")
		for range 20 { // what the sockets still take is an excuse, for a few times
			s.wantUnread()
			_, _ = d.Read(make([]byte, 1))
			s.pass(s.limiter.Limits.StallTimeout)
			if s.log.count(string(outcomeStalled)) > 0 {
				break
			}
		}
		s.wantLogged(string(outcomeStalled), 1)
		wantResetWithin(s.t, d, 64<<20)
	}},
	{name: "reads less than the least rate", change: func(o *Options) {
		o.Limits.RateBytes = 1 << 20
	}, attack: func(s *siege) {
		s.hole()
		d := s.dial().ask("get large")
		// It always moves, and never enough. What a worker reads for it when it is looked at is an
		// excuse, which it does not have each time.
		for range 20 {
			s.wantUnread()
			_, _ = io.CopyN(io.Discard, d, 4<<20) // it may have ended
			s.pass(s.limiter.Limits.StallTimeout)
			if s.log.count(string(outcomeStalled)) > 0 {
				break
			}
		}
		s.wantLogged(string(outcomeStalled), 1)
	}},
	{name: "sends a byte a minute", attack: func(s *siege) {
		// 16 bytes a second are the least, by default.
		c := s.dial()
		d := c.ask("put slow")
		d.say("0000100000")
		for i := range int64(3) {
			_, _ = io.WriteString(d, "x") // it may have ended
			s.wantMoved(i + 1)
			s.pass(s.limiter.Limits.StallTimeout)
		}
		wantOver(s.t, d)
		s.wantLogged(string(outcomeStalled), 1)
		s.wantNoFile("slow")
	}},
	{name: "sends nothing", attack: func(s *siege) {
		c := s.dial()
		d := c.ask("put nothing")
		s.pass(s.limiter.Limits.StallTimeout)
		d.wantReset()
		s.wantNoFile("nothing")
	}},
	{name: "never closes after a get", attack: func(s *siege) {
		c := s.dial()
		d := c.ask("get kept/file")
		if n := wantField(s.t, d); n != 0 {
			s.t.Fatal(n)
		}
		c.ask("ls kept").wantRecord([]byte("file\n")) // the session goes on
		s.wantTransfers(1)
		s.leap(lingerMax)
		s.wantTransfers(0)
	}},
	{name: "never closes after a put", attack: func(s *siege) {
		c := s.dial()
		d := c.ask("put open")
		d.say(record("whole"))
		s.pass(s.limiter.Limits.StallTimeout)
		s.pass(s.limiter.Limits.StallTimeout)
		wantOver(s.t, d)
		s.wantTransfers(0)
		s.wantNoFile("open")
	}},
	{name: "sends without end on a get", attack: func(s *siege) {
		c := s.dial()
		d := c.ask("get kept/file")
		done := make(chan struct{})
		go func() {
			defer close(done)
			pump(d, strings.Repeat("x", 64<<10))
		}()
		s.good.round()
		eventually(s.t, "lingering", func() bool { return s.transfersNow() == 1 })
		s.leap(lingerMax)
		<-done
		s.wantTransfers(0)
	}},
	{name: "announces 9,999,999,999 bytes and sends ten", attack: func(s *siege) {
		c := s.dial()
		d := c.ask("put huge")
		_, _ = io.WriteString(d, "9999999999ten bytes.")
		s.wantTemporary()
		for _, name := range s.temporaries() {
			// Blocks of 512 bytes: an announcement alone holds little.
			var st unix.Stat_t
			if err := unix.Stat(name, &st); err == nil && st.Blocks > 2*allocateStep/512 {
				s.t.Errorf("%d blocks are held for ten bytes", st.Blocks)
			}
		}
		s.good.round()
		s.pass(s.limiter.Limits.StallTimeout)
		wantResetWithin(s.t, d, 0)
		s.wantNoFile("huge")
	}},
	{name: "announces more than the disk holds", change: func(o *Options) {
		o.Limits.FreeBytes = 0
	}, attack: func(s *siege) {
		var all []*data
		for i := range 30 {
			d := s.dial().ask(fmt.Sprint("put huge", i))
			_, _ = io.WriteString(d, "9999999999ten bytes.")
			all = append(all, d)
			s.good.round()
		}
		free, err := s.store().Free()
		check(s.t, err)
		if n := s.limiter.Used(limit.Reserved); n > free/2+1<<30 {
			s.t.Errorf("%d of %d free bytes are kept for one address", n, free)
		}
		s.pass(s.limiter.Limits.StallTimeout)
		for _, d := range all {
			wantOver(s.t, d)
		}
	}},
	{name: "sends fields that are none", attack: func(s *siege) {
		s.file("old", []byte("old"))
		c := s.dial()
		for _, upload := range []string{
			"abcdefghij", "-000000003abc", "+000000003abc", "12345678901x", "          abc",
			"0x00000003abc", record("abc") + "garbage!!!", record("abc") + "-000000001x",
		} {
			c.putRefused("old", upload)
		}
		s.wantLogged(string(outcomeProtocol), 7) // the one of eleven digits is a number and a cut
		s.wantFile("old", []byte("old"))
	}},
	{name: "sends records of no bytes without end", attack: func(s *siege) {
		d := s.dial().ask("put empty")
		done := make(chan struct{})
		go func() {
			defer close(done)
			pump(d, strings.Repeat("0000000000", 1000))
		}()
		s.good.round()
		reset(s.t, d.TCPConn)
		<-done
		s.wantLogged(string(outcomeBroken), 1)
		s.wantNoFile("empty")
	}},
	{name: "resets a get at each point", attack: func(s *siege) {
		s.file("large", pattern(4<<20))
		for _, name := range []string{"large", "kept/file", "missing"} {
			for _, read := range []int{0, 1, 10, 11, 100_000, 4 << 20} {
				c := s.dial()
				d := c.ask("get " + name)
				_, _ = io.ReadFull(d, make([]byte, read))
				reset(s.t, d.TCPConn)
				reset(s.t, c.TCPConn)
			}
			for range 2 { // before it connects
				c := s.dial()
				c.command("get " + name)
				c.wantPort()
				reset(s.t, c.TCPConn)
			}
		}
	}},
	{name: "resets a put at each point", attack: func(s *siege) {
		s.file("old", []byte("old"))
		upload := record("12345") + record(string(pattern(100_000)))
		for _, n := range []int{0, 1, 9, 10, 11, 14, 15, 16, 25, 26, 70_000, len(upload) - 1} {
			for _, end := range []func(*data){resetData, closeData} {
				if n == 15 {
					continue // whole: that is stored
				}
				c := s.dial()
				d := c.ask("put old")
				d.say(upload[:n])
				end(d)
				check(s.t, c.Close())
			}
		}
		s.wantTransfers(0)
		s.wantFile("old", []byte("old"))
	}},
	{name: "resets a listing at each point", attack: func(s *siege) {
		for _, read := range []int{0, 1, 9, 10, 12, 15} {
			c := s.dial()
			d := c.ask("ls kept")
			_, _ = io.ReadFull(d, make([]byte, read))
			reset(s.t, d.TCPConn)
			reset(s.t, c.TCPConn)
		}
	}},
	{name: "takes every port and keeps it", attack: func(s *siege) {
		// As many offers as there are ports, and as many sessions more that wait for one.
		ports := len(s.reactors[0].pools[poolData].ports)
		var waiting []*wire
		for range 2 * ports {
			c := s.dial()
			c.command("ls kept")
			waiting = append(waiting, c)
		}
		for _, c := range waiting[:ports] {
			c.wantPort()
		}
		s.good.round() // leases are an address's own
		s.pass(s.limiter.Limits.OfferTimeout)
		s.pass(leaseRestMin)
		for _, c := range waiting[ports:] {
			c.connect(c.wantPort()).wantRecord([]byte("file\n"))
		}
	}},
	{name: "holds a file while it is replaced", attack: func(s *siege) {
		content := pattern(8 << 20)
		s.file("held", content)
		d := s.dial().ask("get held")
		first := make([]byte, 100)
		_, err := io.ReadFull(d, first)
		check(s.t, err)
		s.dial().put("held", "another")
		rest, err := io.ReadAll(d) // the one that was asked for, whole
		check(s.t, err)
		if len(rest)+len(first) != len(content)+10 {
			s.t.Errorf("%d bytes came", len(rest)+len(first))
		}
	}},
}
