package reactor

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"ferry/codec"
	"ferry/reactor/limit"
)

// lines opens a classic session of a hostile client.
func (s *siege) lines() *lines { return s.classicFrom(s.t, hostileFrom) }

// wantOffered asks for a file and takes the CONN for it, without connecting.
func (l *lines) wantOffered(s *siege, name string) {
	l.t.Helper()
	l.say("RETR " + name + "\n")
	if port := l.port(); port != s.classicPort(poolFiles) {
		l.t.Fatalf("%s: port %d was told, files have %d", name, port, s.classicPort(poolFiles))
	}
}

// wantThanks demands the last line and the end behind it.
func (l *lines) wantThanks() {
	l.t.Helper()
	rest, err := io.ReadAll(l.in)
	check(l.t, err)
	if string(rest) != codec.ClassicThanks+"\n" {
		l.t.Fatalf("%q came", rest)
	}
}

// hostileClassicControl are clients that are hostile on classic's control.
var hostileClassicControl = []hostileCase{
	{name: "classic lines that are no command", change: withClassic, attack: func(s *siege) {
		c := s.lines()
		words := []string{
			"GET / HTTP/1.1\r", "\x16\x03\x01\x02\x00\x01\xfc\x03\x03", "0000000002ls", "\x00\x00",
			"\x1b[2J\x1b]0;owned\x07", "\u009b2J", "a\u202eb", "\xff\xfe\xfd", "RETR", "RETR ",
			"STOR new", "put new", "DELE kept/file", "hello 1", "quit", "CONN 22", "%s%n%d", "",
			"GOODBYE SERVER ", " RETR kept/file", "RETRkept/file", strings.Repeat("w", 4096),
		}
		for _, word := range words {
			c.say(word + "\n")
			port := c.port()
			if port != s.classicPort(poolMessages) {
				s.t.Errorf("%q: port %d was told", word, port)
			}
			connectFrom(s.t, c.from, port).wantMessage(unknownCommand)
		}
		s.wantLogged(string(outcomeUnknown), len(words))
		s.wantNoFile("new")
		c.goodbye()
	}},
	{name: "a classic line without end, in pieces", change: withClassic, attack: func(s *siege) {
		for _, first := range []string{"RETR ", "GOODBYE SERVER", "\r\r\r"} {
			c := s.lines()
			c.say(first)
			for said := len(first); said <= codec.CommandMax+1; said += 1024 {
				s.good.round()
				c.say(strings.Repeat("x", 1024))
			}
			wantEnd(s.t, c.TCPConn, errAny)
		}
		s.wantLogged(string(endViolation), 3)
	}},
	{name: "half a classic line, then silence", change: withClassic, attack: func(s *siege) {
		silent, slow := s.lines(), s.lines()
		silent.say("RETR kept/fi")
		slow.say("R")
		s.pass(9 * time.Minute)
		slow.say("E") // bytes are no command
		s.pass(2 * time.Minute)
		silent.wantEOF()
		wantEnd(s.t, slow.TCPConn, errAny) // its last byte may be unread
		s.wantLogged(string(endIdle), 2)
	}},
	{name: "too many classic lines sent ahead", change: withClassic, attack: func(s *siege) {
		c := s.lines()
		c.say(strings.Repeat("RETR kept/file\n", 4000)) // 60,000 bytes: what is allowed
		for range 50 {
			(&data{c.told(), s.t}).wantWhole(nil)
		}
		// Its end may come before all is said.
		_, _ = io.WriteString(c, strings.Repeat("RETR kept/file\n", 10_000))
		s.wantLogged(string(endFlood), 1)
	}},
	{name: "a goodbye with more behind it", change: withClassic, attack: func(s *siege) {
		for _, more := range []string{
			strings.Repeat("RETR kept/file\n", 100), strings.Repeat("GOODBYE SERVER\n", 100),
			strings.Repeat("x", 10_000),
		} {
			c := s.lines()
			c.say("GOODBYE SERVER\n" + more)
			c.wantThanks()
		}
		s.wantLogged(string(endQuit), 3)
	}},
	{name: "resets classic control at every byte", change: withClassic, attack: func(s *siege) {
		const whole = "RETR kept/file\r\nGOODBYE SERVER\n"
		for n := range len(whole) + 1 {
			c := s.lines()
			c.say(whole[:n])
			reset(s.t, c.TCPConn)
		}
	}},
	{name: "opens more classic sessions than it may", change: func(o *Options) {
		withClassic(o)
		o.Limits.SessionsPerAddress = 20
	}, attack: func(s *siege) {
		var kept []*lines
		for range 10 { // those of base and of classic are counted together
			s.dial().ask("ls kept").wantRecord([]byte("file\n"))
			c := s.lines()
			c.ask("missing").wantMessage(notFound)
			kept = append(kept, c)
		}
		for range 40 {
			wantEnd(s.t, s.lines().TCPConn, errAny)
			wantEnd(s.t, s.dial().TCPConn, errAny)
		}
		for _, c := range kept {
			c.goodbye()
		}
	}},
	{name: "a flood of classic connections", change: withClassic, attack: func(s *siege) {
		const many = 500
		for i := range many {
			c := s.classicFrom(s.t, fmt.Sprintf("127.0.1.%d", i%50))
			if i%2 == 0 {
				c.say("RETR kept/fi")
			}
		}
		eventually(s.t, "all of them", func() bool {
			return s.limiter.Used(limit.Sessions) >= many
		})
		s.good.round()
		s.pass(s.limiter.Limits.IdleTimeout)
		s.wantLogged(string(endIdle), many)
	}},
	{name: "a crowd that keeps the files port", change: withClassic, attack: func(s *siege) {
		// One offer stands for an address at a time; each that is not taken costs its session.
		const many = 10
		var all []*lines
		for range many {
			c := s.lines()
			c.say("RETR kept/file\n")
			all = append(all, c)
		}
		for n := range many {
			eventually(s.t, "the next offer", func() bool {
				s.leap(s.limiter.Limits.ClassicRest)
				return s.offersAt(poolFiles, hostileFrom) == 1
			})
			s.good.round()
			s.leap(s.limiter.Limits.OfferTimeout)
			// A line for the transfer and one for the session.
			s.wantLogged(string(endUnused1), 2*(n+1))
		}
		for _, c := range all {
			c.port()
			c.wantEOF()
		}
	}},
	{name: "ends classic control while data moves", change: withClassic, attack: func(s *siege) {
		content := pattern(4 << 20)
		s.file("large", content)
		for _, hang := range []func(*lines){
			func(c *lines) { check(s.t, c.Close()) },
			func(c *lines) { reset(s.t, c.TCPConn) },
		} {
			c := s.lines()
			d := c.ask("large")
			readExactly(s.t, d, content[:1000])
			c.wantOffered(s, "large")
			hang(c)
			d.wantWhole(content[1000:])
			// What was offered stands.
			connectFrom(s.t, c.from, s.classicPort(poolFiles)).wantWhole(content)
		}
	}},
	{name: "says goodbye while data moves", change: withClassic, attack: func(s *siege) {
		s.hole()
		c, other := s.lines(), s.lines()
		theirs := other.ask("large")
		moving := []*data{c.ask("large"), c.ask("large")}
		c.wantOffered(s, "large")
		c.say("GOODBYE SERVER\n")
		c.wantThanks()
		for _, d := range moving {
			wantResetWithin(s.t, d, 64<<20-1)
		}
		wantResetAt(s.t, c.from, s.classicPort(poolFiles), 0)
		s.wantLogged(string(outcomeLeft), 2)
		if n, err := io.Copy(io.Discard, theirs); n != 64<<20 || err != nil {
			s.t.Errorf("another session's file: %d bytes, %v", n, err)
		}
		check(s.t, theirs.Close())
		other.goodbye()
	}},
}

// offersAt is how many offers stand for an address on the ports of a pool.
func (s *siege) offersAt(k poolKind, from string) (n int) {
	r := s.reactors[0]
	onLoop(s.t, r, func() {
		if a := r.addresses[netip.MustParseAddr(from)]; a != nil && a.lines[k] != nil {
			for _, o := range a.lines[k].offers {
				if o != nil {
					n++
				}
			}
		}
	})
	return n
}
