package reactor

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"ferry/reactor/limit"
)

// hostileFloods are crowds.
var hostileFloods = []hostileCase{
	{name: "a flood of connections", attack: func(s *siege) {
		const many = 1000
		for i := range many {
			c := s.dialFrom(s.t, fmt.Sprintf("127.0.1.%d", i%50))
			if i%2 == 0 {
				c.say("0000")
			}
		}
		eventually(s.t, "all of them", func() bool {
			return s.limiter.Used(limit.Sessions) >= many
		})
		s.good.round()
		s.pass(s.limiter.Limits.IdleTimeout)
		s.wantLogged(string(endIdle), many)
	}},
	{name: "a flood of sessions that come and go", attack: func(s *siege) {
		for i := range 500 {
			c := s.dial()
			if i%3 == 0 {
				c.command("put x")
			}
			reset(s.t, c.TCPConn)
		}
		s.good.round()
	}},
	{name: "slow readers by the thousand", plain: true, prepare: func(s *siege) {
		s.hole()
	}, attack: func(s *siege) {
		const many = 1000
		for i := range many {
			c := s.dialFrom(s.t, fmt.Sprintf("127.0.1.%d", i%50))
			c.command("get large")
			d := connectSmall(s.t, c.from, c.wantPort())
			check(s.t, c.Close()) // it needs it no more
			_, _ = io.ReadFull(d, make([]byte, 10))
		}
		s.wantTransfers(many)
		s.good.round()
		s.outwait()
		s.wantLogged(string(outcomeStalled), many)
	}},
	{name: "a listing that is too large", change: func(o *Options) {
		o.Limits.ListingBytes = 4096
	}, prepare: func(s *siege) {
		dir := filepath.Join(s.dir, "many")
		check(s.t, os.Mkdir(dir, 0o777))
		for i := range 100 {
			name := fmt.Sprintf("%06d-%s", i, strings.Repeat("n", 100))
			check(s.t, os.WriteFile(filepath.Join(dir, name), nil, 0o666))
		}
	}, attack: func(s *siege) {
		c := s.dial()
		for range 20 {
			c.command("ls many")
			wantResetAt(s.t, netip.MustParseAddr(hostileFrom), c.wantPort(), 0)
		}
		status := s.hello()
		status.ask("ls many", 552, "many: ")
		status.ask("ls -l many", 552, "many: ")
	}},
	{name: "more transfers than it may", change: func(o *Options) {
		o.Limits.TransfersPerAddress = 5
	}, prepare: func(s *siege) { s.hole() }, attack: func(s *siege) {
		var kept []*data
		for range 5 {
			kept = append(kept, s.dial().ask("get large"))
		}
		c := s.dial()
		c.command("ls kept")
		eventually(s.t, "the sixth to wait", func() bool { return s.waiting(s.t) == 1 })
		s.good.round()
		reset(s.t, kept[0].TCPConn)
		c.connect(c.wantPort()).wantRecord([]byte("file\n"))
	}},
	{name: "uploads without end", change: func(o *Options) {
		o.Limits.UploadBytes = 1 << 20
	}, attack: func(s *siege) {
		for range 5 {
			d := s.dial().ask("put endless")
			pump(d, record(string(pattern(64<<10))))
			check(s.t, d.Close())
		}
		s.wantLogged(string(outcomeRefused), 5)
		s.wantNoFile("endless")
	}},
}

// hostileClassic are clients that are hostile in the classic exchange.
var hostileClassic = []hostileCase{
	{name: "classic lines that never end", change: withClassic, attack: func(s *siege) {
		for range 5 {
			c := s.classicFrom(s.t, hostileFrom)
			_, _ = io.WriteString(c, strings.Repeat("R", 10_000))
			wantEnd(s.t, c.TCPConn, errAny)
		}
		s.wantLogged(string(endViolation), 5)
	}},
	{
		name: "classic names that lead out or have controls", change: withClassic,
		attack: func(s *siege) {
			c := s.classicFrom(s.t, hostileFrom)
			for _, name := range []string{
				strings.Repeat("../", 20) + "etc/passwd", "/../etc/passwd",
				"../" + filepath.Base(s.dir) + "/kept/file", "\x1b[2J", "\u009b2J", "\xff\xfe",
				"kept", "..",
			} {
				c.ask(name).wantMessage(notFound)
			}
		},
	},
	{name: "never connects, in classic", change: withClassic, attack: func(s *siege) {
		c := s.classicFrom(s.t, hostileFrom)
		c.say("RETR kept/file\n")
		c.port()
		s.pass(s.limiter.Limits.OfferTimeout)
		c.wantEOF()
		s.wantLogged(string(endUnused1), 1)
	}},
	{name: "a stranger at the classic file port", change: withClassic, attack: func(s *siege) {
		for range 20 {
			port := s.reactors[0].pools[poolFiles].ports[0].number
			wantResetAt(s.t, netip.MustParseAddr(hostileFrom), port, 0)
		}
	}},
}
