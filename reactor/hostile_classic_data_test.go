package reactor

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// hostileClassicData are clients that are hostile on classic's ports for data.
var hostileClassicData = []hostileCase{
	{name: "classic data connections with no offer", change: withClassic, attack: func(s *siege) {
		from := netip.MustParseAddr(hostileFrom)
		for _, prepare := range []func(){
			func() {},                    // nobody of that address is there
			func() { s.lines() },         // there is a session, and it asked for nothing
			func() { s.dial().put("x") }, // one that has leases, of base
			func() { s.lines().ask("x").wantWhole(nil) }, // one that has had an offer there
		} {
			prepare()
			for range 20 {
				// A clean close would be the end of an empty file.
				wantResetAt(s.t, from, s.classicPort(poolFiles), 0)
				connectFrom(s.t, from, s.classicPort(poolMessages)).wantEOF()
			}
		}
	}},
	{
		name: "classic data connections from another address", change: withClassic,
		prepare: func(s *siege) { s.file("secret", []byte(secret)) },
		attack: func(s *siege) {
			thief := netip.MustParseAddr("127.0.0.3")
			c := s.lines()
			c.wantOffered(s, "secret")
			for range 10 {
				wantResetAt(s.t, thief, s.classicPort(poolFiles), 0)
			}
			connectFrom(s.t, c.from, s.classicPort(poolFiles)).wantWhole([]byte(secret))
			c.say("RETR missing\n")
			c.port()
			connectFrom(s.t, thief, s.classicPort(poolMessages)).wantEOF()
			connectFrom(s.t, c.from, s.classicPort(poolMessages)).wantMessage(notFound)
			c.goodbye()
		},
	},
	{name: "two classic connections for one offer", change: withClassic, attack: func(s *siege) {
		s.hole()
		c := s.lines()
		first := c.ask("large")
		eventually(s.t, "the first to be met", func() bool {
			return s.offersAt(poolFiles, hostileFrom) == 0
		})
		wantResetAt(s.t, c.from, s.classicPort(poolFiles), 0)
		if n, err := io.Copy(io.Discard, first); n != 64<<20 || err != nil {
			s.t.Errorf("the first got %d bytes, and %v", n, err)
		}
		check(s.t, first.Close())
		c.goodbye()
	}},
	{name: "connects to the other of classic's ports", change: withClassic, attack: func(s *siege) {
		s.file("secret", []byte(secret))
		c := s.lines()
		c.wantOffered(s, "secret")
		connectFrom(s.t, c.from, s.classicPort(poolMessages)).wantEOF()
		connectFrom(s.t, c.from, s.classicPort(poolFiles)).wantWhole([]byte(secret))
		c.say("RETR missing\n")
		c.port()
		wantResetAt(s.t, c.from, s.classicPort(poolFiles), 0)
		connectFrom(s.t, c.from, s.classicPort(poolMessages)).wantMessage(notFound)
		c.goodbye()
	}},
	{name: "a classic data connection that comes late", change: func(o *Options) {
		withClassic(o)
		o.Limits.ClassicRest = time.Minute
	}, attack: func(s *siege) {
		s.file("secret", []byte(secret))
		late, next := s.lines(), s.lines()
		late.wantOffered(s, "kept/file")
		next.say("RETR secret\n")
		s.leap(s.limiter.Limits.OfferTimeout)
		late.wantEOF()
		// While the lease rests no other session's offer stands that it could meet.
		for range 10 {
			wantResetAt(s.t, late.from, s.classicPort(poolFiles), 0)
		}
		s.pass(s.limiter.Limits.ClassicRest)
		(&data{next.told(), s.t}).wantWhole([]byte(secret))
		next.goodbye()
	}},
	{name: "never reads a classic file", change: withClassic, attack: func(s *siege) {
		s.hole()
		c := s.lines()
		d, byByte := c.ask("large"), c.ask("large")
		for range 20 { // what the sockets still take is an excuse, for a few times
			s.wantUnread()
			_, _ = byByte.Read(make([]byte, 1))
			s.pass(s.limiter.Limits.StallTimeout)
			if s.log.count(string(outcomeStalled)) > 1 {
				break
			}
		}
		s.wantLogged(string(outcomeStalled), 2)
		wantResetWithin(s.t, d, 64<<20-1)
		wantResetWithin(s.t, byByte, 64<<20-1)
		c.goodbye()
	}},
	{name: "never closes after a classic file", change: withClassic, attack: func(s *siege) {
		c := s.lines()
		file, message := c.ask("kept/file"), c.ask("missing")
		s.wantTransfers(2)
		file.wantEOF()
		_, err := io.Copy(io.Discard, message)
		check(s.t, err)
		s.leap(lingerMax)
		s.wantTransfers(0)
		c.goodbye()
	}},
	{name: "sends without end where files come", change: withClassic, attack: func(s *siege) {
		c := s.lines()
		done := make(chan struct{})
		for _, name := range []string{"kept/file", "missing"} {
			d := c.ask(name)
			go func() {
				pump(d, strings.Repeat("x", 64<<10))
				done <- struct{}{}
			}()
		}
		s.good.round()
		eventually(s.t, "lingering", func() bool { return s.transfersNow() == 2 })
		s.leap(lingerMax)
		<-done
		<-done
		s.wantTransfers(0)
		c.goodbye()
	}},
	{name: "resets classic at each point", change: withClassic, attack: func(s *siege) {
		s.file("file", pattern(4<<20))
		for _, end := range []func(*lines, *data){
			func(c *lines, d *data) { resetData(d); check(s.t, c.Close()) },
			func(c *lines, d *data) { closeData(d); reset(s.t, c.TCPConn) },
			func(c *lines, d *data) { reset(s.t, c.TCPConn); resetData(d) },
			func(c *lines, d *data) { c.goodbye(); closeData(d) },
		} {
			for _, name := range []string{"file", "kept/file", "missing"} {
				for _, n := range []int{0, 1, 20, 100_000, 4 << 20} {
					c := s.lines()
					d := c.ask(name)
					_, _ = io.ReadFull(d, make([]byte, n))
					end(c, d)
				}
			}
		}
		// Before it connects: such an offer ends unused, and its lease rests.
		for _, name := range []string{"file", "missing"} {
			c := s.lines()
			c.say("RETR " + name + "\n")
			c.port()
			reset(s.t, c.TCPConn)
		}
		s.wantTransfers(2)
		s.pass(s.limiter.Limits.OfferTimeout)
		s.wantLogged(string(outcomeUnused), 2)
	}},
	{name: "more classic transfers than it may", change: func(o *Options) {
		withClassic(o)
		o.Limits.TransfersPerAddress = 5
	}, prepare: func(s *siege) { s.hole() }, attack: func(s *siege) {
		c := s.lines()
		var kept []*data
		for range 5 {
			kept = append(kept, c.ask("large"))
		}
		c.say("RETR kept/file\n")
		r := s.reactors[0]
		eventually(s.t, "the sixth to wait", func() (waits bool) {
			onLoop(s.t, r, func() {
				waits = r.addresses[c.from].lines[poolFiles].waiting.Len() == 1
			})
			return waits
		})
		s.good.round()
		resetData(kept[0])
		(&data{c.told(), s.t}).wantWhole(nil)
		c.goodbye()
	}},
}

// hostileClassicNames are clients of classic that ask for what they must not have.
var hostileClassicNames = []hostileCase{
	{name: "classic names of what is no plain file", change: withClassic, attack: func(s *siege) {
		out := s.beside()
		at := func(name string) string { return filepath.Join(s.dir, name) }
		check(s.t, os.Symlink(out, at("folder")))
		check(s.t, os.Symlink(filepath.Join(out, "secret"), at("link")))
		check(s.t, os.Symlink("../"+filepath.Base(out)+"/secret", at("relative")))
		check(s.t, os.Symlink("loop", at("loop")))
		check(s.t, os.Symlink("/proc/self/root", at("root")))
		check(s.t, unix.Mkfifo(at("fifo"), 0o666))
		s.file(".hidden", []byte(secret))
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at("socket"), Net: "unix"})
		check(s.t, err)
		defer func() { check(s.t, l.Close()) }()
		c := s.lines()
		for _, name := range []string{
			"folder/secret", "link", "relative", "loop", "root/etc/passwd", "fifo", "socket",
			".hidden", "./.hidden", "kept", "kept/", "kept/file/", "/", ".", "kept/..",
			"../" + filepath.Base(out) + "/secret", "kept/../../" + filepath.Base(out) + "/secret",
			"kept/file\x00", "kept/fi\x00le", "kept/file ", " kept/file", "two\rlines",
			strings.Repeat("n", 4091), strings.Repeat("n/", 2045),
			strings.Repeat("../", 1300) + "x",
		} {
			c.ask(name).wantMessage(notFound)
		}
		s.wantAlone(out)
		c.goodbye()
	}},
	{name: "a classic file that becomes a link", change: withClassic, attack: func(s *siege) {
		// What was found when the port was told is looked at anew when the client comes.
		out := s.beside()
		path := filepath.Join(s.dir, "file")
		for _, become := range []func() error{
			func() error { return os.Symlink(filepath.Join(out, "secret"), path) },
			func() error { return unix.Mkfifo(path, 0o666) },
			func() error { return os.Mkdir(path, 0o777) },
		} {
			s.file("file", []byte("harmless"))
			c := s.lines()
			c.wantOffered(s, "file")
			check(s.t, os.Remove(path))
			check(s.t, become())
			wantResetAt(s.t, c.from, s.classicPort(poolFiles), 0)
			c.goodbye()
			check(s.t, os.Remove(path))
		}
	}},
	{name: "links swapped while classic runs", change: withClassic, attack: func(s *siege) {
		out := s.beside()
		in := filepath.Join(s.dir, "in")
		check(s.t, os.Mkdir(in, 0o777))
		check(s.t, os.WriteFile(filepath.Join(in, "secret"), []byte("harmless"), 0o666))
		stop := s.swapLinks("swap", out, "in")
		c := s.lines()
		for range 200 {
			c.say("RETR swap/secret\n")
			got, err := c.fetch()
			text := string(got)
			switch {
			case err == nil && (text == "harmless" || strings.HasSuffix(text, notFound)):
			case errors.Is(err, syscall.ECONNRESET) && text == "":
			default:
				s.t.Fatalf("%q came, then: %v", text, err)
			}
		}
		stop()
		s.wantAlone(out)
		c.goodbye()
	}},
}

// swapLinks lets a link in the root lead here and there, as fast as it can, until it is stopped.
func (s *siege) swapLinks(name string, targets ...string) (stop func()) {
	swap, next := filepath.Join(s.dir, name), filepath.Join(s.dir, name+".next")
	check(s.t, os.Symlink(targets[0], swap))
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-end:
				ended <- nil
				return
			default:
			}
			err := errors.Join(os.Symlink(targets[i%len(targets)], next), os.Rename(next, swap))
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		close(end)
		check(s.t, <-ended)
	})
	s.t.Cleanup(stop)
	return stop
}
